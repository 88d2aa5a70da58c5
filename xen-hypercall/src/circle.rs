//! Bytes of shared pages in which a free-running index goes round: checked once, and then as cheap to reach as private memory.
#![expect(unsafe_code, reason = "touches shared memory, beside `page.rs`")]

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::bulk;

/// As many bytes of a page, or of several, as a power of two, that others may write at any moment.
///
/// An index goes round in them: its lower bits are the place. See `circle` of [`SharedPage`] and [`SharedPages`].
///
/// [`SharedPage`]: crate::SharedPage
/// [`SharedPages`]: crate::SharedPages
///
/// # Invariants
/// `mask` is a power of two less one, and as many bytes and one are mapped at `ptr` as long as `'p`; they are reached by
/// atomics and opaque copies alone.
#[derive(Debug, Clone, Copy)]
pub struct Circle<'p> {
    ptr: NonNull<u8>,
    mask: usize,
    page: PhantomData<&'p u8>,
}

// SAFETY: the bytes are reached by copies that tolerate other writers, so any thread may do it.
unsafe impl Send for Circle<'_> {}
// SAFETY: as above.
unsafe impl Sync for Circle<'_> {}

impl Circle<'_> {
    /// Takes the bytes at `ptr`, unless their number is no power of two.
    ///
    /// # Safety
    /// As many bytes as `len` are mapped at `ptr` as long as `'p`, and are reached by atomics and opaque copies alone.
    pub(crate) const unsafe fn new(ptr: NonNull<u8>, len: usize) -> Option<Self> {
        if len.is_power_of_two() { Some(Self { ptr, mask: len.wrapping_sub(1), page: PhantomData }) } else { None }
    }

    /// Returns how many bytes there are.
    #[inline]
    #[must_use]
    pub const fn size(&self) -> usize {
        self.mask.wrapping_add(1)
    }

    /// Copies the bytes from index `at` on into private memory, once; none if there are none, or they go across the end.
    #[inline]
    #[must_use = "what goes across the end is not copied"]
    pub fn copy_in(&self, at: usize, to: &mut [u8]) -> bool {
        let from = self.straight(at, to.len());
        if let Some(from) = from {
            // SAFETY: the invariant, and before the end; `to` is private, so the two do not overlap.
            unsafe { bulk::read(from, to) }
        }
        from.is_some()
    }

    /// Copies private bytes here from index `at` on; none if there are none, or they go across the end.
    #[inline]
    #[must_use = "what goes across the end is not copied"]
    pub fn copy_out(&self, at: usize, from: &[u8]) -> bool {
        let to = self.straight(at, from.len());
        if let Some(to) = to {
            // SAFETY: the invariant, and before the end; `from` is private, so the two do not overlap.
            unsafe { bulk::write(to, from) }
        }
        to.is_some()
    }

    /// Returns where the byte of index `at` is, if `len` bytes from there on, at least one, end before the end.
    #[inline]
    const fn straight(&self, at: usize, len: usize) -> Option<*mut u8> {
        let place = at & self.mask;
        // A length of 0 wraps and is too long.
        let before_end = len.wrapping_sub(1) <= self.mask.wrapping_sub(place);
        if before_end { Some(self.ptr.as_ptr().wrapping_byte_add(place)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::NonNull;

    use super::Circle;

    /// Whatever goes straight arrives and touches nothing else; whatever does not is refused, and nothing is touched.
    #[test]
    fn every_place_and_every_length() {
        for size in [1_usize, 2, 8, 16] {
            for (at, len) in (0..3 * size).flat_map(|at| (0..=size + 1).map(move |len| (at.wrapping_sub(size), len))) {
                let mut memory = [0xee_u8; 48];
                let ptr = NonNull::from(&mut memory).cast::<u8>().map_addr(|addr| addr.saturating_add(16));
                // SAFETY: within the array, which nobody else reaches meanwhile.
                let circle = unsafe { Circle::new(ptr, size) }.unwrap();
                let place = at % size;
                let fits = len > 0 && place + len <= size;
                assert_eq!(circle.copy_out(at, &[7; 20][..len]), fits, "{size} {at} {len}");
                let mut back = [1; 20];
                assert_eq!(circle.copy_in(at, &mut back[..len]), fits, "{size} {at} {len}");
                let sevens = if fits { len } else { 0 };
                assert!(back.iter().enumerate().all(|(to, byte)| *byte == if to < sevens { 7 } else { 1 }));
                let ours = 16 + place..16 + place + sevens;
                let same = |(to, byte): (usize, &u8)| *byte == if ours.contains(&to) { 7 } else { 0xee };
                assert!(memory.iter().enumerate().all(same), "{size} {at} {len}");
            }
        }
    }

    #[test]
    fn a_circle_is_a_power_of_two() {
        for len in [0, 3, 12, usize::MAX] {
            // SAFETY: refused before it is reached.
            assert!(unsafe { Circle::new(NonNull::dangling(), len) }.is_none(), "{len}");
        }
    }
}
