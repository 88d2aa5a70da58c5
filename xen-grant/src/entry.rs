//! One entry of the table, version 1.

use core::sync::atomic::{AtomicU32, Ordering, fence};

use bitflags::bitflags;
use xen_hypercall::{DomId, GrantRef, SharedPage};

/// Size of an entry, in bytes, and where in it the frame is named.
const ENTRY_SIZE: usize = 8;
const FRAME: usize = 4;
/// Where the domain stands in the other word, above the flags.
const DOMAIN_SHIFT: u32 = 16;

/// Entries in a frame of the table, each of 8 bytes.
pub const ENTRIES_PER_FRAME: usize = 512;

/// Entries that are the toolstack's: the console's, xenstore's, and six for times to come.
///
/// # Xen
/// `GNTTAB_NR_RESERVED_ENTRIES` of `grant_table.h`.
pub const RESERVED_ENTRIES: u32 = 8;

/// How often ending an access is tried anew when the peer changes the flags meanwhile.
const RETRIES: usize = 16;

bitflags! {
    /// What an entry allows, and what the peer does with it.
    ///
    /// # Xen
    /// `GTF_*` of `grant_table.h`; the type is `GTF_permit_access`, or `GTF_invalid` without it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Flags: u16 {
        /// The peer may map the page; written by the guest.
        const PERMIT_ACCESS = 1;
        /// The peer may only read it; written by the guest.
        const READ_ONLY = 1 << 2;
        /// The peer has mapped it for reading; written by Xen.
        const READING = 1 << 3;
        /// The peer has mapped it for writing; written by Xen.
        const WRITING = 1 << 4;
    }
}

/// The two words of an entry: flags with the domain above them, and the frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    head: &'a AtomicU32,
    frame: &'a AtomicU32,
}

impl<'a> Entry<'a> {
    /// Finds an entry, unless it is beyond the frames.
    pub(crate) fn of(frames: &'a [SharedPage], gref: GrantRef) -> Option<Self> {
        let at = usize::try_from(gref.0).ok()?;
        let offset = (at % ENTRIES_PER_FRAME).saturating_mul(ENTRY_SIZE);
        let page = frames.get(at / ENTRIES_PER_FRAME)?;
        const { assert!(FRAME == size_of::<u32>(), "it is the word behind the other") }
        let [head, frame] = page.u32s(offset)?;
        Some(Self { head, frame })
    }

    /// Lets `peer` reach a frame; the entry is unused.
    pub(crate) fn permit(self, peer: DomId, frame: u32, flags: Flags) {
        self.frame.store(frame, Ordering::Relaxed);
        self.head.store(word(Flags::empty(), peer), Ordering::Relaxed);
        // Pairs with Xen's read of the flags before those of domain and frame: who sees the permit sees what it is for.
        fence(Ordering::SeqCst);
        self.head.store(word(flags, peer), Ordering::Relaxed);
    }

    /// Ends the access, unless the peer has the page mapped, and tells whether it did.
    ///
    /// There is no way to ask first: the answer would be old. A peer that keeps changing the flags counts as one that has
    /// the page mapped.
    pub(crate) fn revoke(self) -> bool {
        let mut seen = self.head.load(Ordering::Relaxed);
        for _ in 0..RETRIES {
            if in_use(seen) {
                return false;
            }
            // The success is a full barrier: no access of ours to the page comes before it.
            match self.head.compare_exchange(seen, 0, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Returns the domain that the entry names; only the guest writes it.
    pub(crate) fn peer(self) -> DomId {
        let [_, _, low, high] = self.head.load(Ordering::Relaxed).to_le_bytes();
        DomId(u16::from_le_bytes([low, high]))
    }

    /// Makes the entry one that allows nothing.
    pub(crate) fn clear(self) {
        self.head.store(0, Ordering::SeqCst);
        self.frame.store(0, Ordering::Relaxed);
    }
}

fn word(flags: Flags, peer: DomId) -> u32 {
    u32::from(peer.0) << DOMAIN_SHIFT | u32::from(flags.bits())
}

fn in_use(word: u32) -> bool {
    let [low, high, ..] = word.to_le_bytes();
    Flags::from_bits_retain(u16::from_le_bytes([low, high])).intersects(Flags::READING.union(Flags::WRITING))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: DomId = DomId(0x1234);

    fn entry<'a>(head: &'a AtomicU32, frame: &'a AtomicU32) -> Entry<'a> {
        Entry { head, frame }
    }

    #[test]
    fn the_layout_is_flags_domain_frame() {
        let (head, frame) = (AtomicU32::new(0), AtomicU32::new(0));
        entry(&head, &frame).permit(PEER, 0xABCD, Flags::PERMIT_ACCESS | Flags::READ_ONLY);
        assert_eq!(head.load(Ordering::Relaxed), 0x1234_0005);
        assert_eq!(frame.load(Ordering::Relaxed), 0xABCD);
        assert_eq!(entry(&head, &frame).peer(), PEER);
    }

    /// Under Miri only every so many values are tried.
    const STEP: usize = if cfg!(miri) { 257 } else { 1 };

    /// G01, G02: every value of the 16 flag bits.
    #[test]
    fn only_an_unmapped_page_is_taken_back() {
        for flags in (0..=u16::MAX).step_by(STEP) {
            let before = 0x1234_0000 | u32::from(flags);
            let (head, frame) = (AtomicU32::new(before), AtomicU32::new(7));
            let mapped = flags & 0x18 != 0;
            assert_eq!(entry(&head, &frame).revoke(), !mapped, "{flags:#x}");
            assert_eq!(head.load(Ordering::Relaxed), if mapped { before } else { 0 });
        }
    }
}
