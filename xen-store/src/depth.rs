//! How far below its path a watch reaches.

use crate::{Features, Path, Special};

/// How many levels below its path a watch is told of: of none, of children, of their children, …
///
/// Of a [`Special`] name, any depth but 0 has the domain told that came or went, where the server offers
/// [`Features::WATCH_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(pub u16);

impl Depth {
    /// Makes of a wish for a path what a server knows; with 0, it would say nothing of a special name.
    pub(crate) fn of(path: Path<'_>, wished: Option<Self>) -> Option<Self> {
        if path.is_special() { wished.filter(|depth| depth.0 > 0).map(|_| Self(1)) } else { wished }
    }

    /// Tells whether a watch is told of a path; of one that is not below the watched one it may be.
    pub(crate) fn reaches(self, watched: Path<'_>, path: &[u8]) -> bool {
        let watched = match watched.as_str().as_bytes() {
            b"/" => &[],
            watched => watched,
        };
        let Some([b'/', below @ ..]) = path.strip_prefix(watched) else { return true };
        below.split(|byte| *byte == b'/').count() <= usize::from(self.0)
    }
}

/// Returns what a server must offer to say anything of a path: of one domain alone, the older ones never do.
pub(crate) fn needs(path: Path<'_>) -> Features {
    match Special::parse(path) {
        Some(Special::Introduced(Some(_)) | Special::Released(Some(_))) => Features::WATCH_DEPTH,
        _ => Features::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s21_levels_are_counted_from_the_watched_path() {
        let depths = |watched: &'static str, path: &str| {
            (0..4)
                .map(|depth| Depth(depth).reaches(Path::literal(watched), path.as_bytes()))
                .filter(|told| !told)
                .count()
        };
        assert_eq!(depths("device/vbd", "device/vbd"), 0);
        assert_eq!(depths("device/vbd", "device/vbd/768"), 1);
        assert_eq!(depths("device/vbd", "device/vbd/768/state"), 2);
        assert_eq!(depths("/", "/local"), 1);
        assert_eq!(depths("/", "/local/domain/1"), 3);
        for elsewhere in ["device", "device/vbd2/x/y/z/z", "/a/b/c/d/e", ""] {
            assert_eq!(depths("device/vbd", elsewhere), 0, "{elsewhere}");
        }
    }

    #[test]
    fn s21_a_special_name_has_two_depths() {
        let of = |depth| Depth::of(Path::RELEASE_DOMAIN, depth);
        assert_eq!((of(None), of(Some(Depth(0)))), (None, None));
        assert_eq!((of(Some(Depth(1))), of(Some(Depth(9)))), (Some(Depth(1)), Some(Depth(1))));
        assert_eq!(Depth::of(Path::literal("a"), Some(Depth(0))), Some(Depth(0)));
        assert_eq!(needs(Path::RELEASE_DOMAIN), Features::empty());
        assert_eq!(needs(Path::literal("@releaseDomain/7")), Features::WATCH_DEPTH);
        assert_eq!(needs(Path::literal("a/7")), Features::empty());
    }
}
