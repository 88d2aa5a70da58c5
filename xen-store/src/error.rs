//! What can go wrong, by whose fault.

use core::fmt;

use xen_ring::Misbehaved;

use crate::{Features, Refusal};

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The server said no.
    Said(Refusal),
    /// The transaction is unknown to the server: nothing of it was done.
    TransactionGone,
    /// The connection was replaced before the answer came; whether the old server did it is unknown, and moot.
    EpochChanged,
    /// The handle belongs to a connection, or a watch, that is over: nothing was sent.
    Stale,
    /// No answer came in time; whether the server did it is unknown.
    TimedOut,
    /// The session is fenced for a suspend: nothing was sent.
    Fenced,
    /// The server does not offer this: nothing was sent.
    NotOffered(Features),
    /// A watch or a transaction of ours is there: nothing was sent.
    InUse,
    /// Every slot is in use, given-up requests that the server still owes an answer included.
    Full,
    /// The message or the watched path is longer than allowed: nothing was sent.
    TooLong,
    /// The answer is longer than the caller's buffer; this many bytes are needed.
    BufferTooSmall(usize),
    /// The answer makes no sense; the session goes on.
    Rejected(Reject),
    /// The server broke the protocol, or is gone: the session is over until it is rebuilt.
    Poisoned(Fault),
}

impl StoreError {
    /// Tells whether to do a transaction again from its beginning.
    #[must_use]
    pub const fn is_again(&self) -> bool {
        matches!(self, Self::Said(Refusal::Again))
    }

    /// Tells whether the server said that there is no such node.
    #[must_use]
    pub const fn is_no_entry(&self) -> bool {
        matches!(self, Self::Said(Refusal::NoEntry))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(refusal) => write!(f, "the server said {refusal}"),
            Self::TransactionGone => f.write_str("the transaction is gone"),
            Self::EpochChanged => f.write_str("the connection was replaced meanwhile"),
            Self::Stale => f.write_str("the handle is of a connection or watch that is over"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Fenced => f.write_str("the session is fenced"),
            Self::NotOffered(features) => write!(f, "the server does not offer {features:?}"),
            Self::InUse => f.write_str("a watch or a transaction is there"),
            Self::Full => f.write_str("no slot is free"),
            Self::TooLong => f.write_str("longer than a message may be"),
            Self::BufferTooSmall(need) => write!(f, "the answer needs a buffer of {need} bytes"),
            Self::Rejected(reject) => write!(f, "the answer makes no sense: {reject}"),
            Self::Poisoned(fault) => write!(f, "the session is over: {fault}"),
        }
    }
}

impl core::error::Error for StoreError {}

/// Why an answer makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// It is of this type, neither the request's nor an error.
    UnexpectedType(u32),
    /// It answers the request of this id, and not the one that it is taken for.
    WrongRequest(u32),
    /// It belongs to this transaction, not to the request's.
    WrongTransaction(u32),
    /// It should say `OK` and does not.
    BadAck,
    /// It should be a number and is not.
    BadNumber,
    /// It should list names of nodes and does not.
    BadNames,
    /// It should list permissions and does not.
    BadPermissions,
    /// It should be a path and is not.
    BadPath,
    /// It should be one string and is not.
    BadText,
    /// It is part of a list that changed each time that it was read, or has no end.
    Unsteady,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedType(raw) => write!(f, "unexpected type {raw}"),
            Self::WrongRequest(id) => write!(f, "to request {id}"),
            Self::WrongTransaction(id) => write!(f, "of transaction {id}"),
            Self::BadAck => f.write_str("no OK"),
            Self::BadNumber => f.write_str("no number"),
            Self::BadNames => f.write_str("no list of names"),
            Self::BadPermissions => f.write_str("no list of permissions"),
            Self::BadPath => f.write_str("no path"),
            Self::BadText => f.write_str("no single string"),
            Self::Unsteady => f.write_str("part of a list that does not keep still"),
        }
    }
}

impl core::error::Error for Reject {}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A header announced a body of this many bytes, more than 4096: the stream's position is lost.
    Oversize(u32),
    /// Too many answers to nothing that was asked.
    Strays,
    /// The indices of the ring are impossible.
    Ring(Misbehaved),
    /// The server closed the connection, or is gone.
    Closed,
    /// The server stopped serving the connection, and gave this code for why.
    ServerClosed(u32),
    /// The rings are being connected anew, and all that was before is lost.
    Reconnecting,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oversize(len) => write!(f, "a body of {len} bytes"),
            Self::Strays => f.write_str("too many answers to nothing"),
            Self::Ring(misbehaved) => misbehaved.fmt(f),
            Self::ServerClosed(code) => write!(f, "the server stopped with code {code}"),
            Self::Reconnecting => f.write_str("the rings are being connected anew"),
            Self::Closed => f.write_str("the connection is closed"),
        }
    }
}

impl core::error::Error for Fault {}
