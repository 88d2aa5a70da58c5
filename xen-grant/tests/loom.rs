//! A peer maps through Xen while its access ends, and processors take entries at the same time: every interleaving, and
//! twins that must fail.
//!
//! Xen's part is written by what its own code does (`xen/common/grant_table.c`, `_set_status_v1` and `_set_status_v2`): version 1
//! by swaps of the entry's first word, at most five; version 2 by a mark in the status, a full barrier, and a second look.
//! Run by `cargo xtask loom`.
#![cfg(loom)]
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "implements the hook; a panic is a failed test"
)]

use std::ptr::NonNull;
use std::sync::Arc;

use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use loom::thread;
use xen_explore::{fails, fails_within, holds, holds_within};
use xen_grant::model::{Entry1, Entry2, Lack, List, lack};
use xen_grant::{Owner, Pool, Slot, Table};
use xen_hypercall::{DomId, Gfn, Hypercall, LentPage, NoGate, Number, PAGE_SIZE, SharedPage, Word};

const PEER: DomId = DomId(5);
const FRAME: u32 = 7;
const PERMIT: u32 = 1;
const IN_USE: u16 = 0x18;
const TIMES: u32 = 5;

/// An entry, as Xen maps and unmaps through it.
trait Mapped: Default + Send + Sync + 'static {
    fn permit(&self);
    fn revoke(&self) -> bool;
    /// Maps for writing, and returns the frame; `None` if it is not permitted.
    fn map(&self) -> Option<u32>;
    fn unmap(&self);
}

impl Mapped for Entry1 {
    fn permit(&self) {
        self.permit(FRAME, PEER);
    }

    fn revoke(&self) -> bool {
        self.revoke(PEER)
    }

    fn map(&self) -> Option<u32> {
        let [head, frame] = &self.words;
        let mut seen = head.load(Relaxed);
        for _ in 0..TIMES {
            if seen & 3 != PERMIT || seen >> 16 != u32::from(PEER.0) {
                return None;
            }
            match head.compare_exchange(seen, seen | u32::from(IN_USE), AcqRel, Relaxed) {
                Ok(_) => return Some(frame.load(Relaxed)),
                Err(now) => seen = now,
            }
        }
        None
    }

    fn unmap(&self) {
        let [head, _] = &self.words;
        head.fetch_and(!u32::from(IN_USE), Release);
    }
}

impl Mapped for Entry2 {
    fn permit(&self) {
        self.permit(FRAME.into(), PEER);
    }

    fn revoke(&self) -> bool {
        self.revoke()
    }

    fn map(&self) -> Option<u32> {
        let permitted = || {
            let head = self.head.load(Acquire);
            head & 3 == PERMIT && head >> 16 == u32::from(PEER.0)
        };
        if !permitted() {
            return None;
        }
        self.status.store(IN_USE, Relaxed);
        fence(SeqCst);
        if permitted() {
            return u32::try_from(self.frame.load(Relaxed)).ok();
        }
        self.unmap();
        None
    }

    fn unmap(&self) {
        self.status.fetch_and(!IN_USE, Release);
    }
}

/// What the two sides have in common: an entry, and a word of the page behind it.
#[derive(Default)]
struct Shared<E>(E, AtomicU32);

const WRITTEN: u32 = 1;
const BEHIND: &str = "written behind the guest's back";

/// The guest offers a page and ends it; the peer maps, writes, and lets go, if it can. If the page came back, the write was
/// before that and is seen.
fn offer_and_end<E: Mapped>(what: Lack) {
    lack(what);
    let shared = Arc::new(Shared::<E>::default());
    let theirs = Arc::clone(&shared);
    let peer = thread::spawn(move || {
        let Shared(entry, page) = &*theirs;
        let frame = entry.map();
        if let Some(frame) = frame {
            assert_eq!(frame, FRAME, "another frame");
            page.store(WRITTEN, Relaxed);
            entry.unmap();
        }
        frame.is_some()
    });
    let Shared(entry, page) = &*shared;
    entry.permit();
    let seen = entry.revoke().then(|| page.load(Relaxed));
    let wrote = peer.join().unwrap();
    if let (Some(seen), true) = (seen, wrote) {
        assert_eq!(seen, WRITTEN, "{BEHIND}");
    }
    // What has let go never keeps a page.
    assert!(entry.revoke(), "kept for ever");
}

fn ends<E: Mapped>(name: &'static str, floor: u64, twins: &[(Lack, &'static str, &'static str)]) {
    holds(name, floor, || offer_and_end::<E>(Lack::Nothing));
    for (what, missing, why) in twins.iter().copied() {
        fails(name, missing, why, move || offer_and_end::<E>(what));
    }
}

const RELEASE: (Lack, &str, &str) = (Lack::Release, "the release of the permit", "another frame");

#[test]
fn g02_g06_end_v1_against_a_peer_that_maps() {
    let swap = (Lack::Compare, "the compare", BEHIND);
    let acquire = (Lack::Acquire, "the acquire of the swap", BEHIND);
    ends::<Entry1>("end_v1", 20, &[RELEASE, swap, acquire]);
}

