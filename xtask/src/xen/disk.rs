//! Dom0's RAM disk, as far as it is the same in every run.

use super::archive::Archive;
use super::image::{entry, read};
use super::{libraries, modules};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The toolstack's programs that dom0 runs.
const TOOLS: [&str; 10] = [
    "xl",
    "xenstored",
    "oxenstored",
    "xenconsoled",
    "libxl-save-helper",
    "xen-init-dom0",
    "lsevtchn",
    "xenctx",
    "xen-hvmctx",
    "xenstore-control",
];
/// The clients of xenstore that the steps call.
const CLIENTS: [&str; 4] = ["xenstore-read", "xenstore-write", "xenstore-exists", "xenstore-ls"];
/// How the files end that the OCaml daemon loads when it starts; Xen 4.17 has none.
const PLUGIN: &str = "cmxs";
/// What the OCaml daemon must be told; all else is as it has it by itself. A guest may have as many nodes as `init` says to the
/// other daemon: by default 1000, those of the toolstack's among them.
const OXENSTORED: &str = "persistent = false\nxenstored-kva = /proc/xen/xsd_kva\nxenstored-port = /proc/xen/xsd_port\n\
     perms-activate = true\nperms-watch-activate = true\nquota-activate = true\nquota-maxentity = 1200\n";
const INIT: &str = include_str!("../../dom0/init");
const STEPS: &str = include_str!("../../dom0/steps.sh");
const LISTEN: &str = include_str!("../../dom0/listen.awk");

/// Changes when this program puts other things into the RAM disk.
pub(crate) fn recipe() -> String {
    format!("{INIT}{STEPS}{OXENSTORED}{LISTEN}{TOOLS:?}{PLUGIN}{CLIENTS:?}{:?}{:?}", modules::WANTED, modules::DISK)
}

/// The RAM disk: programs, libraries, kernel modules and our own scripts.
pub(crate) fn base(tools: &Path, drivers: Option<&Path>) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.program("init", INIT.as_bytes())?;
    archive.file("rig/steps.sh", STEPS.as_bytes())?;
    archive.file("rig/listen.awk", LISTEN.as_bytes())?;
    archive.file("etc/xen/xl.conf", b"autoballoon=\"off\"\n")?;
    archive.file("etc/xen/oxenstored.conf", OXENSTORED.as_bytes())?;
    add_programs(&mut archive, tools)?;
    add_modules(&mut archive, drivers)?;
    archive.finish()
}

/// The folder of what is Xen's alone.
fn own(tree: &Path) -> Result<PathBuf> {
    entry(&tree.join("usr/lib"), ("xen-", ""))
}

/// The folder of the toolstack's private programs.
pub(crate) fn private(tree: &Path) -> Result<PathBuf> {
    Ok(own(tree)?.join("bin"))
}

fn programs(tree: &Path) -> Result<Vec<PathBuf>> {
    let private = private(tree)?;
    let mut programs: Vec<PathBuf> = TOOLS.iter().map(|name| private.join(name)).collect();
    programs.extend(plugins(&own(tree)?));
    programs.extend(CLIENTS.iter().map(|name| tree.join("usr/bin").join(name)));
    Ok(programs)
}

/// The libraries that the RAM disk has: names, and where they lie in `tree`.
pub(crate) fn libraries(tree: &Path) -> Result<BTreeMap<String, PathBuf>> {
    libraries::closure(&programs(tree)?, &library_dirs(tree))
}

