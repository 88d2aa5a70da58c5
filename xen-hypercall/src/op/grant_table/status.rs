//! What Xen says of one operation.

use core::fmt;

use crate::Errno;

/// A status of one operation that is not its success; unknown values are kept.
///
/// # Xen
/// `GNTST_*` of `grant_table.h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantStatus(pub i16);

/// The one success.
const OKAY: i16 = 0;

/// By what each is below 0.
macro_rules! statuses {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl GrantStatus {
            $(#[doc = concat!("Xen says: ", $text, ".")]
            pub const $name: Self = Self(-$value);)*

            /// Returns what it means, if the value is known.
            #[must_use]
            pub const fn text(self) -> Option<&'static str> {
                match self {
                    Self::UNWRITTEN => Some("Xen said nothing of this operation"),
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    GENERAL_ERROR = 1, "an error of no particular kind";
    BAD_DOMAIN = 2, "no such domain";
    BAD_GNTREF = 3, "no such grant reference, or not of this kind";
    BAD_HANDLE = 4, "no such mapping, or not of this kind";
    BAD_VIRT_ADDR = 5, "nothing can be mapped at this address";
    BAD_DEV_ADDR = 6, "nothing is mapped at this bus address";
    NO_DEVICE_SPACE = 7, "the I/O MMU is full";
    PERMISSION_DENIED = 8, "the operation is not permitted";
    BAD_PAGE = 9, "the page is not fit for the operation";
    BAD_COPY_ARG = 10, "a copy crosses the end of a page";
    ADDRESS_TOO_BIG = 11, "the address of the page is too high";
    EAGAIN = 12, "not done yet, to be tried again";
    NO_SPACE = 13, "no space for the mapping";
}

impl GrantStatus {
    /// What stands in a block before the call, and never comes from Xen: of this operation it said nothing.
    pub const UNWRITTEN: Self = Self(i16::MIN);

    /// Takes a status whose only success is 0.
    ///
    /// # Errors
    /// Any other value, positive ones too.
    pub const fn exact(raw: i16) -> Result<(), Self> {
        match raw {
            OKAY => Ok(()),
            other => Err(Self(other)),
        }
    }
}

impl fmt::Debug for GrantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantStatus({})", self.0)
    }
}

impl fmt::Display for GrantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{text} (grant status {})", self.0),
            None => write!(f, "grant status {}", self.0),
        }
    }
}

impl core::error::Error for GrantStatus {}

/// Why a grant table operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantError {
    /// Xen refused the hypercall.
    Call(Errno),
    /// Xen refused this operation.
    Status(GrantStatus),
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(errno) => errno.fmt(f),
            Self::Status(status) => status.fmt(f),
        }
    }
}

impl core::error::Error for GrantError {}

impl From<Errno> for GrantError {
    fn from(errno: Errno) -> Self {
        Self::Call(errno)
    }
}

impl From<GrantStatus> for GrantError {
    fn from(status: GrantStatus) -> Self {
        Self::Status(status)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString as _;

    use super::*;

    /// G13, G17: exactly 0 is success, every other value is kept and can be told, the extremes too.
    #[test]
    fn g13_g17_every_value_is_judged_and_kept() {
        // Under Miri the known ones, their neighbours, and the ends.
        let all =
            (i16::MIN..=i16::MAX).filter(|raw| !cfg!(miri) || raw.unsigned_abs() < 16 || raw.unsigned_abs() > 32_766);
        for raw in all {
            assert_eq!(GrantStatus::exact(raw), if raw == 0 { Ok(()) } else { Err(GrantStatus(raw)) });
            let known = (-13..0).contains(&raw) || raw == i16::MIN;
            assert_eq!(GrantStatus(raw).text().is_some(), known, "{raw}");
            assert!(GrantStatus(raw).to_string().contains(&raw.to_string()));
        }
    }
}
