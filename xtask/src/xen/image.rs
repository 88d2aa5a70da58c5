//! What the machine boots: the hypervisor, dom0's kernel, and dom0's RAM disk.

use super::archive::Archive;
use super::packages::{self, Tree};
use super::{Args, kernel, libraries, modules};
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The toolstack's programs that dom0 runs.
const TOOLS: [&str; 5] = ["xl", "xenstored", "xenconsoled", "libxl-save-helper", "xen-init-dom0"];
/// The clients of xenstore that the steps call.
const CLIENTS: [&str; 3] = ["xenstore-read", "xenstore-write", "xenstore-exists"];
const INIT: &str = include_str!("../../dom0/init");
const STEPS: &str = include_str!("../../dom0/steps.sh");
const LISTEN: &str = include_str!("../../dom0/listen.awk");

/// Files of one boot, made once and kept.
#[derive(Debug)]
pub(crate) struct Image {
    /// The hypervisor's ELF.
    pub(crate) xen: PathBuf,
    /// The kernel's ELF.
    pub(crate) kernel: PathBuf,
    /// The part of the RAM disk that does not change between runs.
    pub(crate) base: PathBuf,
}

/// Fetches packages where needed and makes the files below `cache`.
pub(crate) fn prepare(cache: &Path, args: &Args) -> Result<Image> {
    fs::create_dir_all(cache)?;
    let tools = packages::tree(cache, "tools", &packages::XEN)?;
    let linux = match &args.dom0_kernel {
        Some(_) => None,
        None => Some(packages::tree(cache, "kernel", &packages::KERNEL)?),
    };
    let sources = Sources::find(&tools, linux.as_ref(), args)?;
    let dir = cache.join(format!("image-{}", sources.key()?));
    let image = Image { xen: dir.join("xen"), kernel: dir.join("vmlinux"), base: dir.join("base.cpio") };
    if dir.is_dir() {
        return Ok(image);
    }
    eprintln!("making dom0's image …");
    let fresh = tempfile::tempdir_in(cache)?;
    let write = |name: &str, bytes: Vec<u8>| fs::write(fresh.path().join(name), bytes);
    write("xen", kernel::hypervisor(&read(&sources.xen)?)?)?;
    write("vmlinux", kernel::linux(&read(&sources.kernel)?)?)?;
    write("base.cpio", ram_disk(&sources)?)?;
    fs::rename(fresh.keep(), &dir)?;
    Ok(image)
}

/// Where the parts come from.
#[derive(Debug)]
struct Sources {
    tools: PathBuf,
    stamp: String,
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
            xen: match &args.xen {
                Some(file) => file.clone(),
                None => boot(tools, "xen-", ".gz")?,
            },
            kernel: match (&args.dom0_kernel, linux) {
                (Some(file), _) => file.clone(),
                (None, Some(tree)) => boot(tree, "vmlinuz-", "")?,
                (None, None) => anyhow::bail!("no kernel for dom0"),
            },
            modules: args.dom0_modules.clone().or_else(|| linux.map(|tree| tree.root.join("lib/modules"))),
        })
    }

    /// Changes when anything that goes into the image does.
    fn key(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for text in [INIT, STEPS, LISTEN, &self.stamp, &format!("{:?}{TOOLS:?}{:?}", self.modules, modules::WANTED)] {
            hash.update(text);
            hash.update([0]);
        }
        for file in [&self.xen, &self.kernel] {
            let about = fs::metadata(file).with_context(|| file.display().to_string())?;
            hash.update(format!("{} {:?}", file.display(), about.modified()?));
        }
        Ok(hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| file.display().to_string())
}

/// The first entry of `dir` whose name starts and ends so.
fn entry(dir: &Path, (prefix, suffix): (&str, &str)) -> Result<PathBuf> {
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

/// The RAM disk: programs, libraries, kernel modules and our own scripts.
fn ram_disk(sources: &Sources) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.program("init", INIT.as_bytes())?;
    archive.file("rig/steps.sh", STEPS.as_bytes())?;
    archive.file("rig/listen.awk", LISTEN.as_bytes())?;
    archive.file("etc/xen/xl.conf", b"autoballoon=\"off\"\n")?;
    add_programs(&mut archive, &sources.tools)?;
    if let Some(root) = &sources.modules {
        add_modules(&mut archive, root)?;
    } else {
        archive.file("lib/modules/order", b"")?;
    }
    archive.finish()
}

fn add_programs(archive: &mut Archive, tree: &Path) -> Result<()> {
    let private = entry(&tree.join("usr/lib"), ("xen-", ""))?.join("bin");
    let mut programs: Vec<PathBuf> = TOOLS.iter().map(|name| private.join(name)).collect();
    programs.extend(CLIENTS.iter().map(|name| tree.join("usr/bin").join(name)));
    let dirs = library_dirs(tree);
    for (name, file) in libraries::closure(&programs, &dirs)? {
        archive.program(&format!("lib/{name}"), &read(&file)?)?; // the loader among them is one
    }
    for program in &programs {
        archive.program(&program.strip_prefix(tree)?.to_string_lossy(), &read(program)?)?;
    }
    if let Some(path) = libraries::interpreter(&programs[0])? {
        let name = path.rsplit('/').next().unwrap_or_default();
        archive.link(path.trim_start_matches('/'), &format!("/lib/{name}"))?;
    }
    let busybox = ["bin/busybox", "usr/bin/busybox"].map(|path| tree.join(path)).into_iter().find(|path| path.exists());
    archive.program("bin/busybox", &read(&busybox.context("no busybox in its package")?)?)?;
    archive.link("bin/sh", "busybox")?;
    let tools = private.strip_prefix(tree)?.display().to_string();
    archive.file("rig/tools", format!("TOOLS=/{tools}\n").as_bytes())
}

/// All folders with shared libraries; the loader's own search path in dom0 is `/lib` alone.
fn library_dirs(tree: &Path) -> Vec<PathBuf> {
    let dirs = walkdir::WalkDir::new(tree).into_iter().filter_map(Result::ok);
    dirs.filter(|entry| entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .filter(|dir| dir.ends_with("lib/x86_64-linux-gnu") || dir.ends_with("lib"))
        .collect()
}

fn add_modules(archive: &mut Archive, root: &Path) -> Result<()> {
    let mut order = String::new();
    for (name, bytes) in modules::load(root)? {
        archive.file(&format!("lib/modules/{name}.ko"), &bytes)?;
        order.push_str(&format!("{name}.ko\n"));
    }
    archive.file("lib/modules/order", order.as_bytes())
}
