//! Shared memory of which every access is counted, and which the peer may change before any of them.

use super::{Rules, Stroke};
use core::cell::{Cell, RefCell};
use core::ops::Range;
use std::rc::Rc;
use xen_ring::{Flags, Words};

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
    /// A flag byte was looked at, set, or bits of it were.
    Flag(usize),
}

/// Pages shared with a peer that strikes before chosen accesses; or those of them from some byte on.
pub struct Memory {
    whole: Rc<Whole>,
    from: usize,
}

/// All of the pages, and all that the peer means to do.
#[derive(Default)]
struct Whole {
    bytes: RefCell<Vec<u8>>,
    strokes: RefCell<Vec<(usize, Stroke)>>,
    peaceful: Cell<bool>,
    lied: Cell<bool>,
    steps: Cell<usize>,
    log: RefCell<Vec<Access>>,
    /// What we wrote last, by the place.
    written: RefCell<Vec<(usize, Vec<u8>)>>,
}

impl Memory {
    /// Makes `len` zeroed bytes, whole pages.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let whole = Whole { bytes: RefCell::new(vec![0; len]), ..Whole::default() };
        Self { whole: Rc::new(whole), from: 0 }
    }

    /// Returns what begins at a byte of this one: the same pages, the same peer.
    #[must_use]
    pub fn part(&self, from: usize) -> Self {
        Self { whole: Rc::clone(&self.whole), from: self.from + from }
    }

    /// Makes memory whose peer strikes before the given accesses, counted over all but what [`Memory::peace`] runs.
    #[must_use]
    pub fn struck(len: usize, strokes: &[(usize, &Stroke)]) -> Self {
        let memory = Self::new(len);
        memory.whole.strokes.borrow_mut().extend(strokes.iter().map(|(when, stroke)| (*when, (*stroke).clone())));
        memory
    }

    /// Has the peer strike before an access to come, counted from now.
    pub fn strike_at(&self, when: usize, stroke: Stroke) {
        self.whole.strokes.borrow_mut().push((self.whole.steps.get() + when, stroke));
    }

    /// Has the peer write before an access to come, counted from now.
    pub fn write_at(&self, when: usize, how: impl Fn(&mut [u8]) + 'static) {
        self.strike_at(when, Stroke::bytes("write", how));
    }

    /// Has the peer strike now.
    pub fn strike_now(&self, stroke: &Stroke) {
        self.whole.lied.set(true);
        stroke.strike(self);
    }

    /// Returns whether the peer has struck so far.
    #[must_use]
    pub fn lied(&self) -> bool {
        self.whole.lied.get()
    }

    /// Runs one operation under attack, and holds it to its rules.
    ///
    /// # Panics
    /// If a rule is broken.
    pub fn attacked<R>(&self, rules: &Rules, operation: impl FnOnce() -> R) -> R {
        self.whole.log.borrow_mut().clear();
        let result = operation();
        rules.check(&self.whole.log.borrow());
        result
    }

    /// Keeps the peer still while a state is prepared; the accesses do not count.
    pub fn peace<R>(&self, prepare: impl FnOnce() -> R) -> R {
        let before = self.whole.peaceful.replace(true);
        let result = prepare();
        self.whole.peaceful.set(before);
        result
    }

    /// Has the strokes come that are left, which are those after the last access, and returns how many points there were at
    /// which the peer could strike: one before each access, and in a copy one before each word of eight bytes.
    pub fn finish(&self) -> usize {
        self.strike();
        self.whole.strokes.borrow_mut().clear();
        self.whole.steps.get()
    }

    /// Runs something that must not touch the memory at all.
    ///
    /// # Panics
    /// If it does.
    pub fn untouched<R>(&self, operation: impl FnOnce() -> R) -> R {
        self.whole.log.borrow_mut().clear();
        let result = operation();
        assert!(
            self.whole.log.borrow().is_empty(),
            "R30: {:?} where the page must not be touched",
            self.whole.log.borrow()
        );
        result
    }

    /// Returns the accesses since the last operation began, or the last call of this; strokes that were to come are off.
    pub fn drain(&self) -> Vec<Access> {
        self.whole.strokes.take();
        self.whole.log.take()
    }

    /// Lets the peer, or a check, work on the bytes.
    pub fn with<R>(&self, work: impl FnOnce(&mut [u8]) -> R) -> R {
        work(&mut self.whole.bytes.borrow_mut())
    }

    /// Returns a word as the peer sees it.
    #[must_use]
    pub fn peek(&self, offset: usize) -> u32 {
        word(&self.whole.bytes.borrow(), offset)
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
        let bytes = self.whole.bytes.borrow();
        // The second look is slow where nothing is optimised.
        let leak = bytes.contains(&CANARY) && bytes.windows(4).any(|four| four == [CANARY; 4]);
        assert!(!leak, "R22: private bytes in the page");
    }

    fn access(&self, access: Access) {
        self.point();
        self.note(access);
    }

    fn note(&self, access: Access) {
        assert!(self.whole.log.borrow().len() < 4096, "an operation without an end");
        self.whole.log.borrow_mut().push(access);
    }

    /// Is where the peer can strike.
    fn point(&self) {
        if !self.whole.peaceful.get() {
            self.strike();
            self.whole.steps.set(self.whole.steps.get() + 1);
        }
    }

    fn strike(&self) {
        let now = self.whole.steps.get();
        for (_, stroke) in self.whole.strokes.borrow().iter().filter(|(when, _)| *when == now) {
            self.strike_now(stroke);
        }
    }
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Memory").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Words for Memory {
    xen_ring::words_at!();

    fn size(&self) -> usize {
        self.whole.bytes.borrow().len() - self.from
    }

    fn load(&self, offset: usize) -> u32 {
        let at = self.from + offset;
        self.access(Access::Load(at));
        self.peek(at)
    }

    fn store(&self, offset: usize, value: u32) {
        let at = self.from + offset;
        self.access(Access::Store(at, value));
        self.poke(at, value);
    }

    fn fence(&self) {
        self.access(Access::Fence);
    }

    fn copy_in(&self, offset: usize, to: &mut [u8]) {
        let at = self.from + offset;
        self.note(Access::In(at, to.len()));
        // A copy can be struck in its middle: between any two words.
        for (at, word) in (at..).step_by(8).zip(to.chunks_mut(8)) {
            self.point();
            word.copy_from_slice(&self.whole.bytes.borrow()[range(at, word.len())]);
        }
    }

    fn copy_out(&self, offset: usize, from: &[u8]) {
        let at = self.from + offset;
        self.access(Access::Out(at, from.len()));
        self.whole.bytes.borrow_mut()[range(at, from.len())].copy_from_slice(from);
        let mut written = self.whole.written.borrow_mut();
        written.retain(|(before, _)| *before != at);
        written.push((at, from.to_vec()));
    }
}

impl Flags for Memory {
    fn byte(&self, offset: usize) -> u8 {
        self.flag(offset, |byte| byte)
    }

    fn set_byte(&self, offset: usize, value: u8) {
        self.flag(offset, |_| value);
    }

    fn raise(&self, offset: usize, bits: u8) {
        self.flag(offset, |byte| byte | bits);
    }

    fn lower(&self, offset: usize, bits: u8) -> bool {
        self.flag(offset, |byte| byte & !bits) & bits != 0
    }
}

impl Memory {
    /// Changes a flag byte and returns what it was.
    fn flag(&self, offset: usize, change: impl FnOnce(u8) -> u8) -> u8 {
        let at = self.from + offset;
        self.access(Access::Flag(at));
        self.with(|bytes| {
            let before = bytes[at];
            bytes[at] = change(before);
            before
        })
    }

    /// Puts back what we wrote at a place last.
    pub(super) fn put_back(&self, at: usize) {
        let written = self.whole.written.borrow();
        if let Some((_, own)) = written.iter().find(|(start, _)| *start == at) {
            self.with(|bytes| bytes[range(at, own.len())].copy_from_slice(own));
        }
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
