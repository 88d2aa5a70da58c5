//! Output that cannot be sent yet.

/// Most bytes that are kept.
const SIZE: usize = 4096;

/// A queue of bytes in a fixed buffer.
#[derive(Debug)]
pub(super) struct Backlog {
    bytes: [u8; SIZE],
    start: usize,
    len: usize,
}

impl Backlog {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; SIZE], start: 0, len: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes as many bytes as fit; returns how many.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let room = SIZE.saturating_sub(self.len);
        let mut taken = 0_usize;
        for &byte in bytes.iter().take(room) {
            let at = self.start.wrapping_add(self.len) % SIZE;
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
        self.start = self.start.wrapping_add(count) % SIZE;
        self.len = self.len.saturating_sub(count);
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, SIZE};

    #[test]
    fn keeps_order_around_the_end_and_refuses_what_does_not_fit() {
        let mut backlog = Backlog::new();
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
}
