//! Debian packages, fetched and unpacked below `target/xen` without installing anything.

use super::apt::Apt;
use crate::shell;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder's name and the packages that it is for; versions and libraries follow from the dependencies.
pub(crate) type Wanted = (&'static str, &'static [&'static str]);

/// How the files end that say which packages a folder was unpacked from.
const STAMP: &str = "packages";

/// The hypervisor, the toolstack, and a shell.
pub(crate) const TOOLS: Wanted = ("tools", &["xen-system-amd64", "xenstore-utils", "busybox-static"]);
/// The kernel of dom0; the full flavour, since the cloud flavour cannot be a dom0.
pub(crate) const LINUX: Wanted = ("kernel", &["linux-image-amd64"]);
/// The public headers.
pub(crate) const HEADERS: Wanted = ("headers", &["libxen-dev"]);

/// An unpacked set of packages.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The folder that holds what `/` would.
    pub(crate) root: PathBuf,
    /// One `name` a line: what was unpacked, in which version.
    pub(crate) stamp: String,
}

impl Tree {
    /// The version of the first package whose name begins so.
    pub(crate) fn version(&self, name: &str) -> Option<&str> {
        let line = self.stamp.lines().find(|line| line.starts_with(name))?;
        line.split('_').nth(1)
    }
}

/// Unpacks `roots` and what they need into `cache/name`, once; what is there is kept, and apt is not asked.
pub(crate) fn tree(cache: &Path, (name, roots): Wanted, apt: &Apt) -> Result<Tree> {
    let root = cache.join(name);
    let stamp_file = cache.join(name).with_extension(STAMP);
    if let Ok(stamp) = fs::read_to_string(&stamp_file) {
        return Ok(Tree { root, stamp });
    }
    for tool in ["apt-get", "apt-cache", "dpkg-deb"] {
        shell::require(tool)?;
    }
    apt.refresh()?;
    let wanted = closure(roots, apt)?;
    eprintln!("fetching {} packages for {name} …", wanted.len());
    let debs = cache.join("debs").join(name);
    let _ = fs::remove_dir_all(&debs);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&debs)?;
    shell::output(
        apt.command("apt-get").current_dir(&debs).args(["-q", "-o", "APT::Sandbox::User=", "download"]).args(&wanted),
    )
    .with_context(|| format!("apt-get cannot fetch {} (try apt-get update)", roots.join(", ")))?;
    let stamp = unpack(&debs, &root)?;
    fs::write(&stamp_file, &stamp)?;
    fs::remove_dir_all(&debs)?;
    Ok(Tree { root, stamp })
}

/// Forgets what was fetched, so that the next [`tree`] takes what apt offers by then.
pub(crate) fn forget(cache: &Path) -> Result<()> {
    for file in fs::read_dir(cache)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == STAMP) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn unpack(debs: &Path, root: &Path) -> Result<String> {
    let mut stamp = String::new();
    let mut files: Vec<_> = fs::read_dir(debs)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        shell::output(Command::new("dpkg-deb").arg("-x").arg(file.path()).arg(root))?;
        stamp.push_str(&file.file_name().to_string_lossy());
        stamp.push('\n');
    }
    Ok(stamp)
}

/// The packages to unpack: `roots` and, of what they depend on, the parts that the rig uses.
fn closure(roots: &[&str], apt: &Apt) -> Result<BTreeSet<String>> {
    let mut known: BTreeSet<String> = roots.iter().map(ToString::to_string).collect();
    if roots == HEADERS.1 {
        return Ok(known); // nothing is linked with them
    }
    let mut fresh: Vec<String> = known.iter().cloned().collect();
    while !fresh.is_empty() {
        let text = depends(&fresh, apt)?;
        fresh = dependencies(&text).filter(|name| is_used(name)).map(str::to_owned).collect();
        fresh.retain(|name| known.insert(name.clone()));
    }
    Ok(known)
}

fn depends(names: &[String], apt: &Apt) -> Result<String> {
    let quiet = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
    let text = shell::output(
        apt.command("apt-cache").arg("depends").args(quiet.iter().map(|kind| format!("--no-{kind}"))).args(names),
    )
    .with_context(|| format!("apt knows no {} (try apt-get update)", names.join(" or no ")))?;
    if text.trim().is_empty() {
        bail!("apt knows no {} (try apt-get update)", names.join(" or no "));
    }
    Ok(text)
}

/// The names in `apt-cache depends`, virtual packages left out.
fn dependencies(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.trim_start().trim_start_matches('|').split_once("Depends: "))
        .map(|(_, name)| name.trim())
        .filter(|name| !name.starts_with('<'))
}

/// Whether dom0 of the rig uses a package: the hypervisor, its tools, a kernel, or a library.
fn is_used(name: &str) -> bool {
    let versioned =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    versioned("xen-hypervisor-")
        || versioned("xen-utils-")
        || versioned("linux-image-")
        || name == "zlib1g"
        || (name.starts_with("lib") && !name.starts_with("libpython"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_and_virtual_ones_skipped() {
        let text = "xen-utils-4.17\n  Depends: libc6\n |Depends: liba\n  Depends: <python3:any>\n    python3\n";
        assert_eq!(dependencies(text).collect::<Vec<_>>(), ["libc6", "liba"]);
    }

    #[test]
    fn a_version_is_read_from_the_stamp() {
        let stamp = "busybox-static_1%3a1.37_amd64.deb\nxen-hypervisor-4.20-amd64_4.20.4+63_amd64.deb\n".into();
        let tree = Tree { root: PathBuf::new(), stamp };
        assert_eq!(tree.version("xen-hypervisor-"), Some("4.20.4+63"));
        assert_eq!(tree.version("linux-image-"), None);
    }

    #[test]
    fn only_what_dom0_uses_is_taken() {
        let used = ["libc6", "zlib1g", "xen-utils-4.17", "xen-hypervisor-4.20-amd64", "linux-image-6.1.0-1-amd64"];
        assert!(used.into_iter().all(is_used));
        let unused = ["python3", "xen-utils-common", "libpython3.11", "linux-base", "initramfs-tools"];
        assert!(!unused.into_iter().any(is_used));
    }
}
