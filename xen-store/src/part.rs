//! Long lists of names, a part at a time.

use crate::names::{Strings, are_names};
use crate::wire::narrow;
use crate::{Names, Path, Reject, Reply, Request, StoreError, decode};

/// How often a list is begun again because the node changed meanwhile.
const RESTARTS: u8 = 8;
/// The most parts that are asked for in all.
const PARTS: u16 = 1024;

/// A part of a node's list of children.
#[derive(Debug, Clone)]
pub struct Part<'b> {
    generation: u64,
    names: &'b [u8],
    end: bool,
}

impl<'b> Part<'b> {
    /// Checks the body of an answer.
    ///
    /// # Errors
    /// [`Reject::BadNumber`] if it does not begin with the node's generation, [`Reject::BadNames`] if what follows is not
    /// NUL-terminated names, or is nothing at all: the end of a list is an empty name.
    pub fn parse(body: &'b [u8]) -> Result<Self, Reject> {
        let mut strings = Strings::new(body).ok_or(Reject::BadNames)?;
        let generation = decode::number(strings.next().unwrap_or_default())?;
        let rest = strings.rest();
        let (names, end) = match rest {
            [0] => (&[][..], true),
            [names @ .., 0] if names.ends_with(&[0]) => (names, true),
            _ => (rest, false),
        };
        if names.is_empty() && !end || !are_names(names) {
            return Err(Reject::BadNames);
        }
        Ok(Self { generation, names, end })
    }

    /// Returns a number that is another once the node has changed.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the names of this part.
    ///
    /// # Errors
    /// None after [`Part::parse`].
    pub fn names(&self) -> Result<Names<'b>, Reject> {
        Names::parse(self.names)
    }

    /// Tells whether the list ends here.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.end
    }
}

/// How far a [`Listing`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Listed {
    /// Ask for the next part.
    More,
    /// It is whole.
    Whole,
}

/// A list of names of any length, put together in the caller's buffer.
///
/// [`Nodes::directory`](crate::Nodes::directory) makes one where an answer has no room for the list. It is begun again if
/// the node changes meanwhile, eight times at most, and asks for 1024 parts at most in all.
#[derive(Debug)]
pub struct Listing<'b> {
    buffer: &'b mut [u8],
    len: usize,
    generation: u64,
    restarts: u8,
    parts: u16,
}

impl<'b> Listing<'b> {
    /// Begins a list, which `buffer` shall hold: each name and a NUL.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, generation: 0, restarts: 0, parts: 0 }
    }

    /// Returns the request for the next part.
    #[must_use]
    pub fn request<'p>(&self, path: Path<'p>) -> Request<'p> {
        Request::DirectoryPart(path, narrow(self.len))
    }

    /// Takes the answer in.
    ///
    /// # Errors
    /// [`StoreError::BufferTooSmall`] if the list does not fit: at least so much is needed. [`StoreError::Rejected`] if the
    /// answer is no part, or the node did not keep still, or there is no end.
    pub fn take(&mut self, reply: &Reply<'_>) -> Result<Listed, StoreError> {
        let part = reply.part()?;
        self.parts = self.parts.saturating_add(1);
        if self.parts > PARTS {
            return Err(StoreError::Rejected(Reject::Unsteady));
        }
        if self.len > 0 && part.generation != self.generation {
            return self.restart();
        }
        self.generation = part.generation;
        let end = self.len.saturating_add(part.names.len());
        let room = self.buffer.get_mut(self.len..end).ok_or(StoreError::BufferTooSmall(end))?;
        room.copy_from_slice(part.names);
        self.len = end;
        Ok(if part.end { Listed::Whole } else { Listed::More })
    }

    /// Returns the names.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if parts were taken in that together are no list.
    pub fn names(self) -> Result<Names<'b>, StoreError> {
        let Self { buffer, len, .. } = self;
        Names::parse(buffer.get(..len).unwrap_or_default()).map_err(StoreError::Rejected)
    }

    const fn restart(&mut self) -> Result<Listed, StoreError> {
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts > RESTARTS {
            return Err(StoreError::Rejected(Reject::Unsteady));
        }
        self.len = 0;
        Ok(Listed::More)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;
    use crate::MessageType;

    #[test]
    fn s29_a_part_makes_progress_or_is_the_end() {
        for (bad, why) in [
            (&b""[..], Reject::BadNumber),
            (b"7", Reject::BadNames),
            (b"7\0", Reject::BadNames),
            (b"\0vbd\0", Reject::BadNumber),
            (b"x\0vbd\0", Reject::BadNumber),
            (b"7\0vbd", Reject::BadNames),
            (b"7\0\0vbd\0", Reject::BadNames),
            (b"7\0vbd\0\0\0", Reject::BadNames),
            (b"7\0a/b\0", Reject::BadNames),
        ] {
            assert_eq!(Part::parse(bad).err(), Some(why), "{bad:?}");
        }
        let part = |body: &'static [u8]| {
            let part = Part::parse(body).unwrap();
            (part.generation(), part.names().unwrap().collect::<Vec<_>>(), part.is_last())
        };
        assert_eq!(part(b"7\0vbd\0vif\0"), (7, ["vbd", "vif"].to_vec(), false));
        assert_eq!(part(b"7\0vbd\0\0"), (7, ["vbd"].to_vec(), true));
        assert_eq!(part(b"18446744073709551615\0\0"), (u64::MAX, Vec::new(), true));
    }

    fn take(listing: &mut Listing<'_>, body: &[u8]) -> Result<Listed, StoreError> {
        listing.take(&Reply { kind: MessageType::DirectoryPart, body, session: None })
    }

    #[test]
    fn s29_a_list_of_parts() {
        let mut buffer = [0; 16];
        let mut listing = Listing::new(&mut buffer);
        let path = Path::literal("device");
        assert_eq!(take(&mut listing, b"7\0vbd\0"), Ok(Listed::More));
        assert_eq!(listing.request(path), Request::DirectoryPart(path, 4));
        assert_eq!(take(&mut listing, b"8\0xyz\0"), Ok(Listed::More), "changed: begun again");
        assert_eq!(listing.request(path), Request::DirectoryPart(path, 0));
        assert_eq!(take(&mut listing, b"9\0vif\0"), Ok(Listed::More));
        assert_eq!(take(&mut listing, b"9\0console\0\0"), Ok(Listed::Whole));
        assert_eq!(listing.names().unwrap().collect::<Vec<_>>(), ["vif", "console"]);
    }

    #[test]
    fn s29_s47_neither_change_nor_length_is_without_end() {
        let mut buffer = [0; 8];
        let mut listing = Listing::new(&mut buffer);
        assert_eq!(take(&mut listing, b"1\0abc\0"), Ok(Listed::More));
        assert_eq!(take(&mut listing, b"1\0abcd\0\0"), Err(StoreError::BufferTooSmall(9)), "and nothing past the end");
        let mut listing = Listing::new(&mut buffer);
        let mut changes: u64 = 0;
        let end = loop {
            changes += 1;
            let body = std::format!("{changes}\0a\0");
            if let Err(error) = take(&mut listing, body.as_bytes()) {
                break error;
            }
        };
        assert_eq!((end, changes), (StoreError::Rejected(Reject::Unsteady), 18), "eight times");
        let mut large = [0; 8192];
        let mut listing = Listing::new(&mut large);
        for _ in 0..1024 {
            assert_eq!(take(&mut listing, b"1\0a\0"), Ok(Listed::More));
        }
        assert_eq!(take(&mut listing, b"1\0a\0"), Err(StoreError::Rejected(Reject::Unsteady)));
    }
}
