//! What a guest must not do to the memory of the FIFO ABI, each beside what it may.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::events::*;
use xen_hypercall::op::memory;
use xen_hypercall::{Gfn, Number, Port, Vcpu};
use xen_mock::{Host, Violation};

/// A guest with one event, which is pending and linked.
fn linked() -> (Host, FifoGuest, Port) {
    let host = Host::builder().vcpus(2).build();
    let fifo = FifoGuest::new(&host, 1);
    let port = ipi(&fifo.xen, 0);
    done(&fifo.xen, SEND, [port.0]);
    (host, fifo, port)
}

/// Has the guest change a word, and returns what is said of that.
fn changes(from: u32, to: u32) -> Vec<Violation> {
    let (host, fifo, _) = linked();
    let port = Port(200);
    host.events().set_word(port, from);
    fifo.cell(port).store(to, Relaxed);
    host.check().err().unwrap_or_default()
}

fn told(seen: u32, found: u32) -> Vec<Violation> {
    vec![Violation::EventWord { port: Port(200), seen, found }]
}

#[test]
fn links_are_xens() {
    for found in [LINKED, LINKED | 5, 5, BUSY, 1 << 20] {
        assert_eq!(changes(0, found), told(0, found), "{found:#x}");
    }
    for (seen, found) in [(LINKED | 5, 5), (LINKED | 5, LINKED), (LINKED | 5, LINKED | 4), (BUSY, 0)] {
        assert_eq!(changes(seen, found), told(seen, found), "{seen:#x} to {found:#x}");
    }
    assert_eq!(changes(PENDING | LINKED | 5, PENDING), [], "taken out of the queue");
    assert_eq!(changes(LINKED | 5, LINKED | 5 | MASKED), []);
}

#[test]
fn a_busy_word_is_not_unmasked() {
    assert_eq!(changes(MASKED | BUSY, BUSY), told(MASKED | BUSY, BUSY));
    assert_eq!(changes(MASKED, 0), []);
}

#[test]
fn an_event_is_set_only_out_of_the_queue() {
    assert_eq!(changes(LINKED, LINKED | PENDING), told(LINKED, LINKED | PENDING));
    assert_eq!(changes(MASKED, MASKED | PENDING), []);
}

#[test]
fn what_xen_overwrites_is_judged_before() {
    let (host, fifo, port) = linked();
    let next = ipi(&fifo.xen, 0);
    fifo.cell(port).fetch_or(BUSY, Relaxed);
    // Xen links the next one to the word, and clears BUSY in it.
    done(&fifo.xen, SEND, [next.0]);
    let (seen, found) = (PENDING | LINKED, PENDING | LINKED | BUSY);
    assert_eq!(host.check().unwrap_err(), [Violation::EventWord { port, seen, found }], "told once");
    assert_eq!(fifo.word(port), PENDING | LINKED | next.0);
}

#[test]
fn of_the_control_block_only_ready_bits_go() {
    let (host, fifo, _) = linked();
    fifo.blocks[0].u32_at::<0>().store(0, Relaxed);
    host.check().unwrap();
    fifo.blocks[0].u32_at::<0>().store(1, Relaxed);
    fifo.blocks[0].u32_at::<36>().store(9, Relaxed);
    assert_eq!(host.check().unwrap_err(), [Violation::ControlBlock(Vcpu(0))]);
    fifo.blocks[0].u32_at::<4>().store(1, Relaxed);
    done(&fifo.xen, SEND, [ipi(&fifo.xen, 0).0]);
    assert_eq!(host.check().unwrap_err(), vec![Violation::ControlBlock(Vcpu(0)); 2], "the reserved word, too");
}

#[test]
fn memory_is_clean_when_it_is_given() {
    let (host, fifo, _) = linked();
    let (block, array) = (fifo.guest.page(), fifo.guest.page());
    for cell in array.u32s_at::<0, 1024>() {
        cell.store(MASKED, Relaxed);
    }
    assert_eq!(expand_array(&fifo.xen, array.gfn().0), 0, "masked from the start");
    host.check().unwrap();
    let stale = fifo.guest.page();
    stale.u32_at::<4092>().store(LINKED, Relaxed);
    assert_eq!(expand_array(&fifo.xen, stale.gfn().0), 0, "Xen does not look");
    block.u32_at::<8>().store(7, Relaxed);
    assert_eq!(init_control(&fifo.xen, block.gfn().0, (0, 1)).0, 0);
    let expected = [stale, block].map(|page| Violation::FifoMemoryStale(page.gfn()));
    assert_eq!(host.check().unwrap_err(), expected);
}

#[test]
fn memory_serves_one_purpose() {
    let (host, fifo, _) = linked();
    let (page, block) = (fifo.array[0].gfn(), fifo.blocks[0].gfn());
    assert_eq!(init_control(&fifo.xen, block.0, (64, 1)).0, 0, "overlaps that of vCPU 0");
    assert_eq!([expand_array(&fifo.xen, page.0), expand_array(&fifo.xen, block.0)], [0; 2]);
    let shared = fifo.guest.page();
    memory::map_shared_info(&fifo.xen, &shared).unwrap();
    assert_eq!(expand_array(&fifo.xen, shared.gfn().0), 0);
    let violations = host.check().unwrap_err();
    let in_use = |gfn| violations.iter().filter(|told| **told == Violation::FifoMemoryInUse(gfn)).count();
    assert_eq!([block, page, shared.gfn()].map(in_use), [2, 1, 1]);
}

#[test]
fn two_control_blocks_fit_beside_each_other() {
    let host = Host::builder().vcpus(2).build();
    let (page, xen) = (host.guest().page().gfn().0, host.guest().hook());
    assert_eq!([(0, 0), (72, 1)].map(|at| init_control(&xen, page, at).0), [0; 2]);
    host.check().unwrap();
}

#[test]
fn memory_is_there() {
    let (host, fifo, _) = linked();
    assert_eq!([expand_array(&fifo.xen, 0xdead), init_control(&fifo.xen, 0xdead, (0, 1)).0], [EINVAL; 2]);
    assert_eq!(host.check().unwrap_err(), [Violation::NoSuchFrame(Gfn(0xdead)), Violation::NoSuchFrame(Gfn(0xdead))]);
}

#[test]
fn priorities_and_padding() {
    let (host, fifo, port) = linked();
    assert_eq!([15, 0].map(|priority| event(&fifo.xen, SET_PRIORITY, [port.0, priority])), [0; 2]);
    host.check().unwrap();
    assert_eq!(event(&fifo.xen, SET_PRIORITY, [port.0, 16]), EINVAL);
    let page = fifo.guest.page().gfn().0 as u32;
    assert_eq!(event_op(&fifo.xen, INIT_CONTROL, [page, 0, 0, 1, 0xff, 0]).0, 0, "link_bits is Xen's to write");
    assert_eq!(event_op(&fifo.xen, INIT_CONTROL, [page, 0, 0, 1, 0x100, 0]).0, EINVAL);
    let padding = Violation::Padding(Number::EVENT_CHANNEL_OP, INIT_CONTROL);
    assert_eq!(host.check().unwrap_err(), [Violation::NoSuchPriority(port, 16), padding]);
}
