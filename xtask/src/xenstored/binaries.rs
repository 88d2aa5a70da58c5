//! What the rig runs: the daemons and tools of Debian's packages, and the shim.

use crate::shell;
use crate::xen::apt::Apt;
use crate::xen::{disk, libraries, packages, plan};
use anyhow::{Context as _, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHIM: &str = include_str!("../../xenstored/shim.c");
/// A header that Debian's libxen-dev brings.
const HEADER: &str = "/usr/include/xenctrl.h";
/// Libraries that every system has, in the version that fits its loader.
const OF_THE_SYSTEM: [&str; 7] =
    ["libc.so.", "libm.so.", "libgcc_s.so.", "libdl.so.", "libpthread.so.", "librt.so.", "ld-linux"];

/// Paths of what was fetched and made.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    tree: PathBuf,
    private: PathBuf,
    made: PathBuf,
    version: String,
}

/// Why the rig cannot run here, if so.
pub(crate) fn lacking() -> Option<String> {
    if !Path::new(HEADER).exists() {
        return Some("needs libxen-dev".into());
    }
    ["cc", "apt-get", "apt-cache", "dpkg-deb"]
        .into_iter()
        .find(|tool| shell::require(tool).is_err())
        .map(|tool| format!("needs {tool}"))
}

impl Binaries {
    /// Fetches the packages, once, and compiles the shim.
    pub(crate) fn prepare(cache: &Path) -> Result<Self> {
        let tree = packages::tree(cache, packages::TOOLS, &Apt::System)?;
        let private = disk::private(&tree.root)?;
        let made = cache.join("xenstored");
        let version = tree.version("xen-utils-").unwrap_or_default().into();
        let binaries = Self { tree: tree.root, private, made, version };
        fs::create_dir_all(&binaries.made)?;
        binaries.link_libraries()?;
        compile(&binaries.shim())?;
        Ok(binaries)
    }

    /// The version of Xen's that they are of.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A daemon's program.
    pub(crate) fn daemon(&self, kind: plan::Daemon) -> PathBuf {
        self.private.join(match kind {
            plan::Daemon::C => "xenstored",
            plan::Daemon::Ocaml => "oxenstored",
        })
    }

    /// Starts a command line of one of the tools in `/usr/bin`, talking to the server whose folder this is.
    pub(crate) fn tool(&self, name: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.tree.join("usr/bin").join(name));
        command.env("LD_LIBRARY_PATH", self.libraries()).env("XENSTORED_RUNDIR", folder);
        command
    }

    /// A file that is made of sources of ours.
    pub(crate) fn made(&self, name: &str) -> PathBuf {
        self.made.join(name)
    }

    /// What is preloaded.
    pub(crate) fn shim(&self) -> PathBuf {
        self.made.join("shim.so")
    }

    /// The folder of Xen's libraries and those that only they need.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.made.join("lib")
    }

    fn link_libraries(&self) -> Result<()> {
        let folder = self.libraries();
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        for (name, file) in libraries::closure(&self.programs(), &disk::library_dirs(&self.tree))? {
            if !OF_THE_SYSTEM.iter().any(|own| name.starts_with(own)) {
                symlink(file, folder.join(name))?;
            }
        }
        Ok(())
    }

    fn programs(&self) -> Vec<PathBuf> {
        let tools = ["xenstore-read", "xenstore-write"].map(|tool| self.tree.join("usr/bin").join(tool));
        let daemons = [plan::Daemon::C, plan::Daemon::Ocaml].map(|kind| self.daemon(kind));
        daemons.into_iter().chain(tools).collect()
    }
}

fn compile(shim: &Path) -> Result<()> {
    let source = tempfile::Builder::new().suffix(".c").tempfile()?;
    fs::write(source.path(), SHIM)?;
    let words = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"];
    shell::output(Command::new("cc").args(words).arg(shim).arg(source.path()))
        .context("the C compiler does not take the shim")?;
    Ok(())
}
