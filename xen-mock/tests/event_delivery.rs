//! Which processor is told of an event, and by which interrupt.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::events::*;
use common::raw;
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::memory;
use xen_hypercall::{Number, Port, SharedPage, Vcpu, Word};
use xen_mock::{Delivery, Hook, Host, Kind};

const CALLBACK_TYPE: u32 = 56;

/// A guest of two processors with all upcalls taken down.
struct Two {
    host: Host,
    xen: Hook,
    shared: SharedPage,
}

impl Two {
    fn new(kind: Kind) -> Self {
        let host = Host::builder().vcpus(2).kind(kind).build();
        let (guest, xen) = (host.guest(), host.guest().hook());
        let shared = guest.page();
        memory::map_shared_info(&xen, &shared).unwrap();
        let two = Self { host, xen, shared };
        two.take_down();
        two
    }

    fn take_down(&self) {
        for upcall in [self.shared.u8_at::<0>(), self.shared.u8_at::<64>()] {
            upcall.store(0, Relaxed);
        }
        for selector in [self.shared.u64_at::<8>(), self.shared.u64_at::<72>()] {
            selector.store(0, Relaxed);
        }
        self.shared.u64s_at::<2048, 64>()[0].store(0, Relaxed);
    }

    fn callback(&self, kind: u64, rest: u64) {
        hvm::set_param(&self.xen, Param::CALLBACK_IRQ, kind << CALLBACK_TYPE | rest).unwrap();
    }

    fn vector(&self, vcpu: u32, vector: u32) -> isize {
        let mut block = [vcpu, vector];
        let args = [Word::int(23), Word::ptr(&raw mut block), Word::ZERO, Word::ZERO, Word::ZERO];
        raw(&self.xen, Number::HVM_OP, args)
    }

    fn upcalls(&self) -> [u64; 2] {
        [0, 1].map(|vcpu| self.host.events().upcalls(Vcpu(vcpu)))
    }

    fn delivery(&self) -> [Delivery; 2] {
        [0, 1].map(|vcpu| self.host.events().delivery(Vcpu(vcpu)))
    }

    /// Sends an event to each processor; how often each was told.
    fn tell_both(&self) -> [u64; 2] {
        let before = self.upcalls();
        for vcpu in [0, 1] {
            let port = ipi(&self.xen, vcpu);
            done(&self.xen, SEND, [port.0]);
        }
        let after = self.upcalls();
        self.take_down();
        [after[0] - before[0], after[1] - before[1]]
    }
}

#[test]
fn without_a_callback_nobody_is_told() {
    let two = Two::new(Kind::Pvh);
    assert_eq!((two.delivery(), two.tell_both()), ([Delivery::Nothing; 2], [0, 0]));
}

#[test]
fn a_vector_of_all_processors() {
    let two = Two::new(Kind::Pvh);
    two.callback(2, 0x31);
    assert_eq!((two.delivery(), two.tell_both()), ([Delivery::Callback(0x31); 2], [1, 1]));
}

#[test]
fn a_vector_of_its_own_goes_first() {
    let two = Two::new(Kind::Pvh);
    two.callback(2, 0x31);
    assert_eq!([two.vector(1, 0x0f), two.vector(2, 0x40), two.vector(1, 0x40)], [EINVAL, ENOENT, 0]);
    assert_eq!(two.delivery(), [Delivery::Callback(0x31), Delivery::Own(0x40)]);
    assert_eq!(two.tell_both(), [1, 1]);
    two.callback(0, 0);
    assert_eq!((two.delivery(), two.tell_both()), ([Delivery::Nothing, Delivery::Own(0x40)], [0, 1]));
    two.host.check().unwrap();
}

#[test]
fn lines_reach_the_first_processor_of_an_hvm_guest() {
    let two = Two::new(Kind::Hvm);
    two.callback(0, 28);
    assert_eq!((two.delivery(), two.tell_both()), ([Delivery::Gsi(28), Delivery::Nothing], [1, 0]));
    two.callback(1, 3 << 11 | 2);
    let intx = Delivery::Intx { device: 3, line: 2 };
    assert_eq!((two.delivery(), two.tell_both()), ([intx, Delivery::Nothing], [1, 0]));
    for line in [48, 255] {
        two.callback(0, line);
        assert_eq!(two.delivery(), [Delivery::Nothing; 2], "there is no line {line}");
    }
}

#[test]
fn a_pvh_guest_has_no_lines_and_no_other_kind_tells() {
    let two = Two::new(Kind::Pvh);
    for (kind, rest) in [(0, 28), (1, 3 << 11), (3, 0x31)] {
        two.callback(kind, rest);
        assert_eq!((two.delivery(), two.tell_both()), ([Delivery::Nothing; 2], [0, 0]), "kind {kind}");
    }
}

#[test]
fn while_an_upcall_is_pending_no_other_comes() {
    let two = Two::new(Kind::Pvh);
    two.callback(2, 0x31);
    let ports = [0; 3].map(|vcpu| ipi(&two.xen, vcpu));
    let before = two.upcalls();
    for port in ports {
        done(&two.xen, SEND, [port.0]);
    }
    assert_eq!(two.upcalls(), [before[0] + 1, before[1]]);
    two.shared.u8_at::<0>().store(0, Relaxed);
    done(&two.xen, SEND, [ports[0].0]);
    assert_eq!(two.upcalls(), [before[0] + 1, before[1]], "nor for what is pending and selected already");
    two.take_down();
    done(&two.xen, SEND, [ports[0].0]);
    assert_eq!(two.upcalls(), [before[0] + 2, before[1]]);
}

#[test]
fn an_upcall_that_was_pending_comes_with_the_callback() {
    let two = Two::new(Kind::Pvh);
    done(&two.xen, SEND, [ipi(&two.xen, 0).0]);
    assert_eq!(two.upcalls(), [0, 0]);
    two.callback(2, 0x31);
    assert_eq!(two.upcalls(), [1, 0]);
    two.take_down();
    assert_eq!((two.vector(0, 0x40), two.upcalls()), (0, [2, 0]), "a vector of its own comes once, event or not");
}

#[test]
fn a_port_that_moves_tells_the_other_processor() {
    let two = Two::new(Kind::Pvh);
    two.callback(2, 0x31);
    let port = unbound(&two.xen, 0);
    let far = two.host.dom0().bind(port).unwrap();
    let before = two.upcalls();
    two.host.dom0().notify(far);
    two.take_down();
    done(&two.xen, BIND_VCPU, [port.0, 1]);
    two.host.dom0().notify(far);
    assert_eq!(two.upcalls(), [before[0] + 1, before[1] + 1]);
    assert_eq!((two.shared.u64_at::<8>().load(Relaxed), two.shared.u64_at::<72>().load(Relaxed)), (0, 1));
    let closed = Port(port.0);
    done(&two.xen, CLOSE, [closed.0]);
    assert_eq!(status(&two.xen, closed), [0; 4], "closing sends it back to vCPU 0");
}
