//! Which release's Xen runs: that of the system itself, or that of another suite of the archive it comes from.

use super::Args;
use super::apt::{Apt, NotHere, Suite};
use super::image::{self, DeviceModel, Image};
use super::packages;
use anyhow::{Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The word for the system's own release.
const OWN: &str = "own";

/// A release, by the name of its suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release(String);

impl Release {
    /// The release that the system's apt is set up for.
    pub(crate) fn own() -> Self {
        Self(OWN.into())
    }

    /// Tells whether it is the one that the system's apt is set up for.
    pub(crate) fn is_own(&self) -> bool {
        self.0 == OWN || self.0 == System::read().codename
    }

    /// Where its packages come from, and the folder below `cache` that they and its images go to.
    pub(crate) fn open(&self, cache: &Path) -> (Apt, PathBuf) {
        if self.is_own() {
            return (Apt::System, cache.to_path_buf());
        }
        let folder = cache.join("suites").join(&self.0);
        let suite = Suite { folder: folder.join("apt"), system: System::read().id, name: self.0.clone() };
        (Apt::Suite(suite), folder)
    }
}

/// The folder of a release's C headers and their version; `None`, and a word about it, where they cannot be had.
pub(crate) fn headers(release: &Release, cache: &Path) -> Result<Option<(PathBuf, String)>> {
    let (apt, folder) = release.open(cache);
    std::fs::create_dir_all(&folder)?;
    let tree = or_skipped(packages::tree(&folder, packages::HEADERS, &apt))?;
    Ok(tree.map(|tree| (tree.root.join("usr/include"), tree.version("libxen-dev").unwrap_or_default().into())))
}

/// The image of a release below `cache`; `None`, and a word about it, where its packages cannot be had.
pub(crate) fn image(release: &Release, cache: &Path, how: (&Args, DeviceModel)) -> Result<Option<Image>> {
    let (apt, folder) = release.open(cache);
    std::fs::create_dir_all(&folder)?;
    or_skipped(image::prepare(&folder, &apt, how))
}

/// Nothing, and a word about it, instead of the error that a suite cannot be had here.
pub(crate) fn or_skipped<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.downcast_ref::<NotHere>() {
            Some(suite) => skipped(&format!("skipped: needs {suite}: {}", error.root_cause())).map(|()| None),
            None => Err(error),
        },
    }
}

/// CI has all that can be had, so that there it is a failure.
fn skipped(line: &str) -> Result<()> {
    if crate::workspace::ci() {
        bail!("{line}");
    }
    println!("{line}");
    Ok(())
}

impl FromStr for Release {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = word.starts_with(|c: char| c.is_ascii_lowercase()) && word.chars().all(plain);
        good.then(|| Self(word.into())).ok_or("not the name of a suite, such as `trixie`, nor `own`")
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a system says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct System {
    id: String,
    codename: String,
}

impl System {
    fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let value = |key| {
            let line = text.lines().filter_map(|line| line.split_once('=')).find(|(name, _)| *name == key);
            line.map_or_else(String::new, |(_, value)| value.trim_matches('"').into())
        };
        Self { id: value("ID"), codename: value("VERSION_CODENAME") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_says_its_name_and_its_release() {
        let system = System::parse("PRETTY_NAME=\"Some ID=x\"\nVERSION_CODENAME=bookworm\nID=\"debian\"\n");
        assert_eq!(system, System { id: "debian".into(), codename: "bookworm".into() });
        assert_eq!(System::parse(""), System::default());
    }

    #[test]
    fn a_release_is_a_word_that_can_name_a_folder() {
        assert!(["own", "trixie", "bookworm-updates"].iter().all(|word| word.parse::<Release>().is_ok()));
        assert!(["", "..", "a/b", "Trixie", "-x", "a b"].iter().all(|word| word.parse::<Release>().is_err()));
    }

    #[test]
    fn only_a_suite_that_is_not_here_is_skipped() {
        assert_eq!(or_skipped(Ok(1)).unwrap(), Some(1));
        assert!(or_skipped::<u8>(Err(anyhow::anyhow!("another"))).is_err());
        let needed = crate::workspace::ci();
        let skipped = or_skipped::<u8>(Err(anyhow::anyhow!("why").context(NotHere("next".into()))));
        assert_eq!(skipped.is_err(), needed);
    }

    #[test]
    fn each_release_has_a_cache_of_its_own() {
        let (own, other) = (Release::own().open(Path::new("c")), Release("other".into()).open(Path::new("c")));
        assert!(matches!(own, (Apt::System, folder) if folder == Path::new("c")));
        assert!(matches!(other, (Apt::Suite(suite), folder)
            if folder == Path::new("c/suites/other") && suite.folder == folder.join("apt") && suite.name == "other"));
    }
}
