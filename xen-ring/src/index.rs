//! Free-running indices: arithmetic modulo 2^32, and nothing that compares.

/// Makes an index of one width; rings have [`Index`], and the exhaustive tests one of 8 bits.
macro_rules! index {
    ($(#[$attribute:meta])* $name:ident, $raw:ty) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name($raw);

        impl $name {
            pub(crate) const fn new(raw: $raw) -> Self {
                Self(raw)
            }

            pub(crate) const fn raw(self) -> $raw {
                self.0
            }

            /// Returns how many steps it took from `older` to here.
            pub(crate) const fn since(self, older: Self) -> $raw {
                self.0.wrapping_sub(older.0)
            }

            pub(crate) const fn plus(self, steps: $raw) -> Self {
                Self(self.0.wrapping_add(steps))
            }

            /// Returns the place in a ring of `size` entries, a power of two.
            pub(crate) const fn place(self, size: $raw) -> $raw {
                self.0 & size.wrapping_sub(1)
            }

            /// Tells whether it is one of the `size` from `start` on.
            pub(crate) const fn is_within(self, start: Self, size: $raw) -> bool {
                self.since(start) < size
            }

            /// Tells whether `event` is among the indices passed on the way from `old` to here.
            ///
            /// As `RING_PUSH_…_AND_CHECK_NOTIFY` decides.
            pub(crate) const fn passed(self, old: Self, event: Self) -> bool {
                self.since(event) < self.since(old)
            }
        }
    };
}

index! {
    /// A free-running index of a ring.
    ///
    /// It wraps at 2^32, so "greater" has no meaning and no comparison exists; [`Index::since`] is the one question.
    Index, u32
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

    index!(Tiny, u8);

    /// Every ring that an 8-bit index allows, wherever it stands, however much of it is outstanding and staged; and requests
    /// that were overtaken by any number of others are published all the same.
    #[test]
    fn r02_r05_r11_exhaustive_at_eight_bits() {
        for size in (0..8).map(|bit| 1_u8 << bit) {
            for start in (0..=u8::MAX).step_by(STEP) {
                let cons = Tiny::new(start);
                for outstanding in 0..=size {
                    let published = cons.plus(outstanding);
                    assert_eq!(published.since(cons), outstanding);
                    let free = size - outstanding;
                    for back in 1..=u8::MAX - size {
                        let number = Tiny::new(published.raw().wrapping_sub(back));
                        assert!(!number.is_within(published, size), "{size} {start} {outstanding} {back}");
                    }
                    for ahead in 0..free {
                        let number = published.plus(ahead);
                        assert!(number.is_within(published, size), "{size} {start} {outstanding} {ahead}");
                        let place = (u32::from(start) + u32::from(outstanding) + u32::from(ahead)) % u32::from(size);
                        assert_eq!(u32::from(number.place(size)), place);
                    }
                }
            }
        }
    }

    /// Notification, by what it means: the event was one of the indices gone over.
    #[test]
    fn r05_r17_events_exhaustive_at_eight_bits() {
        for start in (0..=u8::MAX).step_by(STEP) {
            let old = Tiny::new(start);
            for steps in 0..=128 {
                for ahead in 0..=u8::MAX {
                    let passed = (1..=steps).contains(&ahead);
                    assert_eq!(old.plus(steps).passed(old, old.plus(ahead)), passed, "{start} {steps} {ahead}");
                }
            }
        }
    }

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
