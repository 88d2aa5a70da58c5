//! A copy of the workspace, in which one check at a time is taken away.

use super::catalogue::{Catalogue, Mutation};
use super::tests::{self, Program};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// A copy of the workspace below `target`, with a target folder of its own, so that little is built anew.
pub(super) struct Scratch {
    root: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// What noticed that a check is gone, by the row.
pub(super) type Noticed = BTreeMap<String, String>;

impl Scratch {
    /// Makes the copy that is there as the workspace is; an error if somebody else is at it, whose mutations would be ours.
    pub(super) fn fresh(workspace: &Path) -> Result<Self> {
        let root = workspace.join("target/hostile/tree");
        std::fs::create_dir_all(&root)?;
        let lock = File::create(workspace.join("target/hostile/lock"))?;
        lock.try_lock().context("another run takes checks away in this workspace")?;
        let mut wanted = Vec::new();
        for entry in WalkDir::new(workspace).into_iter().filter_entry(|entry| !is_left_out(entry)) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let relative = entry.path().strip_prefix(workspace)?;
                same(entry.path(), &root.join(relative))?;
                wanted.push(relative.to_path_buf());
            }
        }
        for entry in WalkDir::new(&root).into_iter().filter_entry(|entry| !is_left_out(entry)) {
            let entry = entry?;
            if entry.file_type().is_file()
                && !wanted.iter().any(|path| *path == *entry.path().strip_prefix(&root).unwrap_or(path))
            {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { root, _lock: lock })
    }

    /// Takes the check away, and returns for each row of the mutation the test that failed then.
    pub(super) fn without(&self, mutation: &Mutation, catalogue: &Catalogue) -> Result<Noticed> {
        let file = self.root.join(&mutation.file);
        let original = std::fs::read_to_string(&file)?;
        std::fs::write(&file, mutation.apply(&self.root)?)?;
        let noticed = self.noticed(mutation, catalogue);
        std::fs::write(&file, original)?;
        noticed
    }

    fn noticed(&self, mutation: &Mutation, catalogue: &Catalogue) -> Result<Noticed> {
        let mut noticed = Noticed::new();
        for package in &catalogue.packages {
            let Some(programs) = tests::build(&self.root, package)? else {
                bail!("stale: without {mutation} {package} does not build");
            };
            for program in &programs {
                failures(program, mutation, &mut noticed)?;
            }
            if mutation.rows.iter().all(|id| noticed.contains_key(id)) {
                break;
            }
        }
        Ok(noticed)
    }
}

/// Runs the tests of the rows of which nothing has failed yet.
fn failures(program: &Program, mutation: &Mutation, noticed: &mut Noticed) -> Result<()> {
    let open = |name: &str| tests::rows(name).any(|id| mutation.rows.contains(&id) && !noticed.contains_key(&id));
    let names: Vec<&str> = program.names.iter().map(String::as_str).filter(|name| open(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    for (name, _) in program.run(&names)?.iter().filter(|(_, passed)| !**passed) {
        for id in tests::rows(name).filter(|id| mutation.rows.contains(id)) {
            noticed.entry(id).or_insert_with(|| format!("{}: {}", program.target, tests::title(name)));
        }
    }
    Ok(())
}

fn is_left_out(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    entry.depth() > 0 && [".git", "target", "artifacts"].map(OsStr::new).contains(&name)
}

/// Writes only what differs, so that the rest is not built again.
fn same(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| from.display().to_string())?;
    if std::fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    std::fs::write(to, bytes).with_context(|| to.display().to_string())
}

#[cfg(test)]
mod self_tests {
    use super::*;

    #[test]
    fn one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let one = Scratch::fresh(folder.path()).unwrap();
        let said = Scratch::fresh(folder.path()).map(drop).unwrap_err().to_string();
        assert!(said.contains("another run"), "{said}");
        drop(one);
        assert!(Scratch::fresh(folder.path()).is_ok(), "it is over");
    }
}
