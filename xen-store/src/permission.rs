//! Who may do what with a node.

use core::fmt;

use xen_hypercall::DomId;

use crate::Reject;
use crate::decode::number;
use crate::names::Strings;

/// What a domain may do with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// Read it.
    Read,
    /// Write it.
    Write,
    /// Read and write it.
    Both,
}

/// One entry of a node's permissions; of the first, the domain owns the node and the access is everybody else's.
///
/// A later one may be for every domain ([`DomId::ANY`]), where the server offers
/// [`Features::DOMID_ANY`](crate::Features::DOMID_ANY).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The domain.
    pub domain: DomId,
    /// What it may do.
    pub access: Access,
}

impl Access {
    const fn letter(self) -> char {
        match self {
            Self::None => 'n',
            Self::Read => 'r',
            Self::Write => 'w',
            Self::Both => 'b',
        }
    }

    const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'n' => Some(Self::None),
            b'r' => Some(Self::Read),
            b'w' => Some(Self::Write),
            b'b' => Some(Self::Both),
            _ => None,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.access.letter(), self.domain)
    }
}

impl Permission {
    fn parse(entry: &[u8]) -> Option<Self> {
        let (letter, domain) = entry.split_first()?;
        let domain = u16::try_from(number(domain).ok()?).ok()?;
        Some(Self { domain: DomId(domain), access: Access::from_letter(*letter)? })
    }
}

/// The permissions of a node.
#[derive(Debug, Clone)]
pub struct Permissions<'b>(Strings<'b>);

impl<'b> Permissions<'b> {
    /// Checks the body of an answer.
    ///
    /// # Errors
    /// [`Reject::BadPermissions`] if it is not NUL-terminated entries throughout, each a letter of `nrwb` and a domain.
    pub fn parse(body: &'b [u8]) -> Result<Self, Reject> {
        let entries = Strings::new(body).ok_or(Reject::BadPermissions)?;
        if body.is_empty() || !entries.clone().all(|entry| Permission::parse(entry).is_some()) {
            return Err(Reject::BadPermissions);
        }
        Ok(Self(entries))
    }
}

impl Iterator for Permissions<'_> {
    type Item = Permission;

    fn next(&mut self) -> Option<Permission> {
        Permission::parse(self.0.next()?)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn s30_junk_is_rejected() {
        for bad in [&b""[..], b"r0", b"x3\0", b"r99999\0", b"r\0", b"\0", b"r+1\0", b"n0\0r\0"] {
            assert_eq!(Permissions::parse(bad).err(), Some(Reject::BadPermissions), "{bad:?}");
        }
        let entries: Vec<_> = Permissions::parse(b"n0\0b7\0").unwrap().collect();
        let expected = [(DomId(0), Access::None), (DomId(7), Access::Both)];
        assert_eq!(entries, expected.map(|(domain, access)| Permission { domain, access }));
    }

    #[test]
    fn s30_an_entry_may_be_for_any_domain() {
        let any = Permission { domain: DomId::ANY, access: Access::Read };
        assert_eq!(Permissions::parse(b"n0\0r32757\0").unwrap().nth(1), Some(any));
        assert_eq!(format!("{any}"), "r32757");
    }

    #[test]
    fn an_entry_displays_as_on_the_wire() {
        assert_eq!(format!("{}", Permission { domain: DomId(12), access: Access::Read }), "r12");
    }
}
