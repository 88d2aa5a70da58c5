//! Requests, and their bodies on the wire.

use core::fmt::{self, Write};

use xen_hypercall::{DomId, Gfn, Port};

use crate::wire::PAYLOAD_MAX;
use crate::{Argument, Features, MessageType, Path, Permission};

/// What can be asked of the store, watches and the end of a transaction aside.
///
/// The first eight are about nodes, and are asked within a transaction if one is given; the others never are. Those from
/// [`Release`](Self::Release) on are the toolstack's: a server refuses them to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Reads the value of a node.
    Read(Path<'a>),
    /// Lists the names of a node's children.
    Directory(Path<'a>),
    /// Lists some of them, from this byte of the whole list on: see [`Listing`](crate::Listing).
    DirectoryPart(Path<'a>, u32),
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
    /// Asks what the server offers the caller, or, of the toolstack alone, a domain; not for servers before Xen 4.21: that
    /// in OCaml does not answer it over its socket.
    Features(Option<DomId>),
    /// Tells the server that a domain's ring is not to be served any more.
    Release(DomId),
    /// Tells the server of a domain: of the frame of its ring, and of its end of the event channel.
    Introduce(DomId, Gfn, Port),
    /// Asks whether a domain is connected.
    IsIntroduced(DomId),
    /// Tells the server that a domain goes on after it was shut down.
    Resume(DomId),
    /// Gives a domain all the rights of another, its target, which comes second.
    SetTarget(DomId, DomId),
    /// Sets what the server offers a domain, before it is introduced.
    SetFeatures(DomId, Features),
    /// Asks for the names of the quotas that the server knows.
    Quotas,
    /// Asks for a quota of a domain, or the one that new domains have.
    Quota(Option<DomId>, Argument<'a>),
    /// Sets a quota of a domain, or the one that new domains have; 0 is no limit.
    SetQuota(Option<DomId>, Argument<'a>, u32),
    /// Has the daemon do something of its own: what, differs from version to version.
    Control(&'a [Argument<'a>]),
}

impl Request<'_> {
    /// Returns the type of the message, and of its answer.
    #[must_use]
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Read(_) => MessageType::Read,
            Self::Directory(_) => MessageType::Directory,
            Self::DirectoryPart(..) => MessageType::DirectoryPart,
            Self::Permissions(_) => MessageType::GetPermissions,
            Self::Write(..) => MessageType::Write,
            Self::MakeDirectory(_) => MessageType::MakeDirectory,
            Self::Remove(_) => MessageType::Remove,
            Self::SetPermissions(..) => MessageType::SetPermissions,
            Self::Begin => MessageType::TransactionStart,
            Self::Home(_) => MessageType::GetDomainPath,
            Self::Features(_) => MessageType::GetFeature,
            Self::Release(_) => MessageType::Release,
            Self::Introduce(..) => MessageType::Introduce,
            Self::IsIntroduced(_) => MessageType::IsDomainIntroduced,
            Self::Resume(_) => MessageType::Resume,
            Self::SetTarget(..) => MessageType::SetTarget,
            Self::SetFeatures(..) => MessageType::SetFeature,
            Self::Quotas | Self::Quota(..) => MessageType::GetQuota,
            Self::SetQuota(..) => MessageType::SetQuota,
            Self::Control(_) => MessageType::Control,
        }
    }

    /// Tells whether it is about nodes, so that it can be asked within a transaction.
    pub(crate) const fn is_of_nodes(&self) -> bool {
        let reads = matches!(self, Self::Read(_) | Self::Directory(_) | Self::DirectoryPart(..) | Self::Permissions(_));
        reads || matches!(self, Self::Write(..) | Self::MakeDirectory(_) | Self::Remove(_) | Self::SetPermissions(..))
    }

    /// Returns what the server must offer for it.
    pub(crate) fn needs(&self) -> Features {
        match self {
            Self::SetPermissions(_, entries) if entries.iter().any(|entry| entry.domain == DomId::ANY) => {
                Features::DOMID_ANY
            }
            _ => Features::empty(),
        }
    }

    /// Writes the body; `None` if it is longer than a message may be.
    pub(crate) fn encode(&self, body: &mut Body) -> Option<()> {
        match self {
            Self::Read(path) | Self::Directory(path) | Self::Permissions(path) => body.string(path),
            Self::MakeDirectory(path) | Self::Remove(path) => body.string(path),
            Self::DirectoryPart(path, from) => body.string(path).and_then(|()| body.string(from)),
            Self::Write(path, value) => body.string(path).and_then(|()| body.bytes(value)),
            Self::SetPermissions(path, entries) => {
                body.string(path)?;
                entries.iter().try_for_each(|entry| body.string(entry))
            }
            Self::Begin => body.string(""),
            Self::Home(domain) | Self::Release(domain) | Self::IsIntroduced(domain) | Self::Resume(domain) => {
                body.string(domain)
            }
            Self::Introduce(domain, gfn, port) => {
                // The frame is read as a signed number.
                body.string(domain)?;
                body.string(gfn.0.cast_signed())?;
                body.string(port)
            }
            Self::SetTarget(domain, target) => body.string(domain).and_then(|()| body.string(target)),
            Self::SetFeatures(domain, features) => body.string(domain).and_then(|()| body.string(features.bits())),
            Self::Features(domain) => body.strings(domain),
            Self::Quotas => Some(()),
            Self::Quota(domain, name) => body.strings(domain).and_then(|()| body.string(name)),
            Self::SetQuota(domain, name, quota) => {
                body.strings(domain)?;
                body.string(name)?;
                body.string(quota)
            }
            Self::Control(words) => body.strings(*words),
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

    /// Appends each string, if any.
    pub(crate) fn strings(&mut self, texts: impl IntoIterator<Item = impl fmt::Display>) -> Option<()> {
        texts.into_iter().try_for_each(|text| self.string(text))
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
        encodes(Request::DirectoryPart(path, 4096), 22, b"a/b\x004096\0");
    }

    #[test]
    fn bodies_of_the_toolstack() {
        let (one, nodes) = (DomId(7), Argument::literal("nodes"));
        encodes(Request::Introduce(one, Gfn(1024), Port(3)), 8, b"7\x001024\x003\0");
        encodes(Request::Introduce(one, Gfn(u64::MAX), Port(3)), 8, b"7\0-1\x003\0");
        encodes(Request::Release(one), 9, b"7\0");
        encodes(Request::IsIntroduced(one), 17, b"7\0");
        encodes(Request::Resume(one), 18, b"7\0");
        encodes(Request::SetTarget(one, DomId(9)), 19, b"7\x009\0");
        encodes(Request::Features(None), 23, b"");
        encodes(Request::Features(Some(one)), 23, b"7\0");
        encodes(Request::SetFeatures(one, Features::ERROR | Features::WATCH_DEPTH), 24, b"7\x006\0");
        encodes(Request::Quotas, 25, b"");
        encodes(Request::Quota(None, nodes), 25, b"nodes\0");
        encodes(Request::Quota(Some(one), nodes), 25, b"7\0nodes\0");
        encodes(Request::SetQuota(None, nodes, 0), 26, b"nodes\x000\0");
        encodes(Request::SetQuota(Some(one), nodes, 500), 26, b"7\0nodes\x00500\0");
        encodes(Request::Control(&[Argument::literal("log"), Argument::literal("on")]), 0, b"log\0on\0");
    }

    #[test]
    fn s33_the_longest_request() {
        let value = [b'v'; PAYLOAD_MAX];
        let path = Path::literal("abc");
        assert_eq!(Request::Write(path, &value[4..]).encode(&mut Body::new()), Some(()));
        assert_eq!(Request::Write(path, &value[3..]).encode(&mut Body::new()), None);
    }
}
