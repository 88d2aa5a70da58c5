//! Lists of NUL-terminated strings: names of nodes.

use crate::Reject;
use crate::path::is_legal;

/// The names of a node's children, each one legal in a path.
#[derive(Debug, Clone)]
pub struct Names<'b>(Strings<'b>);

impl<'b> Names<'b> {
    /// Checks the body of a directory's listing.
    ///
    /// # Errors
    /// [`Reject::BadNames`] if it is not NUL-terminated names throughout: no `/`, nothing empty, nothing illegal.
    pub fn parse(body: &'b [u8]) -> Result<Self, Reject> {
        let strings = Strings::new(body).ok_or(Reject::BadNames)?;
        if strings.clone().all(is_name) { Ok(Self(strings)) } else { Err(Reject::BadNames) }
    }
}

impl<'b> Iterator for Names<'b> {
    type Item = &'b str;

    fn next(&mut self) -> Option<&'b str> {
        core::str::from_utf8(self.0.next()?).ok()
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_legal(*byte) && *byte != b'/')
}

/// The strings of a body in which a NUL ends each.
#[derive(Debug, Clone)]
pub(crate) struct Strings<'b>(&'b [u8]);

impl<'b> Strings<'b> {
    /// Takes a body, unless its last byte is no NUL.
    pub(crate) const fn new(body: &'b [u8]) -> Option<Self> {
        match body {
            [] | [.., 0] => Some(Self(body)),
            _ => None,
        }
    }

    /// Returns what is left.
    pub(crate) const fn rest(&self) -> &'b [u8] {
        self.0
    }
}

impl<'b> Iterator for Strings<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let mut parts = self.0.splitn(2, |byte| *byte == 0);
        let string = parts.next()?;
        self.0 = parts.next().unwrap_or_default();
        Some(string)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn s28_a_bad_entry_rejects_the_whole_listing() {
        for bad in [&b"vbd"[..], b"\0", b"vbd\0\0", b"a/b\0", b"..\0", b"vbd\0v f\0", b"\xff\0"] {
            assert_eq!(Names::parse(bad).err(), Some(Reject::BadNames), "{bad:?}");
        }
        let names = |body: &'static [u8]| Names::parse(body).unwrap().collect::<Vec<_>>();
        assert_eq!(names(b"vbd\0vif\0vbd\0"), ["vbd", "vif", "vbd"]);
        assert!(names(b"").is_empty());
    }
}
