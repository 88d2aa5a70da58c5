//! A Xen of one grant table, and a peer that sets and clears any flag at any time, as the mock host does not.
#![allow(unsafe_code, reason = "implements the hook and decodes argument blocks")]
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic fails the test"
)]
#![allow(clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use xen_grant::{Flags, Slot, Table};
use xen_hypercall::{EpochCell, Gfn, GrantRef, Hypercall, LentPage, Number, PAGE_SIZE, SharedPage, Word};

#[repr(align(4096))]
struct Memory(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Returns a page at its birth: zero.
pub(crate) fn page(gfn: u64) -> SharedPage {
    let page = Box::leak(Box::new(Memory([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(gfn)) }
}

/// Lends a page that nobody has.
pub(crate) fn lent(gfn: u64) -> LentPage {
    // SAFETY: no peer of these tests reaches a page's bytes.
    unsafe { LentPage::new(Gfn(gfn)) }
}

pub(crate) struct Guest {
    pub(crate) xen: Xen,
    pub(crate) epoch: EpochCell,
    pub(crate) frames: Vec<SharedPage>,
    pub(crate) status: Vec<SharedPage>,
    pub(crate) slots: Vec<Slot>,
}

/// Makes a guest with places for `frames` frames and storage for `slots` entries.
pub(crate) fn guest(frames: u64, slots: usize) -> Guest {
    Guest {
        xen: Xen::default(),
        epoch: EpochCell::new(),
        frames: (0..frames).map(|at| page(100 + at)).collect(),
        status: vec![],
        slots: (0..slots).map(|_| Slot::new()).collect(),
    }
}

/// As [`guest`], which asks for version 2 by `status` places.
pub(crate) fn second(frames: u64, status: u64, slots: usize) -> Guest {
    Guest { status: (0..status).map(|at| page(200 + at)).collect(), ..guest(frames, slots) }
}

impl Guest {
    pub(crate) fn table(&self) -> Table<'_, &Xen> {
        Table::new(&self.xen, &self.epoch, &self.frames, &self.slots).with_status(&self.status)
    }

    /// Returns flags and domain, and the frame, of an entry.
    pub(crate) fn entry(&self, gref: GrantRef) -> [u32; 2] {
        match self.xen.version.get() {
            1 => self.atomics::<2>(gref).each_ref().map(|word| word.load(SeqCst)),
            _ => {
                let [head, _, frame, _] = self.atomics(gref);
                [head.load(SeqCst), frame.load(SeqCst)]
            }
        }
    }

    /// Sets flags as Xen does, whatever the entry allows.
    pub(crate) fn peer_maps(&self, gref: GrantRef, flags: Flags) {
        match self.xen.version.get() {
            1 => drop(self.atomics::<2>(gref)[0].fetch_or(u32::from(flags.bits()), SeqCst)),
            _ => drop(self.status(gref)[0].fetch_or(flags.bits() & 0x18, SeqCst)),
        }
    }

    pub(crate) fn peer_unmaps(&self, gref: GrantRef) {
        match self.xen.version.get() {
            1 => drop(self.atomics::<2>(gref)[0].fetch_and(!0x18, SeqCst)),
            _ => drop(self.status(gref)[0].fetch_and(!0x18, SeqCst)),
        }
    }

    /// Tells whether the peer has the page mapped.
    pub(crate) fn is_mapped(&self, gref: GrantRef) -> bool {
        match self.xen.version.get() {
            1 => self.atomics::<2>(gref)[0].load(SeqCst) & 0x18 != 0,
            _ => self.status(gref)[0].load(SeqCst) & 0x18 != 0,
        }
    }

    /// What a new domain finds: nothing.
    pub(crate) fn new_domain(&self) {
        self.frames.iter().chain(&self.status).for_each(SharedPage::zero);
        self.xen.version.set(1);
        self.xen.placed.borrow_mut().clear();
        self.epoch.advance();
    }

    /// Returns the words of an entry of version 1, whatever the version is.
    pub(crate) fn words(&self, gref: GrantRef) -> [u32; 2] {
        self.atomics(gref).each_ref().map(|word: &AtomicU32| word.load(SeqCst))
    }

    fn atomics<const N: usize>(&self, gref: GrantRef) -> &[AtomicU32; N] {
        let per_frame = PAGE_SIZE / (4 * N);
        self.frames[gref.0 as usize / per_frame].u32s(gref.0 as usize % per_frame * 4 * N).unwrap()
    }

    fn status(&self, gref: GrantRef) -> &[std::sync::atomic::AtomicU16; 1] {
        self.status[gref.0 as usize / 2048].u16s(gref.0 as usize % 2048 * 2).unwrap()
    }
}

/// Where one frame went: the array's index in Xen, with the bit of the status words, and the guest's frame.
pub(crate) type Placed = (u64, u64);

pub(crate) struct Xen {
    /// Frames that there may be.
    pub(crate) max: Cell<u32>,
    /// Frames that Xen really has memory for.
    pub(crate) memory: Cell<u64>,
    /// The version in force, and the highest to be had.
    pub(crate) version: Cell<u32>,
    pub(crate) highest: Cell<u32>,
    /// What a command of `grant_table_op` returns in place of its work.
    pub(crate) refuse: Cell<Option<(usize, isize)>>,
    /// Frames mapped, in order.
    pub(crate) placed: RefCell<Vec<Placed>>,
    /// The frame that is not to be had.
    pub(crate) fail: Cell<Option<u64>>,
    pub(crate) calls: Cell<usize>,
}

impl Default for Xen {
    fn default() -> Self {
        Self {
            max: Cell::new(8),
            memory: Cell::new(u64::MAX),
            version: Cell::new(1),
            highest: Cell::new(2),
            refuse: Cell::new(None),
            placed: RefCell::default(),
            fail: Cell::new(None),
            calls: Cell::new(0),
        }
    }
}

pub(crate) const STATUS: u64 = 0x8000_0000;
const EINVAL: isize = -22;
const ENOSYS: isize = -38;

#[repr(C)]
struct SetupTable {
    dom: u16,
    nr_frames: u32,
    status: i16,
    list: *mut u64,
}

#[repr(C)]
struct QuerySize {
    dom: u16,
    nr_frames: u32,
    max_nr_frames: u32,
    status: i16,
}

#[repr(C)]
struct StatusFrames {
    nr_frames: u32,
    dom: u16,
    status: i16,
    list: *mut u64,
}

/// Finds a block.
fn of<T>(block: &mut Word) -> &mut T {
    // SAFETY: it is laid out as the header says, and nobody else's until the call returns.
    unsafe { &mut *block.as_ptr::<T>() }
}

impl Xen {
    fn grant_op(&self, cmd: usize, block: &mut Word) -> isize {
        if let Some((_, result)) = self.refuse.get().filter(|(refused, _)| *refused == cmd) {
            return result;
        }
        match cmd {
            2 => {
                let block = of::<SetupTable>(block);
                self.list(0, (block.nr_frames, block.list));
                block.status = 0;
            }
            6 => {
                let block = of::<QuerySize>(block);
                (block.max_nr_frames, block.status) = (self.max.get(), 0);
            }
            8 => return self.set_version(of(block)),
            9 => {
                let block = of::<StatusFrames>(block);
                self.list(STATUS, (block.nr_frames, block.list));
                block.status = 0;
            }
            10 => of::<[u32; 2]>(block)[1] = self.version.get(),
            other => panic!("command {other}"),
        }
        0
    }

    fn set_version(&self, version: &mut u32) -> isize {
        let result = match *version {
            2 if self.highest.get() < 2 => ENOSYS,
            1 | 2 => {
                self.version.set(*version);
                0
            }
            _ => EINVAL,
        };
        *version = self.version.get();
        result
    }

    fn list(&self, array: u64, (count, list): (u32, *mut u64)) {
        for at in 0..u64::from(count).min(self.memory.get()) {
            // SAFETY: the list is so long.
            unsafe { list.wrapping_add(at as usize).write(0x1000 + (array | at)) }
        }
    }
}

// SAFETY: it decodes the blocks as the headers say, and touches nothing else.
unsafe impl Hypercall for Xen {
    unsafe fn call(&self, number: Number, mut args: [Word; 5]) -> isize {
        self.calls.set(self.calls.get() + 1);
        if number == Number::GRANT_TABLE_OP {
            assert_eq!(args[2].addr(), 1, "one block");
            return self.grant_op(args[0].addr(), &mut args[1]);
        }
        assert_eq!((number, args[0].addr()), (Number::MEMORY_OP, 7));
        // SAFETY: `xen_add_to_physmap`: domain with size and space, index, place.
        let [head, index, gfn] = unsafe { args[1].as_ptr::<[u64; 3]>().read() };
        assert_eq!(head, 0x0000_0001_0000_7ff0, "ourselves, the grant table");
        let frame = index & !STATUS;
        let max = u64::from(self.max.get()).min(self.memory.get());
        let beyond = if index & STATUS == 0 { frame >= max } else { frame >= max.div_ceil(8) };
        if beyond || self.fail.get() == Some(index) || index & STATUS != 0 && self.version.get() != 2 {
            return EINVAL;
        }
        self.placed.borrow_mut().push((index, gfn));
        0
    }
}
