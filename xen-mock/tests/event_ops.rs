//! The operations on event channels, as raw blocks: every result that Xen has for them.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::events::*;
use xen_hypercall::op::{memory, sched};
use xen_hypercall::{DomId, Errno, Nanos, Number, Port, Word};
use xen_mock::{Hook, Host, Kind, MapMode, Violation};

const STORE: Port = Port(1);

fn bind_interdomain(xen: &Hook, (remote, port): (u32, Port)) -> (isize, Port) {
    let (result, [_, _, local]) = event_op(xen, BIND_INTERDOMAIN, [remote, port.0, 0]);
    (result, Port(local))
}

fn bind_virq(xen: &Hook, virq: u32, vcpu: u32) -> isize {
    event_op(xen, BIND_VIRQ, [virq, vcpu, 0]).0
}

#[test]
fn every_operation_wants_its_block() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    for cmd in 0..=13 {
        let args = [Word::int(cmd), Word::ZERO, Word::ZERO, Word::ZERO, Word::ZERO];
        assert_eq!(common::raw(&xen, Number::EVENT_CHANNEL_OP, args), EFAULT, "command {cmd}");
    }
    assert_eq!(event(&xen, 14, [0; 2]), ENOSYS, "a continuation, Xen's own");
    assert_eq!(event(&xen, 15, [0; 2]), ENOSYS);
    host.check().unwrap();
}

#[test]
fn a_port_is_opened_in_ones_own_domain() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let open = |domain: u32| event_op(&xen, ALLOC_UNBOUND, [domain, 0]);
    assert_eq!(open(0).0, EPERM, "dom0's");
    assert_eq!(open(9).0, ESRCH);
    let _offered: Port = host.dom0().offer_as(DomId(9));
    assert_eq!(open(9).0, EPERM, "there is such a domain now");
    let own = u32::from(host.guest().domid().0);
    assert_eq!(open(own), (0, [own, 3]));
    assert_eq!(status(&xen, Port(3)), [1, 0, 0, 0]);
    host.check().unwrap();
}

#[test]
fn a_remote_port_must_wait_for_the_caller() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    assert_eq!(bind_interdomain(&xen, (0, Port(9))).0, EINVAL, "no such port");
    assert_eq!(bind_interdomain(&xen, (9, Port(9))).0, ESRCH, "no such domain");
    let elsewhere = host.dom0().offer_as(DomId(9));
    assert_eq!(bind_interdomain(&xen, (0, elsewhere)).0, EINVAL, "another domain's");
    let (result, local) = bind_interdomain(&xen, (9, elsewhere));
    assert_eq!((result, local), (0, Port(3)), "what failed left nothing open");
    assert_eq!(bind_interdomain(&xen, (9, elsewhere)).0, EINVAL, "is bound already");
    assert_eq!(status(&xen, local), [2, 0, 9, elsewhere.0]);
    host.check().unwrap();
}

#[test]
fn where_no_port_is_free_each_binding_says_so() {
    let host = Host::builder().max_port(2).build();
    let xen = host.guest().hook();
    let offered = host.dom0().offer();
    let results = [
        event_op(&xen, ALLOC_UNBOUND, [SELF, 0]).0,
        bind_interdomain(&xen, (0, offered)).0,
        bind_interdomain(&xen, (0, Port(9))).0,
        bind_virq(&xen, 0, 0),
        event_op(&xen, BIND_PIRQ, [3, 0, 0]).0,
        event_op(&xen, BIND_IPI, [0, 0]).0,
    ];
    assert_eq!(results, [ENOSPC; 6]);
    host.check().unwrap();
}

#[test]
fn virtual_interrupts_of_processors_and_of_the_domain() {
    let host = Host::builder().vcpus(2).build();
    let xen = host.guest().hook();
    assert_eq!([bind_virq(&xen, 0, 0), bind_virq(&xen, 0, 1), bind_virq(&xen, 3, 0)], [0; 3]);
    assert_eq!([bind_virq(&xen, 0, 1), bind_virq(&xen, 3, 0)], [EEXIST; 2]);
    assert_eq!([bind_virq(&xen, 3, 1), bind_virq(&xen, 24, 0), bind_virq(&xen, u32::MAX, 0)], [EINVAL; 3]);
    assert_eq!(bind_virq(&xen, 0, 2), ENOENT);
    assert_eq!([3, 4, 5].map(|port| status(&xen, Port(port))), [[4, 0, 0, 0], [4, 1, 0, 0], [4, 0, 3, 0]]);
    host.check().unwrap();
}

