//! A Xen of one grant table, and a peer that sets and clears any flag at any time, as the mock host does not.
#![allow(unsafe_code, reason = "implements the hook and decodes argument blocks")]
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic fails the test"
)]
#![allow(clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use xen_grant::{Flags, Slot};
use xen_hypercall::{EpochCell, Gfn, GrantRef, Hypercall, Number, PAGE_SIZE, SharedPage, Word};

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Returns a page at its birth: zero.
pub(crate) fn page(gfn: u64) -> SharedPage {
    let page = Box::leak(Box::new(Page([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(gfn)) }
}

pub(crate) struct Guest {
    pub(crate) xen: Xen,
    pub(crate) epoch: EpochCell,
    pub(crate) frames: Vec<SharedPage>,
    pub(crate) slots: Vec<Slot>,
}

/// Makes a guest with places for `frames` frames and storage for `slots` entries.
pub(crate) fn guest(frames: u64, slots: usize) -> Guest {
    Guest {
        xen: Xen { max: Cell::new(8), version: Cell::new(0), mapped: RefCell::default(), fail: Cell::new(None) },
        epoch: EpochCell::new(),
        frames: (0..frames).map(|at| page(100 + at)).collect(),
        slots: (0..slots).map(|_| Slot::new()).collect(),
    }
}

impl Guest {
    /// Returns flags and domain, and the frame, of an entry.
    pub(crate) fn entry(&self, gref: GrantRef) -> [u32; 2] {
        self.words(gref).each_ref().map(|word| word.load(SeqCst))
    }

    pub(crate) fn peer_maps(&self, gref: GrantRef, flags: Flags) {
        let [head, _] = self.words(gref);
        head.fetch_or(u32::from(flags.bits()), SeqCst);
    }

    pub(crate) fn peer_unmaps(&self, gref: GrantRef) {
        let [head, _] = self.words(gref);
        head.fetch_and(!0x18, SeqCst);
    }

    fn words(&self, gref: GrantRef) -> &[AtomicU32; 2] {
        self.frames[gref.0 as usize / 512].u32s(gref.0 as usize % 512 * 8).unwrap()
    }
}

pub(crate) struct Xen {
    /// Frames that there may be.
    pub(crate) max: Cell<u64>,
    /// What `set_version` returns: a result, if not 0.
    pub(crate) version: Cell<isize>,
    /// Frames mapped, in order: index, place.
    pub(crate) mapped: RefCell<Vec<(u64, u64)>>,
    /// The frame that is not to be had.
    pub(crate) fail: Cell<Option<u64>>,
}

// SAFETY: it decodes the blocks as the headers say, and touches nothing else.
unsafe impl Hypercall for Xen {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        if number == Number::GRANT_TABLE_OP {
            assert_eq!((args[0].addr(), args[2].addr()), (8, 1), "only set_version, one block");
            return self.version.get();
        }
        assert_eq!((number, args[0].addr()), (Number::MEMORY_OP, 7));
        // SAFETY: `xen_add_to_physmap`: domain with size and space, index, place.
        let [head, index, gfn] = unsafe { args[1].as_ptr::<[u64; 3]>().read() };
        assert_eq!(head, 0x0000_0001_0000_7ff0, "ourselves, the grant table");
        if index >= self.max.get() || self.fail.get() == Some(index) {
            return -22;
        }
        self.mapped.borrow_mut().push((index, gfn));
        0
    }
}
