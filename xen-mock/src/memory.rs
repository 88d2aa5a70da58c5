//! The guest's memory: page-sized frames by number.
#![expect(unsafe_code, reason = "frames are raw memory, which the guest reaches too")]

mod mirrors;
pub(crate) mod recycled;

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use xen_hypercall::{Gfn, SharedPage};

use mirrors::Mirrors;

/// Size of a page, in bytes.
pub(crate) const PAGE: usize = 4096;

/// The console's frame, where Xen's tools put it.
pub(crate) const CONSOLE_GFN: Gfn = Gfn(0xf_effc);
/// The frame of xenstore's ring.
pub(crate) const STORE_GFN: Gfn = Gfn(0xf_efff);
/// The first frame that [`Memory::page`] gives out.
const FIRST_RAM: u64 = 0x1000;

/// The first frame that [`Memory::hole`] gives out: beyond all RAM.
const FIRST_HOLE: u64 = 0x10_0000;

/// Keeps every frame reachable for ever: a guest may hold its pages longer than the host lives.
static KEPT: Mutex<Vec<Frame>> = Mutex::new(Vec::new());

/// One page of memory; lives for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame(NonNull<u8>);

// SAFETY: other threads only keep the address, in `KEPT`; it is never used there.
unsafe impl Send for Frame {}

impl Frame {
    /// Takes a zeroed page that nobody else has.
    pub(crate) fn new() -> Self {
        if let Some(frame) = recycled::spare() {
            frame.zero();
            return frame;
        }
        let layout = Layout::from_size_align(PAGE, PAGE).expect("a page is a layout");
        // SAFETY: the layout is not empty.
        let raw = unsafe { alloc_zeroed(layout) };
        let frame = NonNull::new(raw).map(Self).unwrap_or_else(|| handle_alloc_error(layout));
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        recycled::taken(frame);
        frame
    }

    /// Copies bytes out.
    pub(crate) fn copy_to(self, at: usize, to: &mut [u8]) {
        let from = self.span(at, to.len());
        // SAFETY: within the page, which lives for ever; `to` is private, so the two do not overlap.
        unsafe { from.as_ptr().copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) }
    }

    /// Copies bytes in.
    pub(crate) fn write(self, at: usize, from: &[u8]) {
        let to = self.span(at, from.len());
        // SAFETY: within the page, which lives for ever; `from` is private, so the two do not overlap.
        unsafe { to.as_ptr().copy_from_nonoverlapping(from.as_ptr(), from.len()) }
    }

    fn span(self, at: usize, len: usize) -> NonNull<u8> {
        assert!(at <= PAGE && len <= PAGE - at, "bytes {at}.. of length {len} are not within a page");
        // SAFETY: within the page by the line above.
        unsafe { self.0.add(at) }
    }

    /// Returns `N` bytes.
    pub(crate) fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        self.copy_to(at, &mut bytes);
        bytes
    }

    pub(crate) fn u8(self, at: usize) -> u8 {
        u8::from_le_bytes(self.bytes(at))
    }

    pub(crate) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    pub(crate) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    pub(crate) fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    pub(crate) fn set_u32(self, at: usize, value: u32) {
        self.write(at, &value.to_le_bytes());
    }

    pub(crate) fn set_u64(self, at: usize, value: u64) {
        self.write(at, &value.to_le_bytes());
    }

    /// Sets the page to zero.
    pub(crate) fn zero(self) {
        self.write(0, &[0; PAGE]);
    }

    /// Moves the content of `old` here; what is left there reads as a hole does.
    pub(crate) fn take_over(self, old: Self) {
        if self != old {
            self.write(0, &old.bytes::<PAGE>(0));
            old.vanish();
        }
    }

    /// Makes the page read as a hole does.
    pub(crate) fn vanish(self) {
        self.write(0, &[0xff; PAGE]);
    }

    /// Returns the page as the guest maps it.
    fn share(self, gfn: Gfn) -> SharedPage {
        // SAFETY: aligned, mapped for ever, and on the guest's side reached through this value.
        unsafe { SharedPage::new(self.0, gfn) }
    }
}

/// The frames of a domain, by number.
#[derive(Debug)]
pub(crate) struct Memory {
    frames: BTreeMap<u64, Frame>,
    next: u64,
    holes: BTreeMap<u64, Frame>,
    pub(crate) mirrors: Mirrors,
}

impl Memory {
    /// Makes the memory of a new domain: the special frames, and no RAM in use.
    pub(crate) fn new() -> Self {
        let frames = [CONSOLE_GFN, STORE_GFN].map(|gfn| (gfn.0, Frame::new()));
        let (holes, mirrors) = (BTreeMap::new(), Mirrors::default());
        Self { frames: BTreeMap::from(frames), next: FIRST_RAM, holes, mirrors }
    }

    /// Takes a page of RAM.
    pub(crate) fn page(&mut self) -> SharedPage {
        let gfn = Gfn(self.next);
        self.next += 1;
        let frame = Frame::new();
        self.frames.insert(gfn.0, frame);
        frame.share(gfn)
    }

    /// Takes a place where there is no memory yet, for a page of another domain.
    pub(crate) fn hole(&mut self) -> SharedPage {
        let gfn = Gfn(FIRST_HOLE + self.holes.len() as u64);
        let frame = Frame::new();
        frame.vanish();
        self.holes.insert(gfn.0, frame);
        frame.share(gfn)
    }

    /// Returns the hole of that number, whatever is there now.
    pub(crate) fn place(&self, gfn: Gfn) -> Option<Frame> {
        self.holes.get(&gfn.0).copied()
    }

    /// Returns how many pages of RAM the guest has taken.
    pub(crate) fn pages_taken(&self) -> u64 {
        self.next - FIRST_RAM
    }

    /// Returns the frame of that number.
    pub(crate) fn frame(&self, gfn: Gfn) -> Option<Frame> {
        self.frames.get(&gfn.0).copied()
    }

    /// Maps a frame for the guest.
    pub(crate) fn map(&self, gfn: Gfn) -> SharedPage {
        let frame = self.frame(gfn).unwrap_or_else(|| panic!("the guest maps frame {gfn}, and there is none"));
        frame.share(gfn)
    }
}
