//! The body of a message, in a buffer that has room for the header before it.

use core::fmt::{self, Write};

use crate::wire::{HEADER_SIZE, Header, MESSAGE_MAX};

/// Writes a body, a string after the other.
pub(crate) struct Writer<'b> {
    room: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    /// Begins behind the place of the header.
    #[inline]
    pub(crate) fn behind_header(message: &'b mut [u8; MESSAGE_MAX]) -> Self {
        let (_, room) = message.split_at_mut(HEADER_SIZE);
        Self { room, len: 0 }
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Appends bytes; `None`, and nothing done, if they do not fit.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.room.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Appends a text and a NUL; `None` if they do not fit.
    #[inline]
    pub(crate) fn text(&mut self, text: &str) -> Option<()> {
        let len = text.len();
        let end = self.len.checked_add(len)?.checked_add(1)?;
        let (nul, to) = self.room.get_mut(self.len..end)?.split_last_mut()?;
        to.copy_from_slice(text.as_bytes());
        *nul = 0;
        self.len = end;
        Some(())
    }

    /// Appends what `text` displays as, and a NUL; `None` if it does not fit.
    pub(crate) fn string(&mut self, text: impl fmt::Display) -> Option<()> {
        write!(self, "{text}\0").ok()
    }

    /// Appends each string, if any.
    pub(crate) fn strings(&mut self, texts: impl IntoIterator<Item = impl fmt::Display>) -> Option<()> {
        texts.into_iter().try_for_each(|text| self.string(text))
    }
}

impl Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes()).ok_or(fmt::Error)
    }
}

/// The body of one message: of a request first, then of its answer.
#[derive(Debug)]
pub(crate) struct Body {
    message: [u8; MESSAGE_MAX],
    len: usize,
}

impl Body {
    pub(crate) const fn new() -> Self {
        Self { message: [0; MESSAGE_MAX], len: 0 }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        let (_, body) = self.message.split_at(HEADER_SIZE);
        body.get(..self.len).unwrap_or_default()
    }

    /// Replaces it; `None` if there is no room for all, and then it is empty.
    pub(crate) fn fill(&mut self, write: impl FnOnce(&mut Writer<'_>) -> Option<()>) -> Option<()> {
        self.len = 0;
        let mut body = Writer::behind_header(&mut self.message);
        write(&mut body)?;
        self.len = body.len();
        Some(())
    }

    /// Puts the header before it, and returns how long the message is.
    pub(crate) fn seal(&mut self, header: Header) -> usize {
        header.put_before(&mut self.message).len()
    }

    /// Returns what was sealed, from this byte on.
    pub(crate) fn sealed(&self, from: usize, end: usize) -> &[u8] {
        self.message.get(from..end).unwrap_or_default()
    }
}
