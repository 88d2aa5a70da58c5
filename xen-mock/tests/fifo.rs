//! The FIFO ABI: set up, queues, priorities, and what closing, moving and unmasking do to a linked event.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::events::*;
use xen_hypercall::op::memory;
use xen_hypercall::{DomId, Port, Vcpu};
use xen_mock::{Delivery, Host};

fn host() -> Host {
    Host::builder().vcpus(2).max_port(131_071).build()
}

#[test]
fn the_first_control_block_switches_the_abi() {
    let host = host();
    let (guest, xen) = (host.guest(), host.guest().hook());
    assert_eq!(expand_array(&xen, guest.page().gfn().0), EOPNOTSUPP, "not before a control block");
    assert_eq!(event(&xen, SET_PRIORITY, [1, 0]), ENOSYS);
    let page = guest.page().gfn().0;
    assert!(!host.events().is_fifo());
    let (result, block) = init_control(&xen, page, (4024, 0));
    assert_eq!((result, block[4]), (0, 17));
    assert!(host.events().is_fifo());
    assert_eq!(init_control(&xen, page, (0, 0)).0, EINVAL, "has one");
    assert_eq!(init_control(&xen, page, (8, 1)).0, 0, "another processor's, in the same page");
    assert_eq!(expand_array(&xen, guest.page().gfn().0), 0);
    let held = host.ledger().holdings();
    assert_eq!((held.control_blocks, held.event_pages), (2, 1));
    host.check().unwrap();
}

#[test]
fn a_control_block_has_its_place_within_a_page() {
    let host = host();
    let (page, xen) = (host.guest().page().gfn().0, host.guest().hook());
    let results = [(0, 2), (4032, 0), (4025, 0), (4, 0), (u32::MAX, 0)].map(|at| init_control(&xen, page, at).0);
    assert_eq!(results, [ENOENT, EINVAL, EINVAL, EINVAL, EINVAL]);
    assert!(!host.events().is_fifo());
    host.check().unwrap();
}

#[test]
fn what_was_pending_comes_in_with_the_page_of_its_word() {
    let host = host();
    let xen = host.guest().hook();
    let early = ipi(&xen, 0);
    done(&xen, SEND, [early.0]);
    let mut fifo = FifoGuest::bare(&host);
    fifo.add_block(0);
    assert_eq!(host.events().word(early), None);
    let later = ipi(&xen, 0);
    done(&xen, SEND, [later.0]);
    assert_eq!(fifo.ready(0), 0);
    fifo.add_page();
    let ports: Vec<Port> = fifo.drain(0).into_iter().map(|(_, port)| port).collect();
    assert_eq!(ports, [Port(1), early, later], "xenstored's, too");
    host.check().unwrap();
}

#[test]
fn events_of_a_queue_are_linked_in_their_order() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let ports = [0; 3].map(|vcpu| ipi(&fifo.xen, vcpu));
    for port in ports {
        done(&fifo.xen, SEND, [port.0]);
        done(&fifo.xen, SEND, [port.0]);
    }
    assert_eq!(fifo.ready(0), 1 << 7, "the default priority");
    assert_eq!(fifo.head(0, 7), ports[0].0);
    assert_eq!(fifo.word(ports[0]), PENDING | LINKED | ports[1].0);
    assert_eq!(fifo.word(ports[1]), PENDING | LINKED | ports[2].0);
    assert_eq!(fifo.word(ports[2]), PENDING | LINKED);
    assert_eq!(fifo.drain(0), ports.map(|port| (7, port)));
    host.check().unwrap();
}

#[test]
fn an_empty_queue_begins_anew() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let ports = [0; 2].map(|vcpu| ipi(&fifo.xen, vcpu));
    for port in ports {
        done(&fifo.xen, SEND, [port.0]);
    }
    assert_eq!(fifo.drain(0).len(), 2);
    done(&fifo.xen, SEND, [ports[1].0]);
    assert_eq!((fifo.head(0, 7), fifo.ready(0)), (ports[1].0, 1 << 7));
    assert_eq!(fifo.drain(0), [(7, ports[1])]);
    host.check().unwrap();
}

#[test]
fn a_queue_goes_on_behind_a_tail_that_is_still_linked() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let [first, second] = [0; 2].map(|vcpu| ipi(&fifo.xen, vcpu));
    done(&fifo.xen, SEND, [first.0]);
    let ready = fifo.blocks[0].u32_at::<0>().swap(0, Relaxed);
    assert_eq!(ready, 1 << 7);
    done(&fifo.xen, SEND, [second.0]);
    assert_eq!(fifo.ready(0), 0, "the guest finds it by the link, and is not told");
    assert_eq!(fifo.word(first) & LINK, second.0);
    fifo.blocks[0].u32_at::<0>().store(0, Relaxed);
    host.events().set_ready(Vcpu(0), ready);
    assert_eq!(fifo.drain(0), [(7, first), (7, second)]);
    host.check().unwrap();
}

