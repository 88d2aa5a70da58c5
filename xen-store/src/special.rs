//! The names of changes of domains, which can be watched like nodes.

use core::fmt;

use xen_hypercall::DomId;

use crate::decode::number;
use crate::{Path, PathBuf};

/// What is watched of domains: that any comes or goes, or that one does.
///
/// To be told of one domain alone the server must offer [`Features::WATCH_DEPTH`](crate::Features::WATCH_DEPTH). Only a
/// domain with privileges, or with permissions for the name, is told at all.
///
/// # Xen
/// `docs/misc/xenstore.txt`; names with a domain came with Xen 4.22.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// A domain came.
    Introduced(Option<DomId>),
    /// A domain crashed, was shut down, or went.
    Released(Option<DomId>),
}

impl Special {
    /// Reads a name; `None` if it is another, or names no real domain.
    #[must_use]
    pub fn parse(path: Path<'_>) -> Option<Self> {
        let of = |name: Path<'_>| {
            if path == name { Some(None) } else { domain(path.below(name)?.as_str().as_bytes()).map(Some) }
        };
        let introduced = of(Path::INTRODUCE_DOMAIN).map(Self::Introduced);
        introduced.or_else(|| of(Path::RELEASE_DOMAIN).map(Self::Released))
    }

    /// Returns the name to watch.
    #[must_use]
    pub fn path(self) -> PathBuf<24> {
        let (name, domain) = match self {
            Self::Introduced(domain) => (Path::INTRODUCE_DOMAIN, domain),
            Self::Released(domain) => (Path::RELEASE_DOMAIN, domain),
        };
        // The longest is `@introduceDomain/65535`.
        match domain {
            None => PathBuf::written(format_args!("{name}")),
            Some(domain) => PathBuf::written(format_args!("{name}/{domain}")),
        }
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().fmt(f)
    }
}

/// Reads the number of a real domain, as the server writes it.
pub(crate) fn domain(text: &[u8]) -> Option<DomId> {
    let number = number(text).ok()?;
    u16::try_from(number).ok().map(DomId).filter(|domain| domain.is_real())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s21_names_of_changes_of_domains() {
        for (name, special) in [
            ("@introduceDomain", Special::Introduced(None)),
            ("@introduceDomain/7", Special::Introduced(Some(DomId(7)))),
            ("@releaseDomain", Special::Released(None)),
            ("@releaseDomain/0", Special::Released(Some(DomId(0)))),
            ("@releaseDomain/32751", Special::Released(Some(DomId(0x7FEF)))),
        ] {
            assert_eq!(Special::parse(Path::new(name).unwrap()), Some(special));
            assert_eq!(special.path().as_path().as_str(), name);
        }
        for bad in [
            "@releaseDomain/32752",
            "@releaseDomain/65536",
            "@releaseDomain/x",
            "@releaseDomain/7/8",
            "@releaseDomains",
            "@",
        ] {
            assert_eq!(Special::parse(Path::new(bad).unwrap()), None, "{bad}");
        }
        let longest = Special::Introduced(Some(DomId(65535)));
        assert_eq!(longest.path().as_path().as_str(), "@introduceDomain/65535");
    }
}
