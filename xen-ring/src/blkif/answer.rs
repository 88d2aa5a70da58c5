//! What a back answers.

use core::fmt;

use super::request::Operation;
use crate::RequestId;

/// How a request ended, as the back says.
///
/// # Xen
/// `BLKIF_RSP_*` of `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i16);

impl Status {
    /// It was done. Of a read that does not mean that the back wrote the buffer.
    #[doc(alias = "BLKIF_RSP_OKAY")]
    pub const OKAY: Self = Self(0);
    /// It failed.
    #[doc(alias = "BLKIF_RSP_ERROR")]
    pub const ERROR: Self = Self(-1);
    /// The back does not do such a thing.
    #[doc(alias = "BLKIF_RSP_EOPNOTSUPP")]
    pub const EOPNOTSUPP: Self = Self(-2);

    /// Returns whether it was done; nothing but 0 says so.
    ///
    /// # Errors
    /// What the status says otherwise.
    pub const fn result(self) -> Result<(), IoError> {
        match self {
            Self::OKAY => Ok(()),
            Self::ERROR => Err(IoError::Failed),
            Self::EOPNOTSUPP => Err(IoError::Unsupported),
            Self(unknown) => Err(IoError::UnknownStatus(unknown)),
        }
    }
}

/// Why a request was not done. Each concerns that request alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoError {
    /// The back could not.
    Failed,
    /// The back does not do such a thing: of an optional operation, it need not be asked again.
    Unsupported,
    /// The back says something that has no meaning.
    UnknownStatus(i16),
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("the backend could not do it"),
            Self::Unsupported => f.write_str("the backend does not do such a thing"),
            Self::UnknownStatus(status) => write!(f, "the backend ended it with the unknown status {status}"),
        }
    }
}

impl core::error::Error for IoError {}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Which request it is for.
    pub id: RequestId,
    /// What that request asked.
    pub operation: Operation,
    /// How it ended.
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use super::{IoError, Status};

    #[test]
    fn b01_nothing_but_zero_is_success() {
        let step = if cfg!(miri) { 257 } else { 1 };
        for status in (i16::MIN..=i16::MAX).step_by(step).chain(-3..=3) {
            let expected = match status {
                0 => Ok(()),
                -1 => Err(IoError::Failed),
                -2 => Err(IoError::Unsupported),
                _ => Err(IoError::UnknownStatus(status)),
            };
            assert_eq!(Status(status).result(), expected);
        }
    }
}
