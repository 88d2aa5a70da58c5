//! Why a grant cannot be used.

use super::MapError;
use super::status::{BAD_DOMAIN, BAD_GNTREF, BAD_PAGE, EAGAIN, GENERAL_ERROR};

/// Why Xen refuses the use of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such domain.
    NoDomain,
    /// The reference is beyond the table.
    Beyond,
    /// The entry grants nothing, or nothing that can be used so.
    Nothing,
    /// It is for another domain, or another one has it mapped.
    Another,
    /// It is not for writing.
    ReadOnly,
    /// There are as many mappings as Xen can count.
    TooMany,
    /// The frame is none of the granting domain's.
    BadFrame,
    /// The page is not there now.
    NotNow,
}

impl Refusal {
    /// The status that Xen answers: it tells nobody apart from whom a right is kept.
    pub(crate) const fn status(self) -> i16 {
        match self {
            Self::NoDomain => BAD_DOMAIN,
            Self::Beyond => BAD_GNTREF,
            Self::Nothing | Self::Another | Self::ReadOnly | Self::TooMany => GENERAL_ERROR,
            Self::BadFrame => BAD_PAGE,
            Self::NotNow => EAGAIN,
        }
    }
}

impl From<Refusal> for MapError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoDomain | Refusal::Beyond | Refusal::Nothing | Refusal::NotNow => Self::BadRef,
            Refusal::Another | Refusal::ReadOnly => Self::Denied,
            Refusal::TooMany => Self::TooMany,
            Refusal::BadFrame => Self::BadFrame,
        }
    }
}
