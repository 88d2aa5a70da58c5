//! Requests, and their bodies on the wire.

use core::fmt::{self, Write};

use xen_hypercall::DomId;

use crate::wire::PAYLOAD_MAX;
use crate::{MessageType, Path, Permission};

/// What can be asked of the store, watches and the end of a transaction aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Reads the value of a node.
    Read(Path<'a>),
    /// Lists the names of a node's children.
    Directory(Path<'a>),
    /// Reads the permissions of a node.
    Permissions(Path<'a>),
    /// Writes the value of a node, which is made if need be.
    Write(Path<'a>, &'a [u8]),
    /// Makes a node without a value, unless it is there.
    MakeDirectory(Path<'a>),
    /// Removes a node and all below it.
    Remove(Path<'a>),
    /// Replaces the permissions of a node.
    SetPermissions(Path<'a>, &'a [Permission]),
    /// Begins a transaction.
    Begin,
    /// Asks for the home of a domain.
    Home(DomId),
}

impl Request<'_> {
    /// Returns the type of the message, and of its answer.
    #[must_use]
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Read(_) => MessageType::Read,
            Self::Directory(_) => MessageType::Directory,
            Self::Permissions(_) => MessageType::GetPermissions,
            Self::Write(..) => MessageType::Write,
            Self::MakeDirectory(_) => MessageType::MakeDirectory,
            Self::Remove(_) => MessageType::Remove,
            Self::SetPermissions(..) => MessageType::SetPermissions,
            Self::Begin => MessageType::TransactionStart,
            Self::Home(_) => MessageType::GetDomainPath,
        }
    }

    /// Writes the body; `None` if it is longer than a message may be.
    pub(crate) fn encode(&self, body: &mut Body) -> Option<()> {
        match self {
            Self::Read(path) | Self::Directory(path) | Self::Permissions(path) => body.string(path),
            Self::MakeDirectory(path) | Self::Remove(path) => body.string(path),
            Self::Write(path, value) => body.string(path).and_then(|()| body.bytes(value)),
            Self::SetPermissions(path, entries) => {
                body.string(path)?;
                entries.iter().try_for_each(|entry| body.string(entry))
            }
            Self::Begin => body.string(""),
            Self::Home(domain) => body.string(domain),
        }
    }
}

/// The body of one message: of a request first, then of its answer.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: [u8; PAYLOAD_MAX],
    len: usize,
}

impl Body {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; PAYLOAD_MAX], len: 0 }
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Appends bytes; `None`, and nothing done, if they do not fit.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Appends what `text` displays as, and a NUL; `None` if it does not fit.
    pub(crate) fn string(&mut self, text: impl fmt::Display) -> Option<()> {
        write!(self, "{text}\0").ok()
    }
}

impl Write for Body {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes()).ok_or(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;

    #[track_caller]
    fn encodes(request: Request<'_>, kind: u32, expected: &[u8]) {
        let mut body = Body::new();
        assert_eq!(request.encode(&mut body), Some(()));
        assert_eq!((request.kind().raw(), body.as_bytes()), (kind, expected));
    }

    #[test]
    fn bodies_as_the_server_wants_them() {
        let path = Path::literal("a/b");
        let entries =
            [(3, Access::None), (0, Access::Both)].map(|(id, access)| Permission { domain: DomId(id), access });
        encodes(Request::Read(path), 2, b"a/b\0");
        encodes(Request::Directory(path), 1, b"a/b\0");
        encodes(Request::Permissions(path), 3, b"a/b\0");
        encodes(Request::Write(path, b"x\0y"), 11, b"a/b\0x\0y");
        encodes(Request::MakeDirectory(path), 12, b"a/b\0");
        encodes(Request::Remove(path), 13, b"a/b\0");
        encodes(Request::SetPermissions(path, &entries), 14, b"a/b\0n3\0b0\0");
        encodes(Request::Begin, 6, b"\0");
        encodes(Request::Home(DomId(7)), 10, b"7\0");
    }

    #[test]
    fn s33_the_longest_request() {
        let value = [b'v'; PAYLOAD_MAX];
        let path = Path::literal("abc");
        assert_eq!(Request::Write(path, &value[4..]).encode(&mut Body::new()), Some(()));
        assert_eq!(Request::Write(path, &value[3..]).encode(&mut Body::new()), None);
    }
}
