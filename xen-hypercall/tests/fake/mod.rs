//! A hook that answers as told and keeps the bytes that it was given; a processor with leaves and a counter of one's own.
#![allow(unsafe_code, reason = "implements the seams")]
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::std_instead_of_core,
    reason = "a panic fails the test; hosted"
)]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use xen_hypercall::{Cpu, Cpuid, Gfn, Hypercall, Number, PAGE_SIZE, SharedPage, Word};

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Returns a page at its birth: zero.
pub(crate) fn page(gfn: u64) -> SharedPage {
    let page = Box::leak(Box::new(Page([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(gfn)) }
}

/// Answers every hypercall with `result`, after it has put `written` into the block at the pointer argument `block_at`.
pub(crate) struct Scripted {
    pub(crate) result: Cell<isize>,
    pub(crate) block_at: usize,
    pub(crate) size: usize,
    pub(crate) written: (usize, Vec<u8>),
    /// Number, the first three arguments (a pointer as 0), and the block as it came.
    pub(crate) seen: RefCell<(usize, [usize; 3], Vec<u8>)>,
}

impl Scripted {
    /// Expects a block of `size` bytes as the second argument.
    pub(crate) fn new(size: usize) -> Self {
        Self { result: Cell::new(0), block_at: 1, size, written: (0, vec![]), seen: RefCell::default() }
    }

    /// Expects the block at argument `place`.
    pub(crate) fn at(mut self, place: usize) -> Self {
        self.block_at = place;
        self
    }

    pub(crate) fn writing(mut self, at: usize, bytes: &[u8]) -> Self {
        self.written = (at, bytes.to_vec());
        self
    }

    pub(crate) fn answering(self, result: isize) -> Self {
        self.result.set(result);
        self
    }
}

// SAFETY: it touches as many bytes of the block as the test says that the header has.
unsafe impl Hypercall for Scripted {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let block = args[self.block_at].as_ptr::<u8>();
        let mut bytes = vec![0; self.size];
        let mut plain = [args[0].addr(), args[1].addr(), args[2].addr()];
        if self.size > 0 {
            plain[self.block_at] = 0;
            // SAFETY: the block has this many bytes.
            unsafe { block.copy_to_nonoverlapping(bytes.as_mut_ptr(), self.size) }
        }
        *self.seen.borrow_mut() = (number.0, plain, bytes);
        let (at, written) = &self.written;
        if !written.is_empty() {
            assert!(at.saturating_add(written.len()) <= self.size, "within the block");
            let to = block.wrapping_add(*at);
            // SAFETY: within the block by the line above.
            unsafe { to.copy_from_nonoverlapping(written.as_ptr(), written.len()) }
        }
        self.result.get()
    }
}

/// A processor with some leaves; all others are zero.
#[derive(Default)]
pub(crate) struct Leaves {
    pub(crate) leaves: Vec<(u32, Cpuid)>,
    pub(crate) tsc: Cell<u64>,
    /// What was written to model specific registers; the last one is what is read.
    pub(crate) msrs: RefCell<Vec<(u32, u64)>>,
}

impl Leaves {
    /// Adds leaves with a signature: how many there are, and a version behind it.
    pub(crate) fn with(mut self, base: u32, name: [u8; 12], last: u32) -> Self {
        let word = |at: usize| u32::from_le_bytes([name[at], name[at + 1], name[at + 2], name[at + 3]]);
        self.leaves.push((base, Cpuid { eax: last, ebx: word(0), ecx: word(4), edx: word(8) }));
        self.leaves.push((base.wrapping_add(1), Cpuid { eax: 0x0004_0013, ..Cpuid::default() }));
        self.leaves.push((base.wrapping_add(3), Cpuid { edx: 2, ..Cpuid::default() }));
        self
    }
}

impl Cpu for Leaves {
    fn cpuid(&self, leaf: u32, _subleaf: u32) -> Cpuid {
        self.leaves.iter().find(|(at, _)| *at == leaf).map_or(Cpuid::default(), |(_, found)| *found)
    }

    fn tsc(&self) -> u64 {
        self.tsc.get()
    }

    unsafe fn read_msr(&self, register: u32) -> u64 {
        self.msrs.borrow().iter().rfind(|(at, _)| *at == register).map_or(0, |(_, value)| *value)
    }

    unsafe fn write_msr(&self, register: u32, value: u64) {
        self.msrs.borrow_mut().push((register, value));
    }
}
