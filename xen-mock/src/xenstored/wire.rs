//! The wire format (`xs_wire.h`).

/// Bytes of a header.
pub(crate) const HEADER: usize = 16;
/// The largest payload.
pub(crate) const PAYLOAD_MAX: usize = 4096;

/// The type of a message to or from xenstored.
///
/// # Xen
/// `xsd_sockmsg_type` of `io/xs_wire.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreOp {
    /// Commands to the daemon; not for guests.
    Control,
    /// Lists children.
    Directory,
    /// Reads a value.
    Read,
    /// Reads permissions.
    GetPerms,
    /// Asks to be told of changes.
    Watch,
    /// No longer.
    Unwatch,
    /// Begins a transaction.
    TransactionStart,
    /// Commits or abandons it.
    TransactionEnd,
    /// Tells of a new domain; not for guests.
    Introduce,
    /// Tells that a domain has gone; not for guests.
    Release,
    /// Asks for the home of a domain.
    GetDomainPath,
    /// Writes a value, and makes the node.
    Write,
    /// Makes a node.
    Mkdir,
    /// Removes a node and all below it.
    Rm,
    /// Writes permissions.
    SetPerms,
    /// Tells of a change: from the daemon only.
    WatchEvent,
    /// An error: from the daemon only.
    Error,
    /// Asks after a domain; not for guests.
    IsDomainIntroduced,
    /// Tells that a domain goes on; not for guests.
    Resume,
    /// Lets a domain act for another; not for guests.
    SetTarget,
    /// Drops all watches and transactions of the connection.
    ResetWatches,
    /// Lists children in pieces.
    DirectoryPart,
    /// Asks what the daemon offers; since Xen 4.21, as are those below.
    GetFeature,
    /// Sets what it offers a domain; not for guests.
    SetFeature,
    /// Asks for a quota; not for guests.
    GetQuota,
    /// Sets a quota; not for guests.
    SetQuota,
    /// A number that the header does not define.
    Unknown(u32),
}

const KNOWN: [StoreOp; 20] = [
    StoreOp::Control,
    StoreOp::Directory,
    StoreOp::Read,
    StoreOp::GetPerms,
    StoreOp::Watch,
    StoreOp::Unwatch,
    StoreOp::TransactionStart,
    StoreOp::TransactionEnd,
    StoreOp::Introduce,
    StoreOp::Release,
    StoreOp::GetDomainPath,
    StoreOp::Write,
    StoreOp::Mkdir,
    StoreOp::Rm,
    StoreOp::SetPerms,
    StoreOp::WatchEvent,
    StoreOp::Error,
    StoreOp::IsDomainIntroduced,
    StoreOp::Resume,
    StoreOp::SetTarget,
];

impl StoreOp {
    pub(crate) fn from_code(code: u32) -> Self {
        match code {
            21 => Self::ResetWatches,
            22 => Self::DirectoryPart,
            23 => Self::GetFeature,
            24 => Self::SetFeature,
            25 => Self::GetQuota,
            26 => Self::SetQuota,
            _ => KNOWN.get(code as usize).copied().unwrap_or(Self::Unknown(code)),
        }
    }

    pub(crate) fn code(self) -> u32 {
        match self {
            Self::ResetWatches => 21,
            Self::DirectoryPart => 22,
            Self::GetFeature => 23,
            Self::SetFeature => 24,
            Self::GetQuota => 25,
            Self::SetQuota => 26,
            Self::Unknown(code) => code,
            known => KNOWN.iter().position(|op| *op == known).unwrap_or(0) as u32,
        }
    }
}

/// A message, whole.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) op: StoreOp,
    pub(crate) request: u32,
    pub(crate) transaction: u32,
    pub(crate) payload: Vec<u8>,
}

/// The first four words of a message.
pub(crate) struct Header {
    pub(crate) op: StoreOp,
    pub(crate) request: u32,
    pub(crate) transaction: u32,
    pub(crate) len: usize,
}

impl Header {
    pub(crate) fn parse(bytes: [u8; HEADER]) -> Self {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self { op: StoreOp::from_code(word(0)), request: word(4), transaction: word(8), len: word(12) as usize }
    }
}

impl Message {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let words = [self.op.code(), self.request, self.transaction, self.payload.len() as u32];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(&self.payload);
        bytes
    }

    /// Returns the payload's strings, each of which must end with a NUL.
    pub(crate) fn strings(&self) -> Option<Vec<String>> {
        let body = self.payload.strip_suffix(&[0])?;
        body.split(|byte| *byte == 0).map(|part| String::from_utf8(part.to_vec()).ok()).collect()
    }

    /// Returns the first string, and the bytes after its NUL.
    pub(crate) fn string_and_rest(&self) -> Option<(String, &[u8])> {
        let end = self.payload.iter().position(|byte| *byte == 0)?;
        let first = String::from_utf8(self.payload[..end].to_vec()).ok()?;
        Some((first, &self.payload[end + 1..]))
    }
}
