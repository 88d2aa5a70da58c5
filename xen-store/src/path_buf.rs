//! Paths put together without an allocator.

use core::fmt::{self, Write};

use crate::path::{BadPath, Path};
use crate::text::Text;

/// A path of at most `N` bytes, with its bytes inside.
///
/// # Example
/// ```
/// use xen_store::{Path, PathBuf};
///
/// let state = PathBuf::<64>::new(Path::literal("device/vbd"))?.join(768)?.join("state")?;
/// assert_eq!(state.as_path().as_str(), "device/vbd/768/state");
/// # Ok::<(), xen_store::BadPath>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PathBuf<const N: usize = 256>(Text<N>);

impl<const N: usize> PathBuf<N> {
    /// Copies a path.
    ///
    /// # Errors
    /// [`BadPath::TooLong`] if it has more than `N` bytes.
    pub fn new(path: Path<'_>) -> Result<Self, BadPath> {
        let mut text = Text::new();
        text.write_str(path.as_str()).map_err(|_| BadPath::TooLong)?;
        Ok(Self(text))
    }

    /// Appends a `/` and what `name` displays as: a name, a number, or several names with `/` between.
    ///
    /// # Errors
    /// [`BadPath`] if the whole is no path, or has more than `N` bytes.
    pub fn join(mut self, name: impl fmt::Display) -> Result<Self, BadPath> {
        let slash = if self.0.as_str() == "/" { "" } else { "/" };
        write!(self.0, "{slash}{name}").map_err(|_| BadPath::TooLong)?;
        Path::new(self.0.as_str())?;
        Ok(self)
    }

    /// Writes what is known to be a path, and to have no more than `N` bytes.
    pub(crate) fn written(path: fmt::Arguments<'_>) -> Self {
        let mut text = Text::new();
        let _fits = text.write_fmt(path);
        Self(text)
    }

    /// Returns the path.
    #[must_use]
    pub fn as_path(&self) -> Path<'_> {
        // Made of checked text only, so the other branch is never taken; the root harms nobody.
        Path::new(self.0.as_str()).unwrap_or(const { Path::literal("/") })
    }
}

impl<const N: usize> fmt::Debug for PathBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for PathBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_names_and_numbers() {
        let buf = PathBuf::<16>::new(Path::literal("/")).unwrap().join("local").unwrap().join(7).unwrap();
        assert_eq!(buf.as_path().as_str(), "/local/7");
        assert_eq!(buf.join("a/b").unwrap().as_path().as_str(), "/local/7/a/b");
    }

    #[test]
    fn refuses_what_is_no_path() {
        let buf = PathBuf::<8>::new(Path::literal("device")).unwrap();
        assert_eq!(buf.join(""), Err(BadPath::EmptyName));
        assert_eq!(buf.join("."), Err(BadPath::Character(b'.')));
        assert_eq!(buf.join("12"), Err(BadPath::TooLong));
        assert_eq!(buf.join("1").unwrap().as_path().as_str(), "device/1");
        assert_eq!(PathBuf::<4>::new(Path::literal("domid")), Err(BadPath::TooLong));
    }
}
