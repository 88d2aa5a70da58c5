//! An initial RAM disk: a cpio archive in the format that Linux reads.

use anyhow::Result;
use cpio::newc::{Builder, ModeFileType, trailer};
use std::collections::BTreeSet;
use std::io::Write;

/// An archive under construction.
#[derive(Debug)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    dirs: BTreeSet<String>,
    entries: u32,
}

impl Archive {
    /// Starts an empty archive.
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), dirs: BTreeSet::new(), entries: 0 }
    }

    /// Adds a plain file.
    pub(crate) fn file(&mut self, path: &str, data: &[u8]) -> Result<()> {
        self.entry(path, (ModeFileType::Regular, 0o644), data)
    }

    /// Adds a program.
    pub(crate) fn program(&mut self, path: &str, data: &[u8]) -> Result<()> {
        self.entry(path, (ModeFileType::Regular, 0o755), data)
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.entry(path, (ModeFileType::Symlink, 0o777), target.as_bytes())
    }

    /// Adds a folder and those above it.
    pub(crate) fn dir(&mut self, path: &str) -> Result<()> {
        self.parents(&format!("{path}/"))
    }

    /// Ends the archive and returns its bytes.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let mut bytes = trailer(self.bytes)?;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytes)
    }

    fn entry(&mut self, path: &str, mode: (ModeFileType, u32), data: &[u8]) -> Result<()> {
        self.parents(path)?;
        self.raw(path, mode, data)
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/') {
            if self.dirs.insert(path[..at].to_owned()) {
                self.raw(&path[..at], (ModeFileType::Directory, 0o755), &[])?;
            }
        }
        Ok(())
    }

    fn raw(&mut self, path: &str, (kind, mode): (ModeFileType, u32), data: &[u8]) -> Result<()> {
        self.entries += 1;
        let entry = Builder::new(path).ino(self.entries).mode(mode).set_mode_file_type(kind);
        let mut writer = entry.write(&mut self.bytes, u32::try_from(data.len())?);
        writer.write_all(data)?;
        writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpio::newc::Reader;
    use std::io::Read as _;

    #[test]
    fn folders_come_before_what_they_hold() {
        let mut archive = Archive::new();
        archive.file("a/b/c", b"hello").unwrap();
        archive.link("a/b/d", "c").unwrap();
        let bytes = archive.finish().unwrap();
        let (mut rest, mut seen) = (&bytes[..], Vec::new());
        loop {
            let mut reader = Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            let mut data = String::new();
            let name = reader.entry().name().to_owned();
            reader.read_to_string(&mut data).unwrap();
            seen.push((name, data));
            rest = reader.finish().unwrap();
        }
        let seen: Vec<_> = seen.iter().map(|(name, data)| (name.as_str(), data.as_str())).collect();
        assert_eq!(seen, [("a", ""), ("a/b", ""), ("a/b/c", "hello"), ("a/b/d", "c")]);
        assert_eq!(bytes.len() % 4, 0);
    }
}
