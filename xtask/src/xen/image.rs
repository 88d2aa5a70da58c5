//! What the machine boots: the hypervisor, dom0's kernel, and dom0's RAM disk.

use super::apt::Apt;
use super::packages::{self, Tree};
use super::{Args, device_model, disk, in_place, kernel};
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Files of one boot, made once and kept.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The hypervisor's ELF.
    pub(crate) xen: PathBuf,
    /// The kernel's ELF.
    pub(crate) kernel: PathBuf,
    /// The part of the RAM disk that does not change between runs.
    pub(crate) base: PathBuf,
    /// The part with the device model, if one is wanted.
    pub(crate) device_model: Option<PathBuf>,
    /// The machine's disks.
    pub(crate) disks: Vec<Disk>,
    /// The hypervisor's version as its package has it; empty for one of the user's.
    pub(crate) version: String,
}

/// A disk of the machine's.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    /// By what dom0 tells it from others; 20 letters at most.
    pub(crate) serial: String,
    /// Its contents.
    pub(crate) file: PathBuf,
}

/// Whether the RAM disk has a device model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceModel {
    /// For HVM guests.
    Wanted,
    /// Other guests need none.
    Unused,
}

/// Fetches packages by `apt` where needed and makes the files below `cache`.
pub(crate) fn prepare(cache: &Path, apt: &Apt, (args, model): (&Args, DeviceModel)) -> Result<Image> {
    if args.update {
        packages::forget(cache)?;
    }
    let tools = packages::tree(cache, packages::TOOLS, apt)?;
    let linux = match &args.dom0_kernel {
        Some(_) => None,
        None => Some(packages::tree(cache, packages::LINUX, apt)?),
    };
    let sources = Sources::find(&tools, linux.as_ref(), args)?;
    let dir = cache.join(format!("image-{}", sources.key()?));
    let device_model = match model {
        DeviceModel::Wanted => Some(prepare_model(cache, apt, &tools)?),
        DeviceModel::Unused => None,
    };
    let image = Image {
        xen: dir.join("xen"),
        kernel: dir.join("vmlinux"),
        base: dir.join("base.cpio"),
        device_model,
        disks: Vec::new(),
        version: sources.version.clone(),
    };
    if !dir.is_dir() {
        make(cache, &dir, &sources)?;
    }
    in_place::build(&sources.tools, &dir)?;
    Ok(image)
}

/// Makes the files of `dir` from `sources`.
fn make(cache: &Path, dir: &Path, sources: &Sources) -> Result<()> {
    eprintln!("making dom0's image …");
    let fresh = tempfile::tempdir_in(cache)?;
    let write = |name: &str, bytes: Vec<u8>| fs::write(fresh.path().join(name), bytes);
    write("xen", kernel::hypervisor(&read(&sources.xen)?)?)?;
    write("vmlinux", kernel::linux(&read(&sources.kernel)?)?)?;
    write("base.cpio", disk::base(&sources.tools, sources.modules.as_deref())?)?;
    remove_others(cache, "image-")?;
    fs::rename(fresh.keep(), dir)?;
    Ok(())
}

/// Makes the part of the RAM disk that only HVM guests need.
fn prepare_model(cache: &Path, apt: &Apt, tools: &Tree) -> Result<PathBuf> {
    let tree = packages::tree(cache, device_model::PACKAGES, apt)?;
    let key = key([device_model::recipe(), tools.stamp.clone(), tree.stamp]);
    let file = cache.join(format!("model-{key}.cpio"));
    if !file.exists() {
        eprintln!("making the device model's image …");
        let bytes = device_model::archive(&tree.root, &tools.root)?;
        remove_others(cache, "model-")?;
        let mut fresh = tempfile::NamedTempFile::new_in(cache)?;
        fresh.write_all(&bytes)?;
        fresh.persist(&file)?;
    }
    Ok(file)
}

/// Where the parts come from.
#[derive(Debug)]
struct Sources {
    tools: PathBuf,
    stamp: String,
    version: String,
    xen: PathBuf,
    kernel: PathBuf,
    modules: Option<PathBuf>,
}

impl Sources {
    fn find(tools: &Tree, linux: Option<&Tree>, args: &Args) -> Result<Self> {
        let boot = |tree: &Tree, prefix: &str, suffix: &str| entry(&tree.root.join("boot"), (prefix, suffix));
        Ok(Self {
            tools: tools.root.clone(),
            stamp: format!("{}{}", tools.stamp, linux.map_or("", |tree| &tree.stamp)),
            version: match &args.xen {
                Some(_) => String::new(),
                None => tools.version("xen-hypervisor-").unwrap_or_default().into(),
            },
            xen: match &args.xen {
                Some(file) => file.clone(),
                None => boot(tools, "xen-", ".gz")?,
            },
            kernel: match (&args.dom0_kernel, linux) {
                (Some(file), _) => file.clone(),
                (None, Some(tree)) => boot(tree, "vmlinuz-", "")?,
                (None, None) => anyhow::bail!("no kernel for dom0"),
            },
            modules: match (&args.dom0_modules, linux) {
                (Some(dir), _) => Some(dir.clone()),
                (None, Some(tree)) => Some(modules(&tree.root)?),
                (None, None) => None,
            },
        })
    }

    /// Changes when anything that goes into the image does.
    fn key(&self) -> Result<String> {
        let mut texts = vec![
            disk::recipe(),
            format!("{:?}", in_place::PROGRAMS),
            self.stamp.clone(),
            format!("{:?}", self.modules),
        ];
        for file in [&self.xen, &self.kernel] {
            let about = fs::metadata(file).with_context(|| file.display().to_string())?;
            texts.push(format!("{} {:?}", file.display(), about.modified()?));
        }
        Ok(key(texts))
    }
}

/// A name for what these texts tell of.
fn key(texts: impl IntoIterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text);
        hash.update([0]);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Where a kernel's package has its modules, which depends on the release.
fn modules(root: &Path) -> Result<PathBuf> {
    let found = ["lib/modules", "usr/lib/modules"].map(|dir| root.join(dir)).into_iter().find(|dir| dir.is_dir());
    found.with_context(|| format!("no modules in {}", root.display()))
}

/// Reads a file, or names it.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| file.display().to_string())
}

/// The first entry of `dir` whose name starts and ends so.
pub(crate) fn entry(dir: &Path, (prefix, suffix): (&str, &str)) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(prefix) && name.ends_with(suffix)
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.into_iter().next().with_context(|| format!("no {prefix}*{suffix} in {}", dir.display()))
}

/// Removes what was made before under another key: an image takes a hundred megabytes.
fn remove_others(cache: &Path, prefix: &str) -> Result<()> {
    while let Ok(old) = entry(cache, (prefix, "")) {
        if old.is_dir() { fs::remove_dir_all(old)? } else { fs::remove_file(old)? }
    }
    Ok(())
}
