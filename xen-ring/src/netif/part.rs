//! Bytes of a page.

use xen_hypercall::PAGE_SIZE;

/// Bytes of one page: all of them are within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    offset: u16,
    length: u16,
}

impl Part {
    /// A page.
    pub const WHOLE: Self = Self { offset: 0, length: 4096 };

    /// Names `length` bytes from byte `offset` of a page on, or returns `None` if they are not all in it.
    #[must_use]
    pub fn new(offset: u16, length: u16) -> Option<Self> {
        let part = Self { offset, length };
        (part.bytes().end <= PAGE_SIZE).then_some(part)
    }

    /// Returns where it begins.
    #[must_use]
    pub const fn offset(self) -> u16 {
        self.offset
    }

    /// Counts the bytes: 0 to 4096.
    #[must_use]
    pub const fn length(self) -> u16 {
        self.length
    }

    /// Returns the bytes of the page.
    #[must_use]
    pub fn bytes(self) -> core::ops::Range<usize> {
        let start = usize::from(self.offset);
        start..start.saturating_add(usize::from(self.length))
    }
}

const _: () = assert!(PAGE_SIZE == 4096);

#[cfg(test)]
mod tests {
    use super::Part;

    /// Every offset and length that two numbers of 16 bits can say, by samples.
    #[test]
    fn n02_a_part_is_within_its_page() {
        let near = |number: u16| number.saturating_sub(2)..=number.saturating_add(2);
        let numbers = || [0, 1, 2048, 4095, 4096, 8192, 0x8000, 0xf000, u16::MAX].into_iter().flat_map(near);
        for (offset, length) in numbers().flat_map(|offset| numbers().map(move |length| (offset, length))) {
            let fits = u32::from(offset) + u32::from(length) <= 4096;
            assert_eq!(Part::new(offset, length).is_some(), fits, "{offset} {length}");
        }
        assert_eq!(Part::new(0, 4096), Some(Part::WHOLE));
    }
}