#[test]
fn a_newer_xen_keeps_the_hosts_interrupts_from_guests() {
    let host = Host::builder().version(4, 21).build();
    let xen = host.guest().hook();
    assert_eq!([bind_virq(&xen, 2, 0), bind_virq(&xen, 9, 0)], [EBUSY; 2]);
    assert_eq!([bind_virq(&xen, 11, 0), bind_virq(&xen, 1, 0)], [0; 2], "Argo's is the domain's own");
}

#[test]
fn a_physical_interrupt_is_bound_once_and_sends_nothing() {
    let host = Host::builder().vcpus(2).build();
    let xen = host.guest().hook();
    let bind = |pirq: u32, flags: u32| event_op(&xen, BIND_PIRQ, [pirq, flags, 0]);
    assert_eq!(bind(9, 1), (0, [9, 1, 3]));
    assert_eq!([bind(9, 0).0, bind(56, 0).0, bind(u32::MAX, 0).0], [EEXIST, EINVAL, EINVAL]);
    done(&xen, BIND_VCPU, [3, 1]);
    assert_eq!(status(&xen, Port(3)), [3, 1, 9, 0]);
    host.check().unwrap();
    assert_eq!(event(&xen, SEND, [3]), EINVAL);
    done(&xen, CLOSE, [3]);
    assert_eq!(bind(9, 2).0, 0);
    let padding = Violation::Padding(Number::EVENT_CHANNEL_OP, BIND_PIRQ);
    assert_eq!(host.check().unwrap_err(), [Violation::SentByWrongPort(Port(3)), padding]);
}

#[test]
fn which_ports_can_change_their_processor() {
    let host = Host::builder().vcpus(2).build();
    let xen = host.guest().hook();
    let movable = [unbound(&xen, 0), STORE];
    assert_eq!([bind_virq(&xen, 3, 0), bind_virq(&xen, 0, 0)], [0; 2]);
    let (global, timer, call) = (Port(4), Port(5), ipi(&xen, 0));
    let bind = |port: Port, vcpu: u32| event(&xen, BIND_VCPU, [port.0, vcpu]);
    assert_eq!([bind(movable[0], 1), bind(movable[1], 1), bind(global, 1)], [0; 3]);
    assert_eq!([status(&xen, movable[0])[1], status(&xen, STORE)[1], status(&xen, global)[1]], [1; 3]);
    assert_eq!([bind(timer, 1), bind(call, 1), bind(Port(0), 1), bind(Port(9), 1), bind(Port(64), 1)], [EINVAL; 5]);
    assert_eq!([bind(movable[0], 2), bind(Port(64), 2)], [ENOENT; 2]);
    // It ends with the binding.
    done(&xen, CLOSE, [movable[0].0]);
    assert_eq!(status(&xen, unbound(&xen, 0)), [1, 0, 0, 0]);
    host.check().unwrap();
}

#[test]
fn the_state_of_anothers_port_is_not_told() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let ask = |domain: u32, port: u32| event_op(&xen, STATUS, [domain, port, 7, 7, 7, 7]);
    assert_eq!([ask(0, 1).0, ask(9, 1).0, ask(SELF, 64).0], [EPERM, ESRCH, EINVAL]);
    let _offered: Port = host.dom0().offer_as(DomId(9));
    assert_eq!(ask(9, 1).0, EPERM);
    let own = u32::from(host.guest().domid().0);
    assert_eq!(ask(own, 5), (0, [own, 5, 0, 0, 0, 0]));
    host.check().unwrap();
    assert_eq!(ask(SELF | 1 << 16, 5).0, 0);
    assert_eq!(host.check().unwrap_err(), [Violation::Padding(Number::EVENT_CHANNEL_OP, STATUS)]);
}

#[test]
fn what_is_sent_by_which_port() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let waiting = unbound(&xen, 0);
    done(&xen, SEND, [waiting.0]);
    assert_eq!(bind_virq(&xen, 0, 0), 0);
    let refused = [0, 4, 9, 64, u32::MAX];
    assert_eq!(refused.map(|port| event(&xen, SEND, [port])), [EINVAL; 5]);
    let violations = refused.map(|port| Violation::SentByWrongPort(Port(port)));
    assert_eq!(host.check().unwrap_err(), violations);
}

#[test]
fn closing_gives_the_number_back_and_the_peer_its_freedom() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let offered = host.dom0().offer();
    let (_, local) = bind_interdomain(&xen, (0, offered));
    done(&xen, CLOSE, [local.0]);
    assert_eq!(bind_interdomain(&xen, (0, offered)), (0, local), "it waits for us again");
    let own = u32::from(host.guest().domid().0);
    let here = unbound(&xen, own);
    let (_, there) = bind_interdomain(&xen, (SELF, here));
    done(&xen, CLOSE, [here.0]);
    assert_eq!(status(&xen, there), [1, 0, own, 0]);
    done(&xen, CLOSE, [there.0]);
    host.check().unwrap();
    let refused = [0, here.0, 64].map(|port| (event(&xen, CLOSE, [port]), Violation::ClosedTwice(Port(port))));
    assert!(refused.iter().all(|(result, _)| *result == EINVAL));
    assert_eq!(host.check().unwrap_err(), refused.map(|(_, violation)| violation));
}

