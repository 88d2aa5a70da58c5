//! Paths that are safe to send.

use core::fmt;

use crate::wire::{ABSOLUTE_PATH_MAX, RELATIVE_PATH_MAX};

/// A path that every server accepts: of legal characters, no longer than allowed, without `//` or a `/` at its end.
///
/// An absolute one starts with `/`; any other is relative to the domain's home. The two watchable names `@releaseDomain`
/// and `@introduceDomain` are paths too.
///
/// # Xen
/// `docs/misc/xenstore.txt`; a trailing `/` once stopped the server for everybody (XSA-481).
///
/// # Example
/// ```
/// use xen_store::Path;
///
/// const STATE: Path<'_> = Path::literal("device/vbd/768/state");
/// assert_eq!(STATE.as_str(), "device/vbd/768/state");
/// assert!(Path::new("/local/domain/").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path<'p>(&'p str);

/// Why text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    /// It is empty.
    Empty,
    /// It is longer than 3072 bytes, if absolute, or 2048, if relative, or than the buffer it shall stand in.
    TooLong,
    /// It holds a byte that no path may hold.
    Character(u8),
    /// It holds `//`, or ends in `/`.
    EmptyName,
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the path is empty"),
            Self::TooLong => f.write_str("the path is too long"),
            Self::Character(byte) => write!(f, "a path may not hold the byte {byte:#04x}"),
            Self::EmptyName => f.write_str("a name within the path is empty"),
        }
    }
}

impl core::error::Error for BadPath {}

impl<'p> Path<'p> {
    /// The name to watch for domains that went.
    pub const RELEASE_DOMAIN: Path<'static> = Path("@releaseDomain");
    /// The name to watch for domains that came.
    pub const INTRODUCE_DOMAIN: Path<'static> = Path("@introduceDomain");

    /// Checks a path.
    ///
    /// # Errors
    /// [`BadPath`] tells why it is none.
    pub const fn new(text: &'p str) -> Result<Self, BadPath> {
        match check(text.as_bytes()) {
            Ok(()) => Ok(Self(text)),
            Err(bad) => Err(bad),
        }
    }

    /// Takes a path that is written in the program, checked by the compiler where it is a constant.
    ///
    /// # Panics
    /// If it is no path.
    #[must_use]
    pub const fn literal(text: &'static str) -> Path<'static> {
        assert!(check(text.as_bytes()).is_ok(), "not a xenstore path");
        Path(text)
    }

    /// Checks a path that a peer wrote, such as the value of a node `backend`.
    ///
    /// # Errors
    /// [`BadPath`] tells why it is none.
    pub fn from_bytes(bytes: &'p [u8]) -> Result<Self, BadPath> {
        check(bytes)?;
        // Legal characters are ASCII, so the conversion never fails.
        core::str::from_utf8(bytes).map(Self).map_err(|_| BadPath::Empty)
    }

    /// Returns the text.
    #[must_use]
    pub const fn as_str(self) -> &'p str {
        self.0
    }

    /// Tells whether it starts at the root.
    #[must_use]
    pub const fn is_absolute(self) -> bool {
        matches!(self.0.as_bytes(), [b'/', ..])
    }

    /// Tells whether it names a change of domains, and no node.
    pub(crate) const fn is_special(self) -> bool {
        matches!(self.0.as_bytes(), [b'@', ..])
    }

    /// Returns the rest of the path below `parent`, or `None` if it is not below.
    #[must_use]
    pub fn below(self, parent: Path<'_>) -> Option<Self> {
        let parent = if parent.0 == "/" { "" } else { parent.0 };
        let rest = self.0.strip_prefix(parent)?.strip_prefix('/')?;
        if rest.is_empty() { None } else { Some(Self(rest)) }
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const fn check(bytes: &[u8]) -> Result<(), BadPath> {
    let longest = match bytes {
        [] => return Err(BadPath::Empty),
        [b'/'] => return Ok(()),
        [b'/', ..] => ABSOLUTE_PATH_MAX,
        _ => RELATIVE_PATH_MAX,
    };
    if bytes.len() > longest {
        return Err(BadPath::TooLong);
    }
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if !is_legal(*first) {
            return Err(BadPath::Character(*first));
        }
        if matches!((first, tail), (b'/', [] | [b'/', ..])) {
            return Err(BadPath::EmptyName);
        }
        rest = tail;
    }
    Ok(())
}

const fn is_legal(byte: u8) -> bool {
    byte == b'/' || is_of_name(byte)
}

/// Tells whether a byte may stand in a name; without a branch, so that many can be looked at at once.
pub(crate) const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'_') | (byte == b'@')
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn s34_paths_that_hurt_servers_cannot_be_built() {
        for (bad, why) in [
            ("/local/domain/", BadPath::EmptyName),
            ("device/", BadPath::EmptyName),
            ("a//b", BadPath::EmptyName),
            ("//", BadPath::EmptyName),
            ("", BadPath::Empty),
            ("a b", BadPath::Character(b' ')),
            ("../x", BadPath::Character(b'.')),
            ("a\0b", BadPath::Character(0)),
            ("caf\u{e9}", BadPath::Character(0xc3)),
        ] {
            assert_eq!(Path::new(bad), Err(why), "{bad:?}");
            assert_eq!(Path::from_bytes(bad.as_bytes()), Err(why), "{bad:?}");
        }
        for good in ["/", "/local/domain", "domid", "device/vbd/768", "a-b_c@D9", "@releaseDomain"] {
            assert_eq!(Path::new(good).map(Path::as_str), Ok(good));
        }
    }

    #[test]
    fn s33_the_longest_paths() {
        let relative = "a".repeat(2048);
        let absolute = format!("/{}", "a".repeat(3071));
        assert!(Path::new(&relative).is_ok());
        assert!(Path::new(&absolute).is_ok());
        assert_eq!(Path::new(&format!("{relative}a")), Err(BadPath::TooLong));
        assert_eq!(Path::new(&format!("{absolute}a")), Err(BadPath::TooLong));
    }

    #[test]
    fn s20_only_a_real_child_is_below() {
        let below = |path: &'static str, parent: &'static str| {
            Path::literal(path).below(Path::literal(parent)).map(Path::as_str)
        };
        assert_eq!(below("device/vbd/768/state", "device/vbd"), Some("768/state"));
        assert_eq!(below("/local/domain", "/"), Some("local/domain"));
        assert_eq!(below("@releaseDomain/7", "@releaseDomain"), Some("7"));
        assert_eq!(below("device/vbd", "device/vbd"), None);
        assert_eq!(below("device/vbd2/x", "device/vbd"), None);
        assert_eq!(below("/local/domain/1/device/vbd/x", "device/vbd"), None);
    }
}
