//! Shared memory of which every access is counted, and which the peer may change before any of them.

use super::{Rules, Stroke};
use core::cell::{Cell, RefCell};
use core::ops::Range;
use xen_ring::{At, Words};

/// The byte that all private memory of a test is filled with.
pub const CANARY: u8 = 0xc5;

/// One access of ours, as the peer could see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A word was loaded.
    Load(usize),
    /// A word was stored.
    Store(usize, u32),
    /// A full barrier.
    Fence,
    /// So many bytes were copied in from there.
    In(usize, usize),
    /// So many bytes were copied out to there.
    Out(usize, usize),
}

/// Pages shared with a peer that strikes before chosen accesses.
pub struct Memory {
    bytes: RefCell<Vec<u8>>,
    strokes: RefCell<Vec<(usize, Stroke)>>,
    attacked: Cell<bool>,
    peaceful: Cell<bool>,
    lied: Cell<bool>,
    steps: Cell<usize>,
    log: RefCell<Vec<Access>>,
    /// What we wrote last, by the place.
    pub(super) written: RefCell<Vec<(usize, Vec<u8>)>>,
}

impl Memory {
    /// Makes `len` zeroed bytes, whole pages.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self {
            bytes: RefCell::new(vec![0; len]),
            strokes: RefCell::default(),
            attacked: Cell::new(false),
            peaceful: Cell::new(false),
            lied: Cell::new(false),
            steps: Cell::new(0),
            log: RefCell::default(),
            written: RefCell::default(),
        }
    }

    /// Makes memory whose peer strikes before the given accesses, counted over all that [`Memory::attacked`] runs.
    #[must_use]
    pub fn struck(len: usize, strokes: &[(usize, &Stroke)]) -> Self {
        let memory = Self::new(len);
        memory.strokes.borrow_mut().extend(strokes.iter().map(|(when, stroke)| (*when, (*stroke).clone())));
        memory
    }

    /// Has the peer strike before an access to come, counted from now.
    pub fn strike_at(&self, when: usize, stroke: Stroke) {
        self.strokes.borrow_mut().push((self.steps.get() + when, stroke));
    }

    /// Has the peer strike now.
    pub fn strike_now(&self, stroke: &Stroke) {
        self.lied.set(true);
        stroke.strike(self);
    }

    /// Returns whether the peer has struck so far.
    #[must_use]
    pub const fn lied(&self) -> bool {
        self.lied.get()
    }

    /// Runs one operation under attack, and holds it to its rules.
    ///
    /// # Panics
    /// If a rule is broken.
    pub fn attacked<R>(&self, rules: &Rules, operation: impl FnOnce() -> R) -> R {
        self.log.borrow_mut().clear();
        self.attacked.set(true);
        let result = operation();
        self.attacked.set(false);
        rules.check(&self.log.borrow());
        result
    }

    /// Keeps the peer still while a state is prepared; the accesses do not count.
    pub fn peace<R>(&self, prepare: impl FnOnce() -> R) -> R {
        self.peaceful.set(true);
        let result = prepare();
        self.peaceful.set(false);
        result
    }

    /// Has the strokes come that are left, which are those after the last access, and returns how many points there were at
    /// which the peer could strike: one before each access, and in a copy one before each word of eight bytes.
    pub fn finish(&self) -> usize {
        self.strike();
        self.strokes.borrow_mut().clear();
        self.steps.get()
    }

    /// Runs something that must not touch the memory at all.
    ///
    /// # Panics
    /// If it does.
    pub fn untouched<R>(&self, operation: impl FnOnce() -> R) -> R {
        self.log.borrow_mut().clear();
        let result = operation();
        assert!(self.log.borrow().is_empty(), "R30: {:?} where the page must not be touched", self.log.borrow());
        result
    }

    /// Returns the accesses since the last operation began.
    #[must_use]
    pub fn log(&self) -> Vec<Access> {
        self.log.borrow().clone()
    }

    /// Lets the peer, or a check, work on the bytes.
    pub fn with<R>(&self, work: impl FnOnce(&mut [u8]) -> R) -> R {
        work(&mut self.bytes.borrow_mut())
    }

    /// Returns a word as the peer sees it.
    #[must_use]
    pub fn peek(&self, offset: usize) -> u32 {
        word(&self.bytes.borrow(), offset)
    }

    /// Lets the peer write a word.
    pub fn poke(&self, offset: usize, value: u32) {
        self.with(|bytes| put(bytes, offset, value));
    }

    /// Checks that nothing private is in the memory.
    ///
    /// # Panics
    /// If four bytes in a row are [`CANARY`].
    pub fn is_clean(&self) {
        let bytes = self.bytes.borrow();
        // The second look is slow where nothing is optimised.
        let leak = bytes.contains(&CANARY) && bytes.windows(4).any(|four| four == [CANARY; 4]);
        assert!(!leak, "R22: private bytes in the page");
    }

    fn access(&self, access: Access) {
        self.point();
        self.note(access);
    }

    fn note(&self, access: Access) {
        assert!(self.log.borrow().len() < 4096, "an operation without an end");
        self.log.borrow_mut().push(access);
    }

    /// Is where the peer can strike.
    fn point(&self) {
        if self.attacked.get() && !self.peaceful.get() {
            self.strike();
            self.steps.set(self.steps.get() + 1);
        }
    }

    fn strike(&self) {
        let now = self.steps.get();
        for (_, stroke) in self.strokes.borrow().iter().filter(|(when, _)| *when == now) {
            self.strike_now(stroke);
        }
    }
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Memory").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Words for Memory {
    type Word<'w>
        = At<'w, Self>
    where
        Self: 'w;
    type Area<'w>
        = At<'w, Self>
    where
        Self: 'w;

    fn word(&self, offset: usize) -> Option<At<'_, Self>> {
        At::new(self, offset, 4)
    }

    fn area(&self, offset: usize, len: usize) -> Option<At<'_, Self>> {
        At::new(self, offset, len)
    }

    fn size(&self) -> usize {
        self.bytes.borrow().len()
    }

    fn load(&self, offset: usize) -> u32 {
        self.access(Access::Load(offset));
        self.peek(offset)
    }

    fn store(&self, offset: usize, value: u32) {
        self.access(Access::Store(offset, value));
        self.poke(offset, value);
    }

    fn fence(&self) {
        self.access(Access::Fence);
    }

    fn copy_in(&self, offset: usize, to: &mut [u8]) {
        self.note(Access::In(offset, to.len()));
        // A copy can be struck in its middle: between any two words.
        for (at, word) in (offset..).step_by(8).zip(to.chunks_mut(8)) {
            self.point();
            word.copy_from_slice(&self.bytes.borrow()[range(at, word.len())]);
        }
    }

    fn copy_out(&self, offset: usize, from: &[u8]) {
        self.access(Access::Out(offset, from.len()));
        self.bytes.borrow_mut()[range(offset, from.len())].copy_from_slice(from);
        let mut written = self.written.borrow_mut();
        written.retain(|(at, _)| *at != offset);
        written.push((offset, from.to_vec()));
    }
}

/// Reads a word of the page.
///
/// # Panics
/// If it is not there.
#[must_use]
pub fn word(bytes: &[u8], offset: usize) -> u32 {
    let four: &[u8; 4] = bytes[offset..].first_chunk().unwrap();
    u32::from_le_bytes(*four)
}

/// Writes a word of the page.
pub fn put(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[range(offset, 4)].copy_from_slice(&value.to_le_bytes());
}

const fn range(offset: usize, len: usize) -> Range<usize> {
    offset..offset + len
}
