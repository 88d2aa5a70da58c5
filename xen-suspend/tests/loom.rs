//! A processor works while another parks it for a suspend: every interleaving, and twins that must fail.
//!
//! The park interrupt comes between any two accesses to the state in question at which the gate is open. Run by
//! `cargo xtask loom`.
#![cfg(loom)]
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "implements the hook; a panic is a failed test"
)]

mod machine;

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Mutex;

use machine::{Machine, Missing, OTHER};
use xen_explore::{fails, fails_within, holds, holds_within};
use xen_grant::{Offer, RESERVED_ENTRIES, Slot, Table, Write};
use xen_hypercall::{DomId, EpochCell, Gfn, GrantRef, Hypercall, IrqGate as _, Number, PAGE_SIZE, SharedPage, Word};
use xen_suspend::model::Lack;

/// Grants that there are.
const GRANTS: usize = 2;
const SLOTS: usize = 8 + GRANTS;

/// A Xen that grants all that is asked for.
#[derive(Debug)]
struct Willing;

// SAFETY: it touches nothing.
unsafe impl Hypercall for Willing {
    unsafe fn call(&self, _: Number, _: [Word; 5]) -> isize {
        0
    }
}

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

fn page(gfn: u64) -> SharedPage {
    let page = Box::leak(Box::new(Page([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(gfn)) }
}

/// Pages of all executions of one model.
#[derive(Debug)]
struct Pages {
    frame: [SharedPage; 1],
    free: Mutex<Vec<SharedPage>>,
}

impl Pages {
    fn leaked() -> &'static Self {
        let free = (0..4).map(page).collect();
        Box::leak(Box::new(Self { frame: [page(100)], free: Mutex::new(free) }))
    }
}

type Grants = Table<'static, Willing, &'static Machine>;
/// Not ended when an execution fails: loom's objects are gone then.
type Held = ManuallyDrop<Offer<'static, Write, &'static Machine>>;

#[derive(Debug)]
struct Guest {
    pages: &'static Pages,
    machine: &'static Machine,
    epoch: EpochCell,
    slots: [Slot; SLOTS],
}

impl Guest {
    fn leaked(pages: &'static Pages, missing: Missing) -> &'static Self {
        let (machine, slots) = (Machine::leaked(missing), [const { Slot::new() }; SLOTS]);
        Box::leak(Box::new(Self { pages, machine, epoch: EpochCell::new(), slots }))
    }

    fn table(&'static self) -> &'static Grants {
        let table = Table::new(Willing, &self.epoch, &self.pages.frame, &self.slots).with_gate(self.machine);
        table.rebuild().unwrap();
        Box::leak(Box::new(table))
    }

    /// Takes a grant, unless all are in use.
    fn offer(&self, table: &'static Grants) -> Option<Held> {
        let page = self.pages.free.lock().unwrap().pop().unwrap();
        match table.offer_write(page, DomId::DOM0) {
            Ok(offer) => Some(ManuallyDrop::new(offer)),
            Err(refused) => {
                self.pages.free.lock().unwrap().push(refused.page);
                None
            }
        }
    }

    fn end(&self, offer: Held) {
        let page = ManuallyDrop::into_inner(offer).end().unwrap();
        self.pages.free.lock().unwrap().push(page);
    }
}

/// The other processor takes a grant, ends it, and takes one; it is parked meanwhile, and the table made anew.
fn park_pop_rebuild(pages: &'static Pages, missing: Missing) {
    let guest = Guest::leaked(pages, missing);
    let table = guest.table();
    guest.machine.rendezvous.join(OTHER).unwrap();
    let other = guest.machine.other(move || {
        let first = guest.offer(table);
        first.into_iter().for_each(|offer| guest.end(offer));
        guest.offer(table)
    });
    guest.machine.suspend(|| {
        guest.epoch.advance();
        table.rebuild().unwrap();
    });
    let mine = guest.offer(table);
    let theirs = other.join().unwrap();
    settle(guest, table, [mine, theirs]);
}

/// No grant of the new table is with two, none is lost, and those of the old one are void.
fn settle(guest: &'static Guest, table: &'static Grants, offers: [Option<Held>; 2]) {
    let now = guest.epoch.now();
    let valid: Vec<GrantRef> =
        offers.iter().flatten().filter(|offer| offer.epoch() == now).map(|offer| offer.reference()).collect();
    assert!(valid.iter().all(|taken| taken.0 >= RESERVED_ENTRIES), "a reserved entry");
    assert!(valid.len() < 2 || valid.first() != valid.last(), "a grant is with two");
    let ledger = table.ledger();
    assert_eq!((ledger.in_use, ledger.quarantined), (u32::try_from(valid.len()).unwrap(), 0), "a grant is lost");
    offers.into_iter().flatten().for_each(|offer| guest.end(offer));
    let all: Vec<Held> = core::iter::from_fn(|| guest.offer(table)).collect();
    assert_eq!(all.len(), GRANTS, "a grant is lost");
    all.into_iter().for_each(|offer| guest.end(offer));
}

/// What needs no lock, being one processor's own: the suspend finds it whole, and what it makes of it is found whole; the
/// other rebuilds its part of it when it is told.
fn park_own(missing: Missing) {
    let machine = Machine::leaked(missing);
    machine.rendezvous.join(OTHER).unwrap();
    let other = machine.other(|| machine.run(|| machine.advance()));
    machine.suspend(|| {
        machine.advance();
        machine.tell();
        machine.advance();
    });
    other.join().unwrap();
}

/// Twice a deadline has passed when all are looked for once: a processor that comes too late goes on, and having come for
/// the first is not here for the second.
fn park_late(missing: Missing) {
    let machine = Machine::leaked(missing);
    machine.rendezvous.join(OTHER).unwrap();
    let other = machine.other(|| machine.run(|| machine.advance()));
    machine.attempt(|| machine.advance());
    machine.attempt(|| machine.advance());
    other.join().unwrap();
}

/// A processor that comes up is called, or finds that it is called.
fn park_newcomer(missing: Missing) {
    let machine = Machine::leaked(missing);
    let other = machine.other(|| {
        machine.rendezvous.join(OTHER).unwrap();
        machine.run(|| machine.advance());
    });
    machine.suspend(|| machine.advance());
    other.join().unwrap();
}

const HALF: &str = "half of a section is seen";

/// Explores a model, and twins of it that must see half of a section.
fn whole(name: &'static str, floor: u64, model: fn(Missing), twins: &[Missing]) {
    holds(name, floor, move || model(Missing::Nothing));
    for missing in twins.iter().copied() {
        fails(name, missing.name(), HALF, move || model(missing));
    }
}

/// The free list takes many steps, and has exhaustive models of its own in `xen-grant`.
const PREEMPTIONS: usize = 3;

#[test]
fn park_pop_a_reference_rebuild() {
    let model = |missing: Missing| {
        let pages = Pages::leaked();
        move || park_pop_rebuild(pages, missing)
    };
    let twin = |missing: Missing, why| {
        fails_within(PREEMPTIONS, ("park_pop_rebuild", missing.name(), why), model(missing));
    };
    holds_within(PREEMPTIONS, ("park_pop_rebuild", 22_000), model(Missing::Nothing));
    twin(Missing::Gate, "a grant is");
    // The list is made anew while the other is at it: its links go round in a circle.
    twin(Missing::Wait, "maximum number of branches");
}

#[test]
fn park_what_no_lock_guards() {
    let (release, acquire) = (Missing::Its(Lack::Release), Missing::Its(Lack::Acquire));
    whole("park_own", 8_000, park_own, &[Missing::Gate, Missing::Wait, Missing::Done, release, acquire]);
}

#[test]
fn park_one_that_is_late() {
    whole("park_late", 100_000, park_late, &[Missing::Wait, Missing::Its(Lack::Release), Missing::Its(Lack::Acquire)]);
}

#[test]
fn park_one_that_comes_up() {
    whole("park_newcomer", 800, park_newcomer, &[Missing::Its(Lack::Fence)]);
}