#[test]
fn g02_g07_end_v2_against_a_peer_that_maps() {
    let fence = (Lack::Fence, "the full barrier", BEHIND);
    let acquire = (Lack::Acquire, "the acquire of the status", BEHIND);
    ends::<Entry2>("end_v2", 100, &[RELEASE, fence, acquire]);
}

/// A processor takes an entry while another takes two and gives one back: no entry is with two, and none is lost.
fn free_list(what: Lack) {
    lack(what);
    let list = Arc::new(List::new(4));
    let theirs = Arc::clone(&list);
    let other = thread::spawn(move || {
        let [first, second] = [(); 2].map(|()| theirs.pop(0));
        second.into_iter().for_each(|at| theirs.push(0, at));
        first
    });
    let mine = list.pop(0);
    let yours = other.join().unwrap();
    let mut all: Vec<u32> = mine.into_iter().chain(yours).chain((0..4).map_while(|_| list.pop(0))).collect();
    all.sort_unstable();
    assert_eq!(all, [2, 3], "{LOST}");
}

const LOST: &str = "an entry is lost";

/// One processor puts an entry behind another one, which the other moves to a second queue.
fn two_queues(what: Lack) {
    lack(what);
    let list = Arc::new(List::new(5));
    let [mine, yours, back] = [(); 3].map(|()| list.pop(0).unwrap());
    list.push(0, back);
    let theirs = Arc::clone(&list);
    let other = thread::spawn(move || {
        theirs.push(0, yours);
        let at = theirs.pop(0).unwrap();
        theirs.push(1, at);
    });
    list.push(0, mine);
    other.join().unwrap();
    let count = |queue| (0..5).map_while(|_| list.pop(queue)).count();
    assert_eq!([count(0), count(1)], [2, 1], "{LOST}");
}

/// A Xen that grants all that is asked for.
struct Willing;

// SAFETY: it touches nothing.
unsafe impl Hypercall for Willing {
    unsafe fn call(&self, _: Number, _: [Word; 5]) -> isize {
        0
    }
}

#[repr(align(4096))]
struct Memory(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Makes a table of two entries, whose frame is as new.
fn two_entries(frame: &'static [SharedPage; 1]) -> &'static Table<'static, Willing> {
    frame[0].zero();
    let slots = Box::leak(Box::new([const { Slot::new() }; 10]));
    let table = Box::leak(Box::new(Table::new(Willing, Box::leak(Box::default()), frame, slots)));
    table.rebuild().unwrap();
    table
}

fn lent(gfn: u64) -> LentPage {
    // SAFETY: nobody reaches the page.
    unsafe { LentPage::new(Gfn(gfn)) }
}

/// Two queues fill their pools from the table, offer, end, and give the entries back.
fn pools(frame: &'static [SharedPage; 1], what: Lack) {
    lack(what);
    let table = two_entries(frame);
    let work = move |gfn, reserved| {
        let mut pool: Pool<'_, NoGate, 2> = table.account(Owner(1)).pool(PEER).unwrap();
        pool.reserve(reserved);
        let Ok(offer) = pool.offer_read(lent(gfn)) else { return None };
        let reference = offer.reference();
        assert_eq!(pool.end(offer).unwrap().gfn(), Gfn(gfn));
        Some(reference)
    };
    let other = thread::spawn(move || work(1, 2));
    work(2, 0);
    other.join().unwrap();
    let all: Vec<_> = (0..3).map_while(|gfn| table.offer_read(lent(gfn), PEER).ok()).collect();
    let mut references: Vec<u32> = all.iter().map(|offer| offer.reference().0).collect();
    all.into_iter().for_each(core::mem::forget);
    references.sort_unstable();
    assert_eq!(references, [8, 9], "{LOST}");
}

/// Each fills, offers, ends and gives back: too many steps for all interleavings; the list alone is explored whole.
const PREEMPTIONS: usize = 3;

#[test]
fn g05_pools_are_filled_and_emptied() {
    let page = Box::leak(Box::new(Memory([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    let frame = Box::leak(Box::new([unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(100)) }]));
    let frame: &'static [SharedPage; 1] = frame;
    holds_within(PREEMPTIONS, ("pools", 12_000), move || pools(frame, Lack::Nothing));
    fails_within(PREEMPTIONS, ("pools", "the count of changes", "maximum number of branches"), move || {
        pools(frame, Lack::Count)
    });
}

#[test]
fn g05_the_free_list() {
    holds("free_list", 50_000, || free_list(Lack::Nothing));
    // The links go round in a circle then.
    fails("free_list", "the count of changes", "maximum number of branches", || free_list(Lack::Count));
}

#[test]
fn g05_an_entry_goes_from_queue_to_queue() {
    holds("two_queues", 3_500, || two_queues(Lack::Nothing));
    fails("two_queues", "the second look at the end", LOST, || two_queues(Lack::Look));
    fails("two_queues", "the release of a link", LOST, || two_queues(Lack::Release));
}