#[test]
fn the_end_of_a_dead_peer_stays_the_guests() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let (offered, mine) = (host.dom0().offer_as(DomId(9)), unbound(&xen, 9));
    let (_, local) = bind_interdomain(&xen, (9, offered));
    assert!(host.dom0().bind_as(DomId(9), mine).is_some());
    host.dom0().die(DomId(9));
    for port in [local, mine] {
        assert_eq!(status(&xen, port), [1, 0, 9, 0]);
        done(&xen, SEND, [port.0]);
        done(&xen, CLOSE, [port.0]);
    }
    assert_eq!(bind_interdomain(&xen, (9, offered)).0, ESRCH);
    host.check().unwrap();
}

#[test]
fn a_domain_that_dies_while_its_page_is_mapped_is_still_known() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let offered = host.dom0().offer_as(DomId(9));
    let page = host.peer(DomId(9)).grant(MapMode::Write);
    let mut map = [0_u64; 4];
    map[0] = host.guest().hole().gfn().0 << 12;
    map[1] = 2 | u64::from(page.gref().0) << 32;
    map[2] = 9;
    let args = [Word::int(0), Word::ptr(&raw mut map), Word::int(1), Word::ZERO, Word::ZERO];
    assert_eq!((common::raw(&xen, Number::GRANT_TABLE_OP, args), map[2] >> 16 & 0xffff), (0, 0));
    host.dom0().die(DomId(9));
    assert_eq!(bind_interdomain(&xen, (9, offered)).0, EINVAL, "its ports are gone, its number is not");
    assert_eq!(event_op(&xen, STATUS, [9, 1, 0, 0, 0, 0]).0, EPERM);
}

#[test]
fn of_dom0_only_the_backends_die() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let offered = host.dom0().offer();
    let (_, local) = bind_interdomain(&xen, (0, offered));
    host.dom0().die(DomId::DOM0);
    assert_eq!(status(&xen, local), [1, 0, 0, 0]);
    assert_eq!(status(&xen, STORE)[0], 2);
    assert_eq!(bind_interdomain(&xen, (0, offered)).0, EINVAL, "the port is gone, the domain is not");
    host.check().unwrap();
}

#[test]
fn a_port_that_is_not_open_cannot_be_polled() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let (guest, port) = (host.guest(), ipi(&xen, 0));
    let poll = |ports: &[Port]| sched::poll(&xen, ports, common::after(&guest, 10));
    assert_eq!([poll(&[Port(9)]), poll(&[Port(0)]), poll(&[port, Port(64)])], [Err(Errno::EINVAL); 3]);
    done(&xen, SEND, [port.0]);
    let before = host.now();
    poll(&[port, Port(9)]).unwrap();
    assert!(host.now().since(before) < Nanos::from_millis(1), "the first that is pending decides");
    host.check().unwrap();
}

#[test]
fn unmasking_what_is_not_open_does_nothing() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let shared = host.guest().page();
    memory::map_shared_info(&xen, &shared).unwrap();
    shared.u64s_at::<2560, 64>()[0].store(u64::MAX, std::sync::atomic::Ordering::Relaxed);
    done(&xen, UNMASK, [9]);
    assert_eq!(shared.u64s_at::<2560, 64>()[0].load(std::sync::atomic::Ordering::Relaxed), u64::MAX);
    assert_eq!(event(&xen, UNMASK, [64]), EINVAL);
    host.check().unwrap();
}

#[test]
fn the_ports_of_the_device_model_are_xens() {
    let host = Host::builder().kind(Kind::Hvm).vcpus(2).build();
    let xen = host.guest().hook();
    assert!(host.ledger().holdings().ports.is_empty());
    assert_eq!([3, 4, 5].map(|port| status(&xen, Port(port))[..3].to_vec()), [[2, 0, 0]; 3]);
    assert_eq!(ipi(&xen, 0), Port(6));
    assert_eq!([event(&xen, CLOSE, [3]), event(&xen, SEND, [3]), event(&xen, BIND_VCPU, [3, 1])], [EINVAL; 3]);
    done(&xen, UNMASK, [3]);
    let expected = [Violation::ClosedToolstackPort(Port(3)), Violation::SentByWrongPort(Port(3))];
    assert_eq!(host.check().unwrap_err(), expected);
}
