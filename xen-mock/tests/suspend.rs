//! What a suspend does to the guest, in each class of resume.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{Client, after, param, port_of, set_callback};
use xen_hypercall::op::event_channel::{self, Binding};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{memory, sched};
use xen_hypercall::{Clock, Cpu, DomId, Errno, Nanos, SharedInfo, Vcpu, detect, incarnation};
use xen_mock::{ControlNodes, Destination, Host, Kind, Operation, Outcome, Reason, Save, State, Vendor, Violation};

/// Begins a save after a second, and returns where its number will be.
fn save_soon(host: &Host, save: Save) -> Rc<Cell<Option<Operation>>> {
    let begun = Rc::new(Cell::new(None));
    let to = Rc::clone(&begun);
    host.at(Nanos::from_secs(1), move |host| to.set(Some(host.toolstack().save(save))));
    begun
}

fn outcome(host: &Host, begun: &Cell<Option<Operation>>) -> Option<Outcome> {
    host.toolstack().outcome(begun.get().expect("begun"))
}

#[test]
fn a_checkpoint_changes_nothing() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    client.watch("data", "t").unwrap();
    client.take_events();
    let canary = event_channel::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    let begun = save_soon(&host, Save::Checkpoint);
    client.acknowledge("suspend");
    let holdings = host.ledger().holdings();
    assert_eq!(client.suspend(), 1);
    assert_eq!(outcome(&host, &begun), Some(Outcome::Resumed(1)));
    assert_eq!(host.ledger().holdings(), holdings);
    assert_eq!(event_channel::status(&client.xen, canary).unwrap().binding, Binding::Ipi);
    assert_eq!(client.read("domid").unwrap(), "1");
    assert_eq!(client.watch("data", "t").unwrap_err(), "EEXIST");
    host.check().unwrap();
}

#[test]
fn a_restore_makes_everything_new() {
    let host = Host::builder().domid(DomId(5)).build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    client.write("control/feature-suspend", "1").unwrap();
    client.watch("data", "t").unwrap();
    let canary = event_channel::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    let to = Destination { ports_before: 3, vendor: Some(Vendor::Amd), version: Some((4, 20)), ..Default::default() };
    let begun = save_soon(&host, Save::Restore(to));
    client.acknowledge("suspend");
    assert_eq!(client.suspend(), 0);
    assert_eq!(outcome(&host, &begun), Some(Outcome::Restored(DomId(6))));

    assert_eq!(host.ledger().holdings(), Default::default(), "the guest holds nothing");
    let status = event_channel::status(&client.xen, canary).unwrap();
    assert_eq!(status.binding, Binding::Closed);
    assert_eq!(param(&client.xen, Param::CALLBACK_IRQ), 0);
    assert_eq!(port_of(&client.xen, Param::STORE_EVTCHN).0, 4);
    let presence = detect(&client.guest.cpu()).unwrap();
    assert_eq!((presence.minor, incarnation(&client.guest.cpu(), presence)), (20, 1));
    client.rebuild();
    assert_eq!(client.read("domid").unwrap(), "6");
    assert_eq!(client.read("control/feature-suspend").unwrap(), "");
    assert_eq!(client.read("/local/domain/5/domid").unwrap_err(), "EACCES");
    client.watch("data", "t").unwrap();
    host.check().unwrap();
}

#[test]
fn the_grant_table_is_a_hole_until_mapped_again() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let frame = client.guest.page();
    memory::map_grant_frame(&client.xen, 0, &frame).unwrap();
    frame.copy_out(64, &[1; 8]);
    host.toolstack().await_suspend(Save::Restore(Destination::default()));
    assert_eq!(client.suspend(), 0);
    let first_byte = |at| {
        let mut bytes = [0];
        frame.copy_in(at, &mut bytes);
        bytes[0]
    };
    assert_eq!(first_byte(64), 0xff, "Xen's own page is not in the image");
    assert!(host.ledger().holdings().grants.is_empty());
    memory::map_grant_frame(&client.xen, 0, &frame).unwrap();
    assert_eq!((first_byte(8), first_byte(64)), (1, 0), "the entry of xenstore is seeded");
}

