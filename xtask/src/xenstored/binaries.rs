//! What the rig runs: the daemons and tools of Debian's packages, with the C library that they were made for, and the shim.

use crate::shell;
use crate::xen::apt::Apt;
use crate::xen::{disk, packages, plan};
use anyhow::{Context as _, Result};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const SHIM: &str = include_str!("../../xenstored/shim.c");
/// The loader that the C library brings.
const LOADER: &str = "ld-linux-x86-64.so.2";
/// The client in Python, an implementation of its own.
const PYXS: packages::Wanted = ("pyxs", &["python3-pyxs"]);

/// Paths of what was fetched and made.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    tree: PathBuf,
    headers: PathBuf,
    made: PathBuf,
    version: String,
    pyxs: Result<PathBuf, String>,
}

/// Why the rig cannot run here, if so.
pub(crate) fn lacking() -> Option<String> {
    ["cc", "apt-get", "apt-cache", "dpkg-deb"]
        .into_iter()
        .find(|tool| shell::require(tool).is_err())
        .map(|tool| format!("needs {tool}"))
}

impl Binaries {
    /// Fetches the packages, once, and compiles the shim.
    pub(crate) fn prepare(cache: &Path, apt: &Apt) -> Result<Self> {
        let tree = packages::tree(cache, packages::TOOLS, apt)?;
        let headers = packages::tree(cache, packages::HEADERS, apt)?.root.join("usr/include");
        let version = tree.version("xen-utils-").unwrap_or_default().into();
        let binaries =
            Self { tree: tree.root, headers, made: cache.join("xenstored"), version, pyxs: pyxs(cache, apt) };
        fs::create_dir_all(&binaries.made)?;
        binaries.link_libraries()?;
        binaries.compile("shim", SHIM, &["-O1", "-shared", "-fPIC", "-o", "shim.so"])?;
        for kind in [plan::Daemon::C, plan::Daemon::Ocaml] {
            binaries.make_script(kind)?;
        }
        Ok(binaries)
    }

    /// The version of Xen's that they are of.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The second number of the version, after 4.
    pub(crate) fn minor(&self) -> u32 {
        self.version.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    /// The folder that holds what `/` would.
    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// A script that becomes a daemon behind the shim: one path that names it all, as a live update wants it.
    pub(crate) fn daemon(&self, kind: plan::Daemon) -> PathBuf {
        self.made.join(kind.word())
    }

    /// Starts a command line of one of the tools in `/usr/bin`, talking to the server whose folder this is.
    pub(crate) fn tool(&self, name: &str, folder: &Path) -> Command {
        self.command(&self.tree.join("usr/bin").join(name), folder)
    }

    /// As [`tool`](Self::tool), of those that lie where only Xen looks.
    pub(crate) fn private_tool(&self, name: &str, folder: &Path) -> Result<Command> {
        Ok(self.command(&disk::private(&self.tree)?.join(name), folder))
    }

    /// Starts a command line of the reader by libxenstore.
    pub(crate) fn reader(&self, source: &str, folder: &Path) -> Result<Command> {
        let library = self.libraries().join("libxenstore.so.4").display().to_string();
        // What that needs of others is there when it runs, and may be newer than the C library here.
        let rest = ["-O2", "-o", "serial", &library, "-Wl,--unresolved-symbols=ignore-in-shared-libs"];
        self.compile("serial", source, &rest)?;
        Ok(self.command(&self.made.join("serial"), folder))
    }

    /// Where Python finds `pyxs`, or why it does not.
    pub(crate) fn pyxs(&self) -> Result<&Path, &str> {
        self.pyxs.as_deref().map_err(String::as_str)
    }

    /// Starts a program of this C library's.
    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(self.loader());
        command.arg("--library-path").arg(self.libraries()).arg(program).env("XENSTORED_RUNDIR", folder);
        command
    }

    /// The folder of Xen's libraries, and of all that they need.
    fn libraries(&self) -> PathBuf {
        self.made.join("lib")
    }

    fn loader(&self) -> PathBuf {
        self.libraries().join(LOADER)
    }

    fn link_libraries(&self) -> Result<()> {
        let folder = self.libraries();
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        for (name, file) in disk::libraries(&self.tree)? {
            symlink(file, folder.join(name))?;
        }
        Ok(())
    }

    /// Makes a program in C, in the folder of what was made.
    fn compile(&self, name: &str, source: &str, words: &[&str]) -> Result<()> {
        let file = format!("{name}.c");
        fs::write(self.made.join(&file), source)?;
        let mut cc = Command::new("cc");
        cc.current_dir(&self.made).args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I"]).arg(&self.headers);
        shell::output(cc.arg(file).args(words)).with_context(|| format!("the C compiler does not take {name}.c"))?;
        Ok(())
    }

    fn make_script(&self, kind: plan::Daemon) -> Result<()> {
        let name = match kind {
            plan::Daemon::C => "xenstored",
            plan::Daemon::Ocaml => "oxenstored",
        };
        let program = disk::private(&self.tree)?.join(name);
        let [loader, libraries, shim, program] = [self.loader(), self.libraries(), self.made.join("shim.so"), program]
            .map(|path| path.display().to_string());
        let text =
            format!("#!/bin/sh\nexec '{loader}' --library-path '{libraries}' --preload '{shim}' '{program}' \"$@\"\n");
        let script = self.daemon(kind);
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }
}

fn pyxs(cache: &Path, apt: &Apt) -> Result<PathBuf, String> {
    shell::require("python3").map_err(|_| "needs python3".to_owned())?;
    let tree = packages::tree(cache, PYXS, apt).map_err(|error| format!("needs {}: {error}", PYXS.1[0]))?;
    Ok(tree.root.join("usr/lib/python3/dist-packages"))
}
