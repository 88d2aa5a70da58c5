//! Free-running indices: arithmetic modulo 2^32, and nothing that compares.

/// A free-running index of a ring.
///
/// It wraps at 2^32, so "greater" has no meaning and no comparison exists; [`Index::since`] is the one question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index(u32);

impl Index {
    pub(crate) const fn new(raw: u32) -> Self {
        Self(raw)
    }

    pub(crate) const fn raw(self) -> u32 {
        self.0
    }

    /// Returns how many steps it took from `older` to here.
    pub(crate) const fn since(self, older: Self) -> u32 {
        self.0.wrapping_sub(older.0)
    }

    pub(crate) const fn plus(self, steps: u32) -> Self {
        Self(self.0.wrapping_add(steps))
    }

    /// Returns the place in a ring of `size` entries, a power of two.
    pub(crate) const fn place(self, size: u32) -> u32 {
        self.0 & size.wrapping_sub(1)
    }
}

/// Widens; the crate's targets have pointers of 32 bits or more.
#[expect(clippy::as_conversions, reason = "no other widening works in const context")]
pub(crate) const fn wide(small: u32) -> usize {
    const { assert!(size_of::<usize>() >= size_of::<u32>(), "lengths of rings fit a pointer") }
    small as usize
}

/// Narrows a length, of which only the part below a ring's size matters.
pub(crate) fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Index;

    /// Under Miri only every so many sizes and steps are tried.
    const STEP: usize = if cfg!(miri) { 7 } else { 1 };

    #[test]
    fn r05_steps_across_the_wrap_are_exact() {
        for start in (0..=5).map(|back: u32| 0_u32.wrapping_sub(back)).chain(0..5) {
            for steps in (0..=600).step_by(STEP) {
                let older = Index::new(start);
                let newer = older.plus(steps);
                assert_eq!(newer.since(older), steps);
                assert_eq!(older.since(newer), 0_u32.wrapping_sub(steps));
            }
        }
    }

    #[test]
    fn r05_places_follow_each_other_across_the_wrap() {
        for size in (0..12).step_by(STEP).map(|bit| 1_u32 << bit) {
            let mut at = Index::new(u32::MAX - 2);
            for _ in 0..3 * size + 8 {
                let next = at.plus(1);
                assert_eq!(next.place(size), (at.place(size) + 1) % size);
                at = next;
            }
        }
    }
}