#[test]
fn the_toolstack_can_be_unable_to_take_an_acknowledgement() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    host.faults().deny_acknowledgement();
    assert_eq!(client.read("control/shutdown").unwrap(), "");
    assert_eq!(client.write("control/shutdown", "").unwrap_err(), "EACCES");
    let host = Host::builder().control(ControlNodes::Absent).build();
    assert_eq!(Client::new(&host).read("control/shutdown").unwrap_err(), "ENOENT");
}

#[test]
fn shared_info_is_a_hole_until_mapped_again() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    let info = client.guest.page();
    client.rebuild_at(&info);
    save_soon(&host, Save::Restore(Destination::default()));
    client.acknowledge("suspend");
    let time = |page: &xen_hypercall::SharedPage| {
        let mut bytes = [0; 8];
        page.copy_in(48, &mut bytes);
        u64::from_le_bytes(bytes)
    };
    let before = time(&info);
    assert_eq!(client.suspend(), 0);
    assert_eq!(time(&info), u64::MAX, "Xen's own page is not in the image");
    memory::map_shared_info(&client.xen, &info).unwrap();
    assert!(time(&info) < before, "the new host has not been up for so long");
}

#[test]
fn a_slow_resume_returns_zero_in_the_same_domain() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    let canary = event_channel::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    let begun = save_soon(&host, Save::SlowResume);
    client.acknowledge("suspend");
    assert_eq!(client.suspend(), 0);
    assert_eq!(outcome(&host, &begun), Some(Outcome::Resumed(0)));
    assert_eq!(event_channel::status(&client.xen, canary).unwrap().binding, Binding::Ipi);
    assert_ne!(param(&client.xen, Param::CALLBACK_IRQ), 0);
    assert_eq!(client.read("domid").unwrap(), "1");
}

#[test]
fn a_guest_without_callback_is_not_marked() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    let begun = save_soon(&host, Save::Fail);
    client.acknowledge("suspend");
    assert_eq!(client.suspend(), 0, "PVH is asked, but its result is left alone");
    assert_eq!(outcome(&host, &begun), Some(Outcome::Resumed(0)));
}

#[test]
fn hvm_without_callback_is_frozen_without_being_asked() {
    let host = Host::builder().kind(Kind::Hvm).build();
    let client = Client::new(&host);
    let begun = save_soon(&host, Save::Restore(Destination::default()));
    while host.guest().domid() == DomId(1) {
        sched::poll(&client.xen, &[], after(&client.guest, 100)).unwrap();
    }
    assert_eq!(outcome(&host, &begun), Some(Outcome::Restored(DomId(2))));
    assert_eq!(host.store().read("control/shutdown").as_deref(), Some(""));
}

#[test]
fn a_guest_may_be_frozen_between_two_hypercalls() {
    let host = Host::builder().kind(Kind::Hvm).build();
    let client = Client::new(&host);
    let operation = host.toolstack().save(Save::Checkpoint);
    let before = host.now();
    assert_eq!(param(&client.xen, Param::STORE_PFN), 0xf_efff);
    assert!(host.now().since(before) >= Nanos::from_millis(100));
    assert_eq!(host.toolstack().outcome(operation), Some(Outcome::Resumed(0)));
    host.check().unwrap();
}

#[test]
fn a_suspend_without_acknowledgement_is_seen_late() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    set_callback(&client.xen);
    let operation = host.toolstack().save(Save::Checkpoint);
    assert_eq!(client.suspend(), 1);
    assert!(host.now() > Nanos::from_secs(60));
    assert_eq!(host.toolstack().outcome(operation), Some(Outcome::Resumed(1)));
    assert_eq!(host.check().unwrap_err(), [Violation::SuspendedUnasked]);
}

#[test]
fn without_an_acknowledgement_the_request_is_taken_back() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    let begun = save_soon(&host, Save::Checkpoint);
    while begun.get().is_none_or(|operation| host.toolstack().outcome(operation).is_none()) {
        sched::poll(&client.xen, &[], after(&client.guest, 1000)).unwrap();
    }
    assert_eq!(outcome(&host, &begun), Some(Outcome::NotAcknowledged));
    assert!((61..63).contains(&(host.now().0 / 1_000_000_000)));
    assert_eq!(client.read("control/shutdown").unwrap(), "");
}