fn add_programs(archive: &mut Archive, tree: &Path) -> Result<()> {
    let programs = programs(tree)?;
    for (name, file) in libraries(tree)? {
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
    let tools = private(tree)?.strip_prefix(tree)?.display().to_string();
    archive.file("rig/tools", format!("TOOLS=/{tools}\n").as_bytes())
}

/// The OCaml daemon's plugins.
fn plugins(own: &Path) -> impl Iterator<Item = PathBuf> {
    let files = walkdir::WalkDir::new(own.join("ocaml")).sort_by_file_name().into_iter().filter_map(Result::ok);
    files.map(walkdir::DirEntry::into_path).filter(|file| file.extension().is_some_and(|kind| kind == PLUGIN))
}

/// All folders with shared libraries; the loader's own search path in dom0 is `/lib` alone.
pub(crate) fn library_dirs(tree: &Path) -> Vec<PathBuf> {
    let dirs = walkdir::WalkDir::new(tree).into_iter().filter_map(Result::ok);
    dirs.filter(|entry| entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .filter(|dir| dir.ends_with("lib/x86_64-linux-gnu") || dir.ends_with("lib"))
        .collect()
}

/// Modules and their order; both empty for a kernel that has all of it built in.
fn add_modules(archive: &mut Archive, root: Option<&Path>) -> Result<()> {
    for (list, wanted) in [("order", &modules::WANTED[..]), ("disk.order", &modules::DISK)] {
        let mut order = String::new();
        for (name, bytes) in root.map(|root| modules::load(root, wanted)).transpose()?.unwrap_or_default() {
            archive.file(&format!("lib/modules/{name}.ko"), &bytes)?;
            order.push_str(&format!("{name}.ko\n"));
        }
        archive.file(&format!("lib/modules/{list}"), order.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// Runs a program on `text`; `None`, and a word about it, where there is no such program.
    fn try_run(command: &mut Command) -> Option<String> {
        match command.stderr(Stdio::inherit()).output() {
            Ok(done) => {
                assert!(done.status.success(), "{command:?}");
                Some(String::from_utf8(done.stdout).unwrap())
            }
            Err(_) => {
                println!("skipped: needs {}", command.get_program().display());
                None
            }
        }
    }

    fn listen(console: &str, after: u32, want: &str) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("console");
        std::fs::write(&file, console).unwrap();
        let complete = console.matches('\n').count();
        let variables = [format!("after={after}"), format!("upto={complete}"), format!("want={want}")];
        let mut awk = Command::new("awk");
        awk.args(variables.iter().flat_map(|text| ["-v", text])).arg(LISTEN).arg(file);
        try_run(&mut awk).map(|text| text.trim_end().to_owned())
    }

    const CONSOLE: &str = "noise\nxen-guest: ready\r\nxen-guest: resumed class=new n=12\nxen-guest: tick n=1\n\
                           xen-guest: resumed n=1 class=new\nxen-guest: resumed n=2 class=";

    #[test]
    fn a_line_is_found_by_event_and_whole_words() {
        let find = |after, want| listen(CONSOLE, after, want);
        let Some(found) = find(0, "ready") else { return };
        assert_eq!(found, "2");
        assert_eq!(find(0, "resumed class=new").unwrap(), "3");
        assert_eq!(find(0, "resumed class=new n=1").unwrap(), "5");
        assert_eq!(find(3, "resumed").unwrap(), "5");
        assert_eq!(find(5, "resumed").unwrap(), "", "a line without its end is not there yet");
        assert_eq!(find(0, "res").unwrap(), "");
    }

    #[test]
    fn a_complaint_is_handed_over() {
        let console = "xen-guest: ready\nxen-guest: FAIL what=ring\nxen-guest: tick n=1\n";
        let Some(found) = listen(console, 1, "tick") else { return };
        assert_eq!(found, "xen-guest: FAIL what=ring");
    }

    #[test]
    fn plugins_are_found_by_their_kind() {
        let own = tempfile::tempdir().unwrap();
        assert_eq!(plugins(own.path()).count(), 0);
        let folder = own.path().join("ocaml/glue");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["b.cmxs", "a.cmxs", "c.cmxa"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        assert_eq!(plugins(own.path()).collect::<Vec<_>>(), [folder.join("a.cmxs"), folder.join("b.cmxs")]);
    }

    #[test]
    fn the_scripts_are_shell() {
        for text in [INIT, STEPS] {
            let _ = try_run(Command::new("sh").args(["-n", "-c", text]));
        }
    }
}
