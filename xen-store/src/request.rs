//! Requests, and their bodies on the wire.

use xen_hypercall::{DomId, Gfn, Port};

use crate::body::Writer;
use crate::wire::{Header, MESSAGE_MAX, narrow};
use crate::{Argument, Features, MessageType, Path, Permission, StoreError};

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

    /// Writes the whole message, header and body, to the front of `buffer`, and returns it: for one who keeps a session of
    /// another kind than [`Core`](crate::Core) does. [`Reply::of`](crate::Reply::of) reads the answer.
    ///
    /// The server's answer repeats `id`; `transaction` is 0 outside of any.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] if the body is longer than a message may have.
    ///
    /// # Example
    /// ```
    /// use xen_store::{MESSAGE_MAX, Path, Request};
    ///
    /// let mut buffer = [0; MESSAGE_MAX];
    /// let message = Request::Read(Path::literal("domid")).encode(7, 0, &mut buffer)?;
    /// assert_eq!(message, b"\x02\0\0\0\x07\0\0\0\0\0\0\0\x06\0\0\0domid\0");
    /// # Ok::<(), xen_store::StoreError>(())
    /// ```
    #[inline]
    pub fn encode<'b>(
        &self,
        id: u32,
        transaction: u32,
        buffer: &'b mut [u8; MESSAGE_MAX],
    ) -> Result<&'b [u8], StoreError> {
        let mut body = Writer::behind_header(buffer);
        self.write(&mut body).ok_or(StoreError::TooLong)?;
        let header = Header { kind: self.kind().raw(), request: id, transaction, len: narrow(body.len()) };
        Ok(header.put_before(buffer))
    }

    /// Writes the body; `None` if it is longer than a message may be.
    #[inline]
    pub(crate) fn write(&self, body: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::Read(path) | Self::Directory(path) | Self::Permissions(path) => body.text(path.as_str()),
            Self::MakeDirectory(path) | Self::Remove(path) => body.text(path.as_str()),
            Self::Write(path, value) => body.text(path.as_str()).and_then(|()| body.bytes(value)),
            _ => self.write_strings(body),
        }
    }

    /// Writes a body of numbers and other strings.
    fn write_strings(&self, body: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::Begin => body.text(""),
            Self::DirectoryPart(path, from) => body.text(path.as_str()).and_then(|()| body.string(from)),
            Self::SetPermissions(path, entries) => {
                body.text(path.as_str())?;
                entries.iter().try_for_each(|entry| body.string(entry))
            }
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
            Self::Quota(domain, name) => body.strings(domain).and_then(|()| body.text(name.as_str())),
            Self::SetQuota(domain, name, quota) => {
                body.strings(domain)?;
                body.text(name.as_str())?;
                body.string(quota)
            }
            Self::Control(words) => body.strings(*words),
            Self::Quotas => Some(()),
            // `write` does these itself.
            Self::Read(_)
            | Self::Directory(_)
            | Self::Permissions(_)
            | Self::MakeDirectory(_)
            | Self::Remove(_)
            | Self::Write(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::PAYLOAD_MAX;
    use crate::{Access, StoreError};

    #[track_caller]
    fn encodes(request: Request<'_>, kind: u32, expected: &[u8]) {
        let mut buffer = [0xee; MESSAGE_MAX];
        let message = request.encode(0x0102_0304, 5, &mut buffer).unwrap();
        let (header, body) = message.split_first_chunk().unwrap();
        let len = narrow(expected.len());
        assert_eq!(Header::decode(header), Header { kind, request: 0x0102_0304, transaction: 5, len });
        assert_eq!(body, expected);
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
        let (value, mut buffer) = ([b'v'; PAYLOAD_MAX], [0; MESSAGE_MAX]);
        let path = Path::literal("abc");
        assert_eq!(Request::Write(path, &value[4..]).encode(1, 0, &mut buffer).map(<[u8]>::len), Ok(MESSAGE_MAX));
        assert_eq!(Request::Write(path, &value[3..]).encode(1, 0, &mut buffer), Err(StoreError::TooLong));
    }
}
