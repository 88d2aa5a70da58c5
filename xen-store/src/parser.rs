//! Messages out of bytes that arrive in any pieces.

use crate::Fault;
use crate::wire::{HEADER_SIZE, Header, MESSAGE_MAX, PAYLOAD_MAX, wide};

/// Puts messages together from bytes in any pieces, in a buffer of one message.
#[derive(Debug)]
pub struct Parser {
    buffer: [u8; MESSAGE_MAX],
    have: usize,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// Starts at a message boundary.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; MESSAGE_MAX], have: 0 }
    }

    /// Takes bytes up to the end of the message at hand and returns how many.
    ///
    /// # Errors
    /// [`Fault::Oversize`] if the header announces more than [`PAYLOAD_MAX`] bytes: the stream's position is lost.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        if let Some(len) = self.push_whole(bytes) {
            return Ok(len);
        }
        self.push_part(bytes)
    }

    /// Takes a message at once that is there as a whole, if none has begun.
    #[inline]
    fn push_whole(&mut self, bytes: &[u8]) -> Option<usize> {
        let header = bytes.first_chunk().map(Header::decode).filter(|_| self.have == 0)?;
        let len = HEADER_SIZE.saturating_add(wide(header.len));
        self.buffer.get_mut(..len)?.copy_from_slice(bytes.get(..len)?);
        self.have = len;
        Some(len)
    }

    fn push_part(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let head = self.fill(bytes, HEADER_SIZE);
        let Some(header) = self.header() else { return Ok(head) };
        let body = wide(header.len);
        if body > PAYLOAD_MAX {
            return Err(Fault::Oversize(header.len));
        }
        let rest = bytes.get(head..).unwrap_or_default();
        Ok(head.saturating_add(self.fill(rest, HEADER_SIZE.saturating_add(body))))
    }

    /// Returns the message at hand once it is whole.
    #[must_use]
    #[inline]
    pub fn message(&self) -> Option<(Header, &[u8])> {
        let header = self.header()?;
        let end = HEADER_SIZE.checked_add(wide(header.len))?;
        if self.have < end {
            return None;
        }
        Some((header, self.buffer.get(HEADER_SIZE..end)?))
    }

    /// Forgets the message at hand, whole or not.
    #[inline]
    pub const fn clear(&mut self) {
        self.have = 0;
    }

    /// Tells whether no message has begun.
    #[must_use]
    pub const fn is_at_boundary(&self) -> bool {
        self.have == 0
    }

    #[inline]
    fn header(&self) -> Option<Header> {
        if self.have < HEADER_SIZE {
            return None;
        }
        self.buffer.first_chunk().map(Header::decode)
    }

    fn fill(&mut self, bytes: &[u8], end: usize) -> usize {
        let Some(room) = self.buffer.get_mut(self.have..end) else { return 0 };
        let len = room.len().min(bytes.len());
        let (to, _) = room.split_at_mut(len);
        let (from, _) = bytes.split_at(len);
        to.copy_from_slice(from);
        self.have = self.have.saturating_add(len);
        len
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn message(len: u32) -> Vec<u8> {
        let mut bytes = Header { kind: 2, request: 1, transaction: 0, len }.encode().to_vec();
        bytes.resize(HEADER_SIZE.saturating_add(wide(len)), b'x');
        bytes
    }

    #[test]
    fn every_split_gives_the_same_message() {
        let bytes = message(5);
        for cut in 0..=bytes.len() {
            let mut parser = Parser::new();
            assert_eq!(parser.push(&bytes[..cut]), Ok(cut));
            assert_eq!(parser.message().is_some(), cut == bytes.len());
            assert_eq!(parser.push(&bytes[cut..]), Ok(bytes.len() - cut));
            assert_eq!(parser.message().unwrap().1, b"xxxxx");
        }
    }

    #[test]
    fn s04_one_byte_at_a_time() {
        let mut parser = Parser::new();
        for byte in message(3) {
            assert!(parser.message().is_none());
            assert_eq!(parser.push(&[byte]), Ok(1));
        }
        assert_eq!(parser.message().unwrap().1, b"xxx");
    }

    #[test]
    fn s01_s02_s03_the_longest_body_is_legal_and_one_more_is_not() {
        let longest = message(4096);
        let mut parser = Parser::new();
        assert_eq!(parser.push(&longest), Ok(longest.len()));
        assert_eq!(parser.message().unwrap().1.len(), 4096);
        parser.clear();
        let (head, body) = longest.split_at(HEADER_SIZE);
        assert_eq!((parser.push(head), parser.push(body)), (Ok(HEADER_SIZE), Ok(4096)), "in pieces, too");
        assert_eq!(parser.message().unwrap().1.len(), 4096);
        for len in [4097, u32::MAX] {
            let header = Header { kind: 2, request: 1, transaction: 0, len }.encode();
            assert_eq!(Parser::new().push(&header), Err(Fault::Oversize(len)));
        }
    }

    #[test]
    fn takes_no_byte_of_the_next_message() {
        let mut bytes = message(0);
        bytes.extend(message(1));
        let mut parser = Parser::new();
        assert_eq!(parser.push(&bytes), Ok(HEADER_SIZE));
        assert_eq!(parser.push(&bytes), Ok(0), "not before the first is cleared");
        parser.clear();
        assert_eq!(parser.push(&bytes[HEADER_SIZE..]), Ok(HEADER_SIZE + 1));
    }
}
