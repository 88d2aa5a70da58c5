//! Output that cannot be sent yet, and input that nobody has read yet.

/// A queue of at most `SIZE` bytes.
#[derive(Debug)]
pub(super) struct Backlog<const SIZE: usize> {
    bytes: [u8; SIZE],
    start: usize,
    len: usize,
}

impl<const SIZE: usize> Backlog<SIZE> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; SIZE], start: 0, len: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many bytes still fit.
    pub(super) const fn room(&self) -> usize {
        SIZE.saturating_sub(self.len)
    }

    /// Takes as many bytes as fit; returns how many.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0_usize;
        for &byte in bytes.iter().take(self.room()) {
            let at = Self::around(self.start.saturating_add(self.len));
            if let Some(to) = self.bytes.get_mut(at) {
                *to = byte;
            }
            self.len = self.len.saturating_add(1);
            taken = taken.saturating_add(1);
        }
        taken
    }

    /// Returns the oldest bytes, as many as lie in one piece; empty when there are none.
    pub(super) fn peek(&self) -> &[u8] {
        let end = self.start.saturating_add(self.len).min(SIZE);
        self.bytes.get(self.start..end).unwrap_or_default()
    }

    /// Forgets the `count` oldest bytes.
    pub(super) fn pop(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start = Self::around(self.start.saturating_add(count));
        self.len = self.len.saturating_sub(count);
    }

    /// The place of a byte that is less than two rounds from the buffer's beginning.
    const fn around(at: usize) -> usize {
        if at < SIZE { at } else { at.wrapping_sub(SIZE) }
    }

    /// Gives back the oldest bytes, as many as there are and fit; returns how many.
    pub(super) fn pull(&mut self, to: &mut [u8]) -> usize {
        let mut pulled = 0_usize;
        while let Some((byte, to)) = self.peek().first().copied().zip(to.get_mut(pulled)) {
            *to = byte;
            self.pop(1);
            pulled = pulled.saturating_add(1);
        }
        pulled
    }
}

#[cfg(test)]
mod tests {
    use super::Backlog;

    const SIZE: usize = 4096;

    #[test]
    fn keeps_order_around_the_end_and_refuses_what_does_not_fit() {
        let mut backlog = Backlog::<SIZE>::new();
        assert_eq!(backlog.push(&[7; SIZE]), SIZE);
        assert_eq!(backlog.push(b"x"), 0, "full");
        backlog.pop(SIZE - 2);
        assert_eq!(backlog.push(b"abcd"), 4);
        assert_eq!(backlog.peek(), [7, 7], "up to the end of the buffer");
        backlog.pop(2);
        assert_eq!(backlog.peek(), b"abcd");
        backlog.pop(99);
        assert!(backlog.is_empty() && backlog.peek().is_empty());
    }

    #[test]
    fn gives_back_what_it_took() {
        let mut backlog = Backlog::<8>::new();
        backlog.push(b"abcdef");
        backlog.pop(4);
        assert_eq!(backlog.push(b"ghijkl"), 6, "around the end");
        let mut to = [0; 5];
        assert_eq!((backlog.pull(&mut to), &to), (5, b"efghi"));
        assert_eq!((backlog.pull(&mut to), &to[..3]), (3, &b"jkl"[..]));
        assert_eq!((backlog.pull(&mut to), backlog.room()), (0, 8));
    }
}
