//! Watch events.

use xen_hypercall::DomId;

use crate::{Path, PathBuf, special};

/// The longest path below a watched one that an event names, in bytes.
pub const BELOW_MAX: usize = 64;

/// Names a watch, as long as it is kept: through every resume, until [`Store::unwatch`](crate::Store::unwatch).
///
/// Does not compile: nobody makes one up.
/// ```compile_fail,E0423
/// use xen_store::WatchId;
/// let mine = WatchId(3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WatchId(pub(crate) u32);

impl WatchId {
    /// Returns the place of its entry.
    pub(crate) fn place(self) -> usize {
        crate::exchange::place(self.0)
    }
}

/// Says: read again what you watch.
///
/// It is a hint and a level. One event may stand for many changes or for none, and a server may lose one: whoever waits
/// for a value reads it again from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchEvent {
    /// The watch.
    pub watch: WatchId,
    /// What changed.
    pub place: Place,
}

/// What changed, seen from the watched path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The watched node itself.
    Itself,
    /// The node of this path below the watched one.
    Below(PathBuf<BELOW_MAX>),
    /// Several nodes, or one whose path is too long or makes no sense.
    Somewhere,
}

impl Place {
    /// Reads the path of an event.
    pub(crate) fn parse(watched: Path<'_>, path: &[u8]) -> Self {
        if path == watched.as_str().as_bytes() {
            return Self::Itself;
        }
        let below = Path::from_bytes(path).ok().and_then(|path| path.below(watched));
        below.and_then(|path| PathBuf::new(path).ok()).map_or(Self::Somewhere, Self::Below)
    }

    /// Returns the domain that an event of a [`Special`](crate::Special) name tells of, if it does.
    #[must_use]
    pub fn domain(&self) -> Option<DomId> {
        match self {
            Self::Below(path) => special::domain(path.as_path().as_str().as_bytes()),
            Self::Itself | Self::Somewhere => None,
        }
    }

    /// Makes one of two.
    pub(crate) fn merge(self, other: Self) -> Self {
        if self == other { self } else { Self::Somewhere }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;

    fn join(first: &[u8], second: &[u8]) -> alloc::vec::Vec<u8> {
        first.iter().chain(second).copied().collect()
    }

    fn below(path: &'static str) -> Place {
        Place::Below(PathBuf::new(Path::literal(path)).unwrap())
    }

    #[test]
    fn s20_a_path_is_stripped_only_if_it_is_below() {
        let parse = |path: &[u8]| Place::parse(Path::literal("device/vbd"), path);
        assert_eq!(parse(b"device/vbd"), Place::Itself);
        assert_eq!(parse(b"device/vbd/768/state"), below("768/state"));
        for strange in
            [&b"device"[..], b"device/vbd2", b"/device/vbd/768", b"", b"\xff", b"device/vbd/", b"device/vbd//x"]
        {
            assert_eq!(parse(strange), Place::Somewhere, "{strange:?}");
        }
        let long = join(b"device/vbd/", &[b'x'; BELOW_MAX]);
        assert!(matches!(parse(&long), Place::Below(_)));
        assert_eq!(parse(&join(&long, b"x")), Place::Somewhere);
    }

    #[test]
    fn s21_a_domain_is_told_if_it_is_one() {
        assert_eq!(below("7").domain(), Some(DomId(7)));
        for other in [below("32752"), below("70000"), below("x"), below("7/8"), Place::Itself, Place::Somewhere] {
            assert_eq!(other.domain(), None, "{other:?}");
        }
    }

    #[test]
    fn s18_two_places_are_one_or_somewhere() {
        assert_eq!(below("a").merge(below("a")), below("a"));
        assert_eq!(below("a").merge(below("b")), Place::Somewhere);
        assert_eq!(Place::Itself.merge(Place::Itself), Place::Itself);
        assert_eq!(Place::Itself.merge(Place::Somewhere), Place::Somewhere);
    }
}
