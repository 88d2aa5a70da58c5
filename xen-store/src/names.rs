//! Lists of NUL-terminated strings: names of nodes.

use crate::Reject;
use crate::path::is_of_name;
use crate::wire::wide;

/// The names of a node's children, each one legal in a path.
#[derive(Debug, Clone)]
pub struct Names<'b>(&'b str);

/// Bytes that are looked at at once.
const LANES: usize = 16;

impl<'b> Names<'b> {
    /// Checks the body of a directory's listing.
    ///
    /// # Errors
    /// [`Reject::BadNames`] if it is not NUL-terminated names throughout: no `/`, nothing empty, nothing illegal.
    pub fn parse(body: &'b [u8]) -> Result<Self, Reject> {
        if are_names(body) { Self::of_checked(body) } else { Err(Reject::BadNames) }
    }

    /// Takes a body that was checked before.
    pub(crate) fn of_checked(body: &'b [u8]) -> Result<Self, Reject> {
        core::str::from_utf8(body).map(Self).map_err(|_| Reject::BadNames)
    }
}

impl<'b> Iterator for Names<'b> {
    type Item = &'b str;

    #[inline]
    fn next(&mut self) -> Option<&'b str> {
        let (name, rest) = self.0.split_at_checked(end_of_first(self.0.as_bytes())?)?;
        self.0 = rest.get(1..)?;
        Some(name)
    }
}

/// Finds the first NUL, eight bytes at a time.
#[inline]
fn end_of_first(bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let mut from: usize = 0;
    while let Some(eight) = bytes.get(from..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*eight);
        // The lowest bit that is set is that of the first zero; what is above it may be wrong.
        let zeros = word.wrapping_sub(LOW) & !word & (LOW << 7);
        if zeros != 0 {
            return Some(from.wrapping_add(wide(zeros.trailing_zeros() >> 3)));
        }
        from = from.wrapping_add(8);
    }
    let rest = bytes.get(from..)?.iter().position(|byte| *byte == 0)?;
    Some(from.wrapping_add(rest))
}

/// Tells whether a body is names throughout: of legal bytes, and a NUL behind each and nowhere else.
pub(crate) fn are_names(body: &[u8]) -> bool {
    let (Some((first, behind)), Some((last, before))) = (body.split_first(), body.split_last()) else { return true };
    if *last != 0 || !is_of_name(*first) {
        return false;
    }
    let (before_chunks, before_rest) = before.as_chunks::<LANES>();
    let (chunks, rest) = behind.as_chunks::<LANES>();
    let whole = before_chunks.iter().zip(chunks).all(|(before, at)| all_follow(before, at));
    whole && all_follow(&filled(before_rest), &filled(rest))
}

/// Tells whether each byte may follow the one before it.
#[inline]
fn all_follow(before: &[u8; LANES], at: &[u8; LANES]) -> bool {
    before.iter().zip(at).fold(true, |all, (before, at)| all & (is_of_name(*at) | (*at == 0) & (*before != 0)))
}

/// Fills fewer bytes up with such as may stand anywhere.
#[inline]
fn filled(bytes: &[u8]) -> [u8; LANES] {
    let mut lanes = [b'a'; LANES];
    if let Some(to) = lanes.get_mut(..bytes.len()) {
        to.copy_from_slice(bytes);
    }
    lanes
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

    /// One byte after the other, as `are_names` does not look at them.
    fn one_by_one(body: &[u8]) -> bool {
        let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(|byte| is_of_name(*byte));
        body.is_empty() || body.strip_suffix(&[0]).is_some_and(|names| names.split(|byte| *byte == 0).all(is_name))
    }

    #[test]
    fn s28_every_byte_counts_wherever_it_stands() {
        for len in 1..=40 {
            let mut body = std::vec![b'v'; len];
            body[len - 1] = 0;
            assert!(are_names(&body) || len == 1, "{body:?}");
            for at in 0..len {
                for byte in (0..=u8::MAX).step_by(if cfg!(miri) { 47 } else { 1 }) {
                    let before = core::mem::replace(&mut body[at], byte);
                    assert_eq!(are_names(&body), one_by_one(&body), "{body:?}");
                    body[at] = before;
                }
            }
        }
    }

    #[test]
    fn s28_names_of_any_length_are_taken_apart() {
        for lens in [[1, 7, 8], [9, 15, 16], [17, 31, 32], [33, 255, 1]] {
            let mut body = Vec::new();
            for len in lens {
                body.extend(core::iter::repeat_n(b'n', len));
                body.push(0);
                let found = Names::parse(&body).unwrap().map(str::len).collect::<Vec<_>>();
                assert!(lens.starts_with(&found) && found.last() == Some(&len), "{found:?}");
            }
        }
    }
}
