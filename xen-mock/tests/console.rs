//! The console ring.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::{after, param, port_of};
use xen_hypercall::op::hvm::Param;
use xen_hypercall::op::{event_channel, sched};
use xen_hypercall::{Gfn, Port, SharedPage};
use xen_mock::{Daemon, Guest, Host, Violation};

struct Line {
    guest: Guest,
    ring: SharedPage,
    port: Port,
}

impl Line {
    fn new(host: &Host) -> Self {
        let guest = host.guest();
        let xen = guest.hook();
        let ring = guest.map(Gfn(param(&xen, Param::CONSOLE_PFN)));
        let port = port_of(&xen, Param::CONSOLE_EVTCHN);
        Self { guest, ring, port }
    }

    fn write(&self, text: &str) {
        let prod = self.ring.u32_at::<3084>();
        for byte in text.bytes() {
            let at = prod.load(Relaxed);
            self.ring.copy_out(1024 + at as usize % 2048, &[byte]);
            prod.store(at.wrapping_add(1), Relaxed);
        }
        event_channel::send(&self.guest.hook(), self.port).unwrap();
        self.pause();
    }

    fn pause(&self) {
        sched::poll(&self.guest.hook(), &[], after(&self.guest, 1)).unwrap();
    }
}

#[test]
fn output_becomes_lines() {
    let host = Host::builder().build();
    let line = Line::new(&host);
    line.write("one\ntwo");
    line.write(" and more\n");
    assert_eq!(host.console().lines(), ["one", "two and more"]);
    for _ in 0..100 {
        line.write(&"x".repeat(99));
        line.write("\n");
    }
    assert_eq!(host.console().lines().len(), 102);
}

#[test]
fn input_comes_as_it_fits() {
    let host = Host::builder().build();
    let line = Line::new(&host);
    host.console().send(&"k".repeat(1500));
    line.pause();
    let [cons, prod] = line.ring.u32s_at::<3072, 2>();
    assert_eq!(prod.load(Relaxed), 1024);
    cons.store(1024, Relaxed);
    line.write("");
    assert_eq!(prod.load(Relaxed), 1500);
}

#[test]
fn a_stuck_console_takes_nothing() {
    let host = Host::builder().console(Daemon::Stuck).build();
    let line = Line::new(&host);
    line.write("lost\n");
    assert_eq!(line.ring.u32_at::<3080>().load(Relaxed), 0);
    assert!(host.console().lines().is_empty());
}

#[test]
fn an_absent_console_has_no_parameters() {
    let host = Host::builder().console(Daemon::Absent).build();
    let xen = host.guest().hook();
    assert_eq!((param(&xen, Param::CONSOLE_PFN), param(&xen, Param::CONSOLE_EVTCHN)), (0, 0));
}

#[test]
fn indices_out_of_range_are_noted() {
    let host = Host::builder().build();
    let line = Line::new(&host);
    line.ring.u32_at::<3084>().store(5000, Relaxed);
    line.write("");
    assert_eq!(host.check().unwrap_err(), [Violation::BrokenConsoleRing]);
}