#[test]
fn a_masked_event_is_pending_and_in_no_queue() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let port = ipi(&fifo.xen, 0);
    fifo.mask(port);
    done(&fifo.xen, SEND, [port.0]);
    assert_eq!((fifo.word(port), fifo.ready(0)), (PENDING | MASKED, 0));
    done(&fifo.xen, UNMASK, [port.0]);
    assert_eq!(fifo.word(port), PENDING | LINKED, "unmasking links what is pending");
    assert_eq!(fifo.drain(0), [(7, port)]);
    fifo.mask(port);
    done(&fifo.xen, UNMASK, [port.0]);
    assert_eq!((fifo.word(port), fifo.ready(0)), (0, 0), "and nothing else");
    host.check().unwrap();
}

#[test]
fn a_priority_is_for_the_events_to_come() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let (slow, fast) = (ipi(&fifo.xen, 0), ipi(&fifo.xen, 0));
    done(&fifo.xen, SEND, [slow.0]);
    done(&fifo.xen, SET_PRIORITY, [slow.0, 15]);
    done(&fifo.xen, SET_PRIORITY, [fast.0, 0]);
    done(&fifo.xen, SEND, [fast.0]);
    assert_eq!(fifo.ready(0), 1 << 7 | 1, "what is linked stays where it is");
    assert_eq!(fifo.drain(0), [(0, fast), (7, slow)]);
    done(&fifo.xen, SEND, [slow.0]);
    assert_eq!(fifo.drain(0), [(15, slow)]);
    host.check().unwrap();
}

#[test]
fn a_port_that_is_bound_anew_has_the_default_priority() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let fast = ipi(&fifo.xen, 0);
    done(&fifo.xen, SET_PRIORITY, [fast.0, 0]);
    done(&fifo.xen, CLOSE, [fast.0]);
    assert_eq!(ipi(&fifo.xen, 0), fast);
    done(&fifo.xen, SEND, [fast.0]);
    assert_eq!(fifo.drain(0), [(7, fast)]);
    assert_eq!(event(&fifo.xen, SET_PRIORITY, [70_000, 0]), EINVAL, "no such port");
    assert_eq!(event(&fifo.xen, SET_PRIORITY, [40, 0]), EACCES, "not open");
    host.check().unwrap();
}

#[test]
fn an_event_that_moves_stays_in_the_old_queue_once() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 2);
    let port = unbound(&fifo.xen, 0);
    let far = host.dom0().bind(port).unwrap();
    host.dom0().notify(far);
    done(&fifo.xen, BIND_VCPU, [port.0, 1]);
    host.dom0().notify(far);
    assert_eq!((fifo.ready(0), fifo.ready(1)), (1 << 7, 0));
    assert_eq!(fifo.drain(0), [(7, port)]);
    host.dom0().notify(far);
    assert_eq!((fifo.ready(0), fifo.ready(1)), (0, 1 << 7));
    // Its old queue does not go on behind it, though it was the tail there.
    let other = ipi(&fifo.xen, 0);
    done(&fifo.xen, SEND, [other.0]);
    assert_eq!(fifo.head(0, 7), other.0);
    assert_eq!(fifo.word(port) & LINK, 0);
    assert_eq!((fifo.drain(0), fifo.drain(1)), (vec![(7, other)], vec![(7, port)]));
    host.check().unwrap();
}

#[test]
fn a_port_that_lingers_in_a_queue_is_not_given_out() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let port = ipi(&fifo.xen, 0);
    done(&fifo.xen, SEND, [port.0]);
    done(&fifo.xen, CLOSE, [port.0]);
    assert_eq!(fifo.word(port), LINKED, "no event any more, and still in the queue");
    let next = ipi(&fifo.xen, 0);
    assert_eq!(next, Port(port.0 + 1));
    assert_eq!(fifo.drain(0), []);
    assert_eq!(ipi(&fifo.xen, 0), port, "taken out, it is free");
    host.check().unwrap();
}

#[test]
fn an_event_for_a_processor_without_a_block_is_lost() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let port = ipi(&fifo.xen, 1);
    done(&fifo.xen, SEND, [port.0]);
    assert_eq!(fifo.word(port), 0);
    assert_eq!(host.check().unwrap_err(), [xen_mock::Violation::NoControlBlock(port, Vcpu(1))]);
    fifo.add_block(1);
    done(&fifo.xen, SEND, [port.0]);
    assert_eq!(fifo.drain(1), [(7, port)]);
}

