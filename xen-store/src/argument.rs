//! Strings of requests that are no paths.

use core::fmt;

/// A string that a request carries: any text without a NUL, which would end it early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument<'a>(&'a str);

impl<'a> Argument<'a> {
    /// Checks a string; `None` if it holds a NUL.
    #[must_use]
    pub const fn new(text: &'a str) -> Option<Self> {
        if is_whole(text.as_bytes()) { Some(Self(text)) } else { None }
    }

    /// Takes a string that is written in the program, checked by the compiler where it is a constant.
    ///
    /// # Panics
    /// If it holds a NUL.
    #[must_use]
    pub const fn literal(text: &'static str) -> Argument<'static> {
        assert!(is_whole(text.as_bytes()), "a NUL within a string");
        Argument(text)
    }

    /// Returns the text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if *first == 0 {
            return false;
        }
        rest = tail;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s33_no_string_within_a_string() {
        assert_eq!(Argument::new("live-update\0-s"), None);
        assert_eq!(Argument::new("\0"), None);
        assert_eq!(Argument::new("").map(Argument::as_str), Some(""));
        assert_eq!(Argument::literal("check").as_str(), "check");
    }
}
