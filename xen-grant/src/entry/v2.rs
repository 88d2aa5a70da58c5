//! Version 2: frames of any height, and what Xen says of an entry stands in a table of its own.

use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use xen_hypercall::SharedPage;

use super::{Flags, Permit};
use crate::sync::full_fence;
use crate::word::Word;

/// Size of an entry, in bytes, and where in it the frame is named.
const ENTRY_SIZE: usize = 16;
const FRAME: usize = 8;
/// Size of an entry's status, in bytes.
const STATUS_SIZE: usize = 2;

/// Entries in a frame of the table, each of 16 bytes, and status words in one of theirs.
pub(crate) const PER_FRAME: usize = 256;
pub(crate) const PER_STATUS_FRAME: usize = 2048;

/// Flags with the domain above them, the frame, and what Xen says.
#[derive(Debug)]
pub(crate) struct V2<'a, H = AtomicU32, F = AtomicU64, S = AtomicU16> {
    pub(crate) head: &'a H,
    pub(crate) frame: &'a F,
    pub(crate) status: &'a S,
}

impl<'a> V2<'a> {
    #[inline]
    pub(super) fn of(frames: &'a [SharedPage], status: &'a [SharedPage], at: usize) -> Option<Self> {
        let page = frames.get(at / PER_FRAME)?;
        let offset = (at % PER_FRAME).wrapping_mul(ENTRY_SIZE);
        let [head] = page.u32s(offset)?;
        let [frame] = page.u64s(offset.wrapping_add(FRAME))?;
        let words = status.get(at / PER_STATUS_FRAME)?;
        let [status] = words.u16s((at % PER_STATUS_FRAME).wrapping_mul(STATUS_SIZE))?;
        Some(Self { head, frame, status })
    }
}

impl<H, F, S> V2<'_, H, F, S>
where
    H: Word<Value = u32>,
    F: Word<Value = u64>,
    S: Word<Value = u16>,
{
    #[inline]
    pub(crate) fn permit(&self, frame: u64, permit: Permit) {
        self.frame.store(frame, Ordering::Relaxed);
        // Pairs with Xen's reads: of this word first, and of the frame once it has marked the entry as mapped.
        self.head.store(permit.word(), Ordering::Release);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.head.load(Ordering::Relaxed) == 0 && !Flags::in_use(self.status.load(Ordering::Relaxed))
    }

    /// Ends what is permitted; of no use to a peer that has not mapped it, and to one that has until it lets go.
    #[inline]
    pub(crate) fn revoke(&self) -> bool {
        self.head.store(0, Ordering::Relaxed);
        // Pairs with Xen's barrier between its mark in the status and its second look at the flags: either it sees that they
        // are gone and takes the mark back, or the mark is seen here.
        full_fence();
        // Acquire: no access of ours to the page comes before the peer let go.
        !Flags::in_use(self.status.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use xen_hypercall::DomId;

    use super::*;

    #[test]
    fn the_layout_is_flags_domain_frame_and_the_status_is_apart() {
        let (head, frame, status) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU16::new(0));
        let entry = V2 { head: &head, frame: &frame, status: &status };
        let flags = Flags::PERMIT_ACCESS | Flags::READ_ONLY;
        entry.permit(0xA_BCDE_F012_3456, Permit { peer: DomId(0x1234), flags });
        assert_eq!(head.load(Ordering::Relaxed), 0x1234_0005);
        assert_eq!((frame.into_inner(), status.into_inner()), (0xA_BCDE_F012_3456, 0));
    }

    /// G01, G02: every value of the status; no permit is left in any case.
    #[test]
    fn g01_g02_only_an_unmapped_page_is_taken_back() {
        for bits in 0..=u16::MAX {
            let (head, frame, status) = (AtomicU32::new(0x1234_0001), AtomicU64::new(7), AtomicU16::new(bits));
            let entry = V2 { head: &head, frame: &frame, status: &status };
            assert_eq!(entry.revoke(), bits & 0x18 == 0, "{bits:#x}");
            assert_eq!((head.into_inner(), status.into_inner()), (0, bits));
        }
    }

    /// Writes down what is done to it.
    struct Logged<'l, T>(&'static str, T, &'l RefCell<[&'static str; 2]>);

    impl<T: Copy> Word for Logged<'_, T> {
        type Value = T;

        fn load(&self, _: Ordering) -> T {
            self.note();
            self.1
        }

        fn store(&self, _: T, _: Ordering) {
            self.note();
        }

        fn swap_if(&self, _: T, _: T) -> Result<(), T> {
            unreachable!("version 2 swaps nothing")
        }
    }

    impl<T> Logged<'_, T> {
        fn note(&self) {
            self.2.borrow_mut().rotate_left(1);
            self.2.borrow_mut()[1] = self.0;
        }
    }

    /// G07: first the flags are cleared, then the status is read.
    #[test]
    fn g07_the_status_is_read_last() {
        let log = RefCell::new([""; 2]);
        let (head, frame, status) =
            (Logged("flags", 0_u32, &log), Logged("frame", 0_u64, &log), Logged("status", 0_u16, &log));
        assert!(V2 { head: &head, frame: &frame, status: &status }.revoke());
        assert_eq!(*log.borrow(), ["flags", "status"]);
    }
}