#[test]
fn ports_up_to_the_limits() {
    let host = Host::builder().max_port(200_000).build();
    let xen = host.guest().hook();
    assert!((3..4096).all(|at| ipi(&xen, 0) == Port(at)));
    assert_eq!(event_op(&xen, BIND_IPI, [0, 0]).0, ENOSPC, "2-level has 4096");
    let mut fifo = FifoGuest::new(&host, 1);
    assert!((4096..131_072).all(|at| ipi(&xen, 0) == Port(at)));
    assert_eq!(event_op(&xen, BIND_IPI, [0, 0]).0, ENOSPC, "FIFO has 131072");
    let last = Port(131_071);
    done(&xen, SEND, [last.0]);
    assert_eq!(host.events().word(last), None);
    for _ in 1..128 {
        fifo.add_page();
    }
    assert_eq!(fifo.drain(0), [(7, last)]);
    assert_eq!(expand_array(&xen, host.guest().page().gfn().0), ENOSPC);
    done(&xen, CLOSE, [70_000]);
    assert_eq!(ipi(&xen, 0), Port(70_000));
    host.check().unwrap();
}

#[test]
fn the_processor_is_told_once() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 2);
    let shared = fifo.guest.page();
    memory::map_shared_info(&fifo.xen, &shared).unwrap();
    common::set_callback(&fifo.xen);
    assert_eq!(host.events().delivery(Vcpu(1)), Delivery::Callback(0x20));
    fifo.take_upcall(&shared, 0);
    let before = [0, 1].map(|vcpu| host.events().upcalls(Vcpu(vcpu)));
    let (port, again) = (ipi(&fifo.xen, 1), ipi(&fifo.xen, 1));
    for port in [port, again] {
        done(&fifo.xen, SEND, [port.0]);
    }
    let after = [0, 1].map(|vcpu| host.events().upcalls(Vcpu(vcpu)));
    assert_eq!([after[0] - before[0], after[1] - before[1]], [0, 1]);
    assert!(!fifo.guest.upcall_pending(Vcpu(0)));
    assert!(fifo.take_upcall(&shared, 1));
    assert_eq!(fifo.drain(1), [(7, port), (7, again)]);
    host.check().unwrap();
}

#[test]
fn loopback_and_dom0_go_by_queues_too() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let own = u32::from(fifo.guest.domid().0);
    let here = unbound(&fifo.xen, own);
    let (result, [_, _, there]) = event_op(&fifo.xen, BIND_INTERDOMAIN, [SELF, here.0, 0]);
    assert_eq!(result, 0);
    let offered = host.dom0().offer();
    let (result, [_, _, bound]) = event_op(&fifo.xen, BIND_INTERDOMAIN, [u32::from(DomId::DOM0.0), offered.0, 0]);
    assert_eq!(result, 0);
    done(&fifo.xen, SEND, [there]);
    assert_eq!(fifo.drain(0), [(7, Port(there)), (7, Port(bound)), (7, here)], "the binding ends look once");
    host.dom0().notify(offered);
    assert_eq!(fifo.drain(0), [(7, Port(bound))]);
    host.check().unwrap();
}

#[test]
fn neither_a_pending_upcall_nor_a_ready_queue_tells_again() {
    let host = host();
    let mut fifo = FifoGuest::new(&host, 1);
    let shared = fifo.guest.page();
    memory::map_shared_info(&fifo.xen, &shared).unwrap();
    common::set_callback(&fifo.xen);
    fifo.take_upcall(&shared, 0);
    let (port, fast) = (ipi(&fifo.xen, 0), ipi(&fifo.xen, 0));
    done(&fifo.xen, SET_PRIORITY, [fast.0, 0]);
    let before = host.events().upcalls(Vcpu(0));
    done(&fifo.xen, SEND, [port.0]);
    done(&fifo.xen, SEND, [fast.0]);
    assert_eq!(host.events().upcalls(Vcpu(0)), before + 1, "one upcall for two queues");
    assert_eq!(fifo.drain(0), [(0, fast), (7, port)]);
    host.events().set_ready(Vcpu(0), 1);
    fifo.take_upcall(&shared, 0);
    done(&fifo.xen, SEND, [fast.0]);
    assert_eq!((host.events().upcalls(Vcpu(0)), fifo.head(0, 0)), (before + 1, fast.0));
    assert_eq!(fifo.drain(0), [(0, fast)]);
    done(&fifo.xen, SEND, [fast.0]);
    assert_eq!(host.events().upcalls(Vcpu(0)), before + 2);
    host.check().unwrap();
}