#[test]
fn a_guest_that_never_suspends_is_not_told() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    let begun = save_soon(&host, Save::Checkpoint);
    client.acknowledge("suspend");
    while host.toolstack().is_busy() {
        sched::poll(&client.xen, &[], after(&client.guest, 1000)).unwrap();
    }
    assert_eq!(outcome(&host, &begun), Some(Outcome::NotSuspended));
    assert_eq!(client.read("control/shutdown").unwrap(), "");
    // An operator can still wake one that suspends too late.
    host.at(host.now().after(Nanos::from_secs(9)), |host| host.toolstack().resume());
    assert_eq!(client.suspend(), 1);
    assert_eq!(host.check().unwrap_err(), [Violation::SuspendedUnasked]);
}

#[test]
#[should_panic(expected = "the guest sleeps for ever")]
fn a_suspend_that_nobody_waits_for_never_ends() {
    let host = Host::builder().build();
    Client::new(&host).suspend();
}

#[test]
fn a_refused_suspend_call_changes_nothing() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    let begun = save_soon(&host, Save::Checkpoint);
    client.acknowledge("suspend");
    host.faults().on_call(xen_hypercall::Number::SCHED_OP).cmd(2).returns(-16);
    assert_eq!(client.suspend(), -16);
    assert_eq!(host.state(), State::Running);
    assert_eq!(client.suspend(), 1, "the toolstack still waits");
    assert_eq!(outcome(&host, &begun), Some(Outcome::Resumed(1)));
}

#[test]
fn poweroff_instead_of_suspend() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    let begun = save_soon(&host, Save::Checkpoint);
    client.acknowledge("suspend");
    assert_eq!(sched::shutdown(&client.xen, sched::Reason::POWEROFF), 0);
    assert_eq!(outcome(&host, &begun), Some(Outcome::Stopped(Reason::Poweroff)));
}

#[test]
fn a_latched_code_wins() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let mut block = 1_u32;
    let args = [
        xen_hypercall::Word::int(5),
        xen_hypercall::Word::ptr(&raw mut block),
        xen_hypercall::Word::ZERO,
        xen_hypercall::Word::ZERO,
        xen_hypercall::Word::ZERO,
    ];
    assert_eq!(common::raw(&client.xen, xen_hypercall::Number::SCHED_OP, args), 0);
    sched::shutdown(&client.xen, sched::Reason::POWEROFF);
    assert_eq!(host.state(), State::Shutdown(Reason::Reboot));
}

#[test]
fn the_clock_jumps_and_the_tsc_goes_on() {
    let host = Host::builder().uptime(Nanos::from_secs(9000)).build();
    let mut client = Client::new(&host);
    set_callback(&client.xen);
    let page = client.guest.page();
    memory::map_shared_info(&client.xen, &page).unwrap();
    let info = SharedInfo::new(page);
    let clock = Clock::new(client.guest.cpu(), &info);
    let (system, wall, tsc) = (clock.system_time().unwrap(), clock.wall_clock().unwrap(), client.guest.cpu().tsc());
    assert_eq!(system.0 / 1_000_000_000, 9000);
    assert_eq!(wall.0 / 1_000_000_000, 1_800_000_000);
    client.shared = client.guest.page();
    save_soon(&host, Save::Restore(Destination::default()));
    // The client's own page is not the live one: it looks at the store by dom0's means.
    while host.store().read("control/shutdown").as_deref() != Some("suspend") {
        sched::poll(&client.xen, &[], after(&client.guest, 100)).unwrap();
    }
    host.store().write("control/shutdown", "");
    assert_eq!(client.suspend(), 0);
    memory::map_shared_info(&client.xen, info.page()).unwrap();
    assert!(clock.system_time().unwrap() < system);
    assert!(client.guest.cpu().tsc() > tsc);
    let later = clock.wall_clock().unwrap().since(wall).0;
    assert!((1_000_000_000..3_000_000_000).contains(&later), "{later}");
}

#[test]
fn a_save_may_be_awaited_without_the_word() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    set_callback(&client.xen);
    let operation = host.toolstack().await_suspend(Save::Restore(Destination::default()));
    assert_eq!(client.suspend(), 0);
    assert_eq!(host.toolstack().outcome(operation), Some(Outcome::Restored(DomId(2))));
    assert_eq!(hvm::set_param(&client.xen, Param::STORE_PFN, 1), Err(Errno::EPERM));
    host.check().unwrap();
}
