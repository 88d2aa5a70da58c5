//! Each kind of interrupt, set up on the mock host, which tells how it would deliver.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use xen_evtchn::{Acknowledge, CallbackLine, CallbackVector, Delivery, Ppi, Trigger, VcpuVector};
use xen_hypercall::{Errno, Number, Vcpu};
use xen_mock::{Delivery as By, Host, Kind};

/// Sets a kind up for two processors, and returns how each is told.
fn set_up(kind: &dyn Delivery) -> ([By; 2], [Result<(), Errno>; 2]) {
    let host = Host::builder().kind(Kind::Hvm).vcpus(2).build();
    let xen = host.guest().hook();
    kind.start(&xen).unwrap();
    let joined = [0, 1].map(|vcpu| kind.join(&xen, Vcpu(vcpu)));
    ([0, 1].map(|vcpu| host.events().delivery(Vcpu(vcpu))), joined)
}

#[test]
fn each_kind_is_what_it_says() {
    let (told, joined) = set_up(&VcpuVector(0xF3));
    assert_eq!((told, joined), ([By::Own(0xF3); 2], [Ok(()); 2]));
    let (told, joined) = set_up(&CallbackVector(0xF3));
    assert_eq!((told, joined), ([By::Callback(0xF3); 2], [Ok(()); 2]));
    let lines = [(CallbackLine::Gsi(9), By::Gsi(9)), (CallbackLine::Intx(3 << 3, 1), By::Intx { device: 3, line: 1 })];
    for (kind, by) in lines {
        let (told, joined) = set_up(&kind);
        assert_eq!((told, joined), ([by, By::Nothing], [Ok(()), Err(Errno::EINVAL)]));
    }
}

#[test]
fn a_refusal_is_told() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    assert_eq!(VcpuVector(3).join(&xen, Vcpu(0)), Err(Errno::EINVAL), "reserved for exceptions");
    assert_eq!(VcpuVector(0x30).join(&xen, Vcpu(9)), Err(Errno::ENOENT));
    let ppi = Ppi { number: 31, trigger: Trigger::LevelLow };
    assert_eq!((Ppi::ask(&xen), ppi.start(&xen)), (Ok(None), Err(Errno::EINVAL)), "on x86");
    host.faults().on_call(Number::HVM_OP).times(1).returns(-1);
    assert_eq!(CallbackVector(0x30).start(&xen), Err(Errno::EPERM));
}

#[test]
fn it_is_known_who_is_told_of_an_interrupt() {
    let ppi = |trigger| Ppi { number: 31, trigger };
    let kinds: [(&dyn Delivery, Acknowledge); 6] = [
        (&VcpuVector(0x30), Acknowledge::Local),
        (&CallbackVector(0x30), Acknowledge::Nobody),
        (&CallbackLine::Gsi(9), Acknowledge::Line),
        (&CallbackLine::Intx(3 << 3, 0), Acknowledge::Line),
        (&ppi(Trigger::Edge), Acknowledge::Local),
        (&ppi(Trigger::LevelHigh), Acknowledge::Line),
    ];
    assert!(kinds.iter().all(|(kind, acknowledge)| kind.acknowledge() == *acknowledge));
}
