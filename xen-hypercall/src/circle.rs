//! Bytes of shared pages in which a free-running index goes round: checked once, and then as cheap to reach as private memory.

use core::sync::atomic::AtomicU8;

use crate::bulk;

/// As many bytes of a page, or of several, as a power of two, that others may write at any moment.
///
/// An index goes round in them: its lower bits are the place at which a copy begins. See `circle` of [`SharedPage`] and
/// [`SharedPages`].
///
/// [`SharedPage`]: crate::SharedPage
/// [`SharedPages`]: crate::SharedPages
#[derive(Debug, Clone, Copy)]
pub struct Circle<'p> {
    bytes: &'p [AtomicU8],
}

impl<'p> Circle<'p> {
    /// Takes the bytes, unless their number is no power of two.
    pub(crate) const fn new(bytes: &'p [AtomicU8]) -> Option<Self> {
        if bytes.len().is_power_of_two() { Some(Self { bytes }) } else { None }
    }

    /// Returns how many bytes there are.
    #[inline]
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Copies the bytes from place `at` on into private memory, once; none if they go across the end.
    #[inline]
    #[must_use = "what goes across the end is not copied"]
    pub fn copy_in(&self, at: usize, to: &mut [u8]) -> bool {
        self.straight(at, to.len()).inspect(|from| bulk::read(from, to)).is_some()
    }

    /// Copies private bytes here from place `at` on; none if they go across the end.
    #[inline]
    #[must_use = "what goes across the end is not copied"]
    pub fn copy_out(&self, at: usize, from: &[u8]) -> bool {
        self.straight(at, from.len()).inspect(|to| bulk::write(to, from)).is_some()
    }

    /// Returns `len` bytes from place `at` on, if they end before the end.
    #[inline]
    fn straight(&self, at: usize, len: usize) -> Option<&'p [AtomicU8]> {
        self.bytes.get(at..at.wrapping_add(len))
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicU8;
    use core::sync::atomic::Ordering::Relaxed;

    use super::Circle;

    /// Whatever goes straight arrives and touches nothing else; whatever does not is refused, and nothing is touched.
    #[test]
    fn every_place_and_every_length() {
        let sizes: &[usize] = if cfg!(miri) { &[1, 4] } else { &[1, 2, 8, 16] };
        for &size in sizes {
            let places = (0..=size + 1).chain([usize::MAX - 1, usize::MAX]);
            for (at, len) in places.flat_map(|at| (0..=size + 1).map(move |len| (at, len))) {
                let memory = [const { AtomicU8::new(0xee) }; 48];
                let circle = Circle::new(&memory[16..][..size]).unwrap();
                let fits = at.checked_add(len).is_some_and(|end| end <= size);
                assert_eq!(circle.copy_out(at, &[7; 20][..len]), fits, "{size} {at} {len}");
                let mut back = [1; 20];
                assert_eq!(circle.copy_in(at, &mut back[..len]), fits, "{size} {at} {len}");
                let sevens = if fits { len } else { 0 };
                assert!(back.iter().enumerate().all(|(to, byte)| *byte == if to < sevens { 7 } else { 1 }));
                let ours = 16_usize.saturating_add(at)..16_usize.saturating_add(at).saturating_add(sevens);
                let bytes = memory.iter().map(|byte| byte.load(Relaxed)).enumerate();
                assert!(bytes.into_iter().all(|(to, byte)| byte == if ours.contains(&to) { 7 } else { 0xee }));
            }
        }
    }

    #[test]
    fn a_circle_is_a_power_of_two() {
        let memory = [const { AtomicU8::new(0) }; 12];
        for len in [0, 3, 7, 12] {
            assert!(Circle::new(&memory[..len]).is_none(), "{len}");
        }
    }
}
