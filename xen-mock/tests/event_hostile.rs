//! A Xen or a peer that goes wrong: each control does what it says, and the guest is not blamed for it.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::events::*;
use common::{Client, is_pending};
use xen_hypercall::{Cpu, Number, Port, Vcpu};
use xen_mock::{FifoAbi, Host};

#[test]
fn a_spurious_event_needs_no_binding() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    host.events().raise(Port(4000));
    assert!(is_pending(&client.shared, Port(4000)));
    host.events().raise(Port(5000));
    let mut fifo = FifoGuest::new(&host, 1);
    host.events().raise(Port(900));
    assert_eq!(fifo.drain(0), [(7, Port(900))]);
    host.events().raise(Port(5000));
    assert_eq!(fifo.drain(0), [], "beyond the words there is no event");
    host.check().unwrap();
}

#[test]
fn a_storm_comes_between_any_two_things() {
    let host = Host::builder().build();
    let mut fifo = FifoGuest::new(&host, 1);
    let ports = [0; 2].map(|vcpu| ipi(&fifo.xen, vcpu));
    host.events().storm(&ports);
    assert_eq!(fifo.drain(0), [], "not before the guest does something");
    for _ in 0..3 {
        done(&fifo.xen, UNMASK, [ports[0].0]);
        assert_eq!(fifo.drain(0), ports.map(|port| (7, port)));
        fifo.guest.cpu().tsc();
        assert_eq!(fifo.drain(0), ports.map(|port| (7, port)));
    }
    host.events().calm();
    done(&fifo.xen, UNMASK, [ports[0].0]);
    assert_eq!(fifo.drain(0), []);
    host.check().unwrap();
}

#[test]
fn a_wrong_number_opens_no_port() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let owned = ipi(&xen, 0);
    let held = host.ledger().holdings();
    let offered = host.dom0().offer();
    host.events().next_port(Port(0));
    host.events().next_port(owned);
    host.events().next_port(Port(1 << 30));
    assert_eq!(event_op(&xen, BIND_INTERDOMAIN, [0, offered.0, 9]), (0, [0, offered.0, 0]));
    assert_eq!([ipi(&xen, 0), unbound(&xen, 0)], [owned, Port(1 << 30)]);
    assert_eq!(host.ledger().holdings(), held);
    assert_eq!(event_op(&xen, BIND_INTERDOMAIN, [0, offered.0, 0]), (0, [0, offered.0, owned.0 + 1]), "then as ever");
    host.check().unwrap();
}

#[test]
fn a_wrong_number_goes_with_the_faults() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    host.events().next_port(Port(77));
    host.events().claim_state(Port(1), 9);
    assert_eq!([status(&xen, Port(1))[0], status(&xen, Port(2))[0]], [9, 2]);
    host.faults().clear();
    assert_eq!((ipi(&xen, 0), status(&xen, Port(1))[0]), (Port(3), 2));
}

#[test]
fn words_links_and_heads_are_written_at_will() {
    let host = Host::builder().build();
    let fifo = FifoGuest::new(&host, 1);
    let events = host.events();
    let cycle = [PENDING | LINKED | 101, PENDING | LINKED | 100];
    events.set_word(Port(100), cycle[0]);
    events.set_word(Port(101), cycle[1]);
    events.set_head((Vcpu(0), 3), 100);
    events.set_ready(Vcpu(0), 0xffff_0008);
    assert_eq!([100, 101].map(|port| fifo.word(Port(port))), cycle);
    assert_eq!([events.word(Port(101)), events.word(Port(1024))], [Some(cycle[1]), None]);
    assert_eq!((fifo.head(0, 3), events.head(Vcpu(0), 3)), (100, Some(100)));
    assert_eq!((fifo.ready(0), events.ready(Vcpu(0))), (0xffff_0008, Some(0xffff_0008)));
    host.check().unwrap();
}

#[test]
fn a_busy_word_is_unmasked_by_xen() {
    let host = Host::builder().build();
    let mut fifo = FifoGuest::new(&host, 1);
    let port = ipi(&fifo.xen, 0);
    host.events().set_word(port, PENDING | MASKED | BUSY);
    done(&fifo.xen, UNMASK, [port.0]);
    assert_eq!(fifo.word(port), PENDING | LINKED | BUSY, "BUSY goes when another is linked behind");
    done(&fifo.xen, SEND, [ipi(&fifo.xen, 0).0]);
    assert_eq!(fifo.word(port) & BUSY, 0);
    assert_eq!(fifo.drain(0).len(), 2);
    host.check().unwrap();
}

#[test]
fn an_upcall_without_events_and_a_selector_without_bits() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    common::clear_pending(&client.shared, client.port);
    let (upcall, selector) = (client.shared.u8_at::<0>(), client.shared.u64_at::<8>());
    for wanted in [0, 1 << 63] {
        upcall.store(0, Relaxed);
        host.events().set_selector(Vcpu(0), wanted);
        assert_eq!((upcall.load(Relaxed), selector.load(Relaxed)), (1, wanted));
    }
    host.check().unwrap();
}

#[test]
fn a_host_without_fifo() {
    for (abi, error) in [(FifoAbi::Unknown, ENOSYS), (FifoAbi::Disabled, EOPNOTSUPP)] {
        let host = Host::builder().fifo(abi).build();
        let (page, xen) = (host.guest().page().gfn().0, host.guest().hook());
        assert_eq!([init_control(&xen, page, (0, 0)).0, expand_array(&xen, page)], [error; 2]);
        assert_eq!(event(&xen, SET_PRIORITY, [1, 0]), ENOSYS);
        assert!(!host.events().is_fifo());
        host.check().unwrap();
    }
}

#[test]
fn a_set_up_that_fails_half_way_leaves_what_was_done() {
    let host = Host::builder().vcpus(2).max_port(4000).build();
    let xen = host.guest().hook();
    let fail = |cmd, nth, error| host.faults().on_call(Number::EVENT_CHANNEL_OP).cmd(cmd).nth(nth).returns(error);
    fail(INIT_CONTROL, 2, ENOMEM);
    fail(EXPAND_ARRAY, 2, EINVAL);
    let mut fifo = FifoGuest::new(&host, 1);
    let page = fifo.guest.page().gfn().0;
    assert_eq!([init_control(&xen, page, (0, 1)).0, expand_array(&xen, page)], [ENOMEM, EINVAL]);
    let held = host.ledger().holdings();
    assert_eq!((held.control_blocks, held.event_pages), (1, 1));
    assert_eq!(expand_array(&xen, page), 0);
    fifo.add_block(1);
    host.check().unwrap();
}

#[test]
fn the_first_page_may_be_the_one_that_fails() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    host.faults().on_call(Number::EVENT_CHANNEL_OP).cmd(EXPAND_ARRAY).returns(ENOMEM);
    let mut fifo = FifoGuest::bare(&host);
    fifo.add_block(0);
    assert_eq!(expand_array(&xen, fifo.guest.page().gfn().0), ENOMEM);
    let port = ipi(&xen, 0);
    done(&xen, SEND, [port.0]);
    assert_eq!((host.events().word(port), fifo.ready(0)), (None, 0), "FIFO is on, and no event can come");
    done(&xen, CLOSE, [port.0]);
    fifo.add_page();
    let ports: Vec<Port> = fifo.drain(0).into_iter().map(|(_, port)| port).collect();
    assert_eq!(ports, [Port(1), port], "even of a port that was closed meanwhile");
    host.check().unwrap();
}
