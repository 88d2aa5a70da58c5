//! The names by which a server refuses.

use core::fmt;

use crate::text::Text;

/// The longest unknown name that is kept, in bytes.
pub const ERROR_NAME_MAX: usize = 32;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The name with which the server refused a request.
        ///
        /// # Xen
        /// `xsd_errors` of `io/xs_wire.h`, and `EQUOTA` of oxenstored, which the header does not list.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
            /// A name that this crate does not know.
            Other(ErrorName),
        }

        impl Refusal {
            /// Reads the body of an error message.
            pub(crate) fn parse(body: &[u8]) -> Self {
                let name = body.split(|byte| *byte == 0).next().unwrap_or_default();
                match name {
                    $(name if name == $text.as_bytes() => Self::$name,)*
                    _ => Self::Other(ErrorName(Text::first_of(name))),
                }
            }

            /// Returns the name on the wire, an unknown one cut to 32 bytes.
            #[must_use]
            pub fn name(&self) -> &[u8] {
                match self {
                    $(Self::$name => $text.as_bytes(),)*
                    Self::Other(name) => name.as_bytes(),
                }
            }
        }
    };
}

refusals! {
    /// The request makes no sense to the server.
    Invalid = "EINVAL",
    /// The node's permissions forbid it.
    Access = "EACCES",
    /// It exists already.
    Exists = "EEXIST",
    /// It is a directory.
    IsDirectory = "EISDIR",
    /// There is no such node, or no such transaction.
    NoEntry = "ENOENT",
    /// The server is out of memory.
    NoMemory = "ENOMEM",
    /// A quota is used up; the C server's name for it.
    NoSpace = "ENOSPC",
    /// The server could not read or write its data.
    Io = "EIO",
    /// The node has children.
    NotEmpty = "ENOTEMPTY",
    /// The server does not know the request.
    NotImplemented = "ENOSYS",
    /// Nothing may be written.
    ReadOnly = "EROFS",
    /// It is in use.
    Busy = "EBUSY",
    /// The transaction collided with another, or its hypervisor context is over: do it again.
    Again = "EAGAIN",
    /// The domain is connected already.
    IsConnected = "EISCONN",
    /// The answer is longer than a message.
    TooBig = "E2BIG",
    /// Only the control domain may do it.
    NotPermitted = "EPERM",
    /// A quota is used up; the OCaml server's name for it.
    Quota = "EQUOTA",
}

impl Refusal {
    /// Tells whether a quota is used up, by whichever name: wait before the next try.
    #[must_use]
    pub const fn is_quota(&self) -> bool {
        matches!(self, Self::NoSpace | Self::Quota)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().escape_ascii().fmt(f)
    }
}

/// An unknown name of an error, at most 32 bytes as the server wrote them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ErrorName(Text<ERROR_NAME_MAX>);

impl ErrorName {
    /// Returns the bytes; any may occur but NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn s22_any_body_gives_a_name() {
        assert_eq!(Refusal::parse(b"ENOENT\0"), Refusal::NoEntry);
        assert_eq!(Refusal::parse(b"ENOENT"), Refusal::NoEntry, "unterminated");
        assert_eq!(Refusal::parse(b"").name(), b"");
        assert_eq!(Refusal::parse(&[b'x'; 4096]).name(), [b'x'; 32]);
        assert_eq!(Refusal::parse(b"ENEW\0junk").name(), b"ENEW");
        assert_eq!(format!("{}", Refusal::parse(b"E\x1b[2J\0")), "E\\x1b[2J", "nothing reaches a terminal");
    }

    #[test]
    fn s23_both_quota_names() {
        assert!(Refusal::parse(b"ENOSPC\0").is_quota());
        assert!(Refusal::parse(b"EQUOTA\0").is_quota());
        assert!(!Refusal::parse(b"EINVAL\0").is_quota());
    }
}
