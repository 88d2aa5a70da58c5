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

impl Index {
    /// Returns it and those after it, as many in all.
    pub(crate) fn then(self, count: u32) -> impl Iterator<Item = Self> {
        (0..count).map(move |step| self.plus(step))
    }
}

/// The number of an item, counted from the index that its ring started at: 64 bits never wrap, so numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

impl Number {
    /// Before every other, and no item's.
    pub(crate) const NONE: Self = Self(0);
    /// After every other, and no item's.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns the first number of a ring whose indices start there.
    #[expect(clippy::as_conversions, reason = "widening, in const context")]
    pub(crate) const fn starting_at(start: Index) -> Self {
        Self(start.raw() as u64)
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    /// Returns the index in the ring.
    #[expect(clippy::as_conversions, reason = "the lower half")]
    pub(crate) const fn index(self) -> Index {
        Index::new((self.0 & 0xffff_ffff) as u32)
    }

    #[expect(clippy::as_conversions, reason = "widening, in const context")]
    pub(crate) const fn plus(self, steps: u32) -> Self {
        Self(self.0.wrapping_add(steps as u64))
    }

    /// Returns the number near this one that has an index: it is less than 2^32 steps ahead.
    pub(crate) const fn at(self, index: Index) -> Self {
        self.plus(index.since(self.index()))
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
    use super::{Index, Number};

    index!(Tiny, u8);

    /// Every ring that an 8-bit index allows, wherever it stands, however much of it is outstanding and staged.
    #[test]
    fn r02_r05_exhaustive_at_eight_bits() {
        for size in (0..8).map(|bit| 1_u8 << bit) {
            for start in (0..=u8::MAX).step_by(START) {
                let cons = Tiny::new(start);
                assert_eq!(cons.raw(), start);
                for outstanding in 0..=size {
                    let published = cons.plus(outstanding);
                    assert_eq!(published.since(cons), outstanding);
                    let free = size - outstanding;
                    for ahead in 0..free {
                        let number = published.plus(ahead);
                        let place = (u32::from(start) + u32::from(outstanding) + u32::from(ahead)) % u32::from(size);
                        assert_eq!(u32::from(number.place(size)), place);
                    }
                }
            }
        }
    }

    /// However far the ring went on meanwhile, what is staged is not before what is published, and what is published is.
    #[test]
    fn r05_r11_numbers_compare_across_the_wrap_of_their_indices() {
        let start = Number::starting_at(Index::new(u32::MAX - 1));
        let mut published = start;
        for turn in 0..1000_u32 {
            published = published.plus(1 << 24);
            assert!(start < published && published.plus(turn) >= published);
            assert_eq!(published.plus(turn).index().since(published.index()), turn);
            assert_eq!(published.at(published.plus(turn).index()), published.plus(turn));
        }
        assert!(published.raw() > 3 << 32, "the index wrapped");
        assert!(Number::NONE < start && published < Number::NEVER);
    }

    /// Notification, by what it means: the event was one of the indices gone over.
    #[test]
    fn r05_r17_events_exhaustive_at_eight_bits() {
        for start in (0..=u8::MAX).step_by(START) {
            let old = Tiny::new(start);
            for steps in 0..=128 {
                for ahead in 0..=u8::MAX {
                    let passed = (1..=steps).contains(&ahead);
                    assert_eq!(old.plus(steps).passed(old, old.plus(ahead)), passed, "{start} {steps} {ahead}");
                }
            }
        }
    }

    /// Under Miri only every so many starts are tried: this is arithmetic alone.
    const START: usize = if cfg!(miri) { 85 } else { 1 };
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
