//! Kernel modules in the order in which they can be loaded.

use super::kernel;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What dom0 needs to run the toolstack; a name that is no file is built into the kernel.
pub(crate) const WANTED: [&str; 5] = ["xen_privcmd", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "xenfs"];

/// What a disk of the machine's needs; the step that uses it loads them.
pub(crate) const DISK: [&str; 2] = ["virtio_pci", "virtio_blk"];

/// A module: its name and its unpacked bytes.
pub(crate) type Module = (String, Vec<u8>);

/// The modules `wanted` below `root` and all they depend on, in load order.
pub(crate) fn load(root: &Path, wanted: &[&str]) -> Result<Vec<Module>> {
    let files = find(root);
    let mut bytes = BTreeMap::new();
    let order = order(wanted, &mut |name| {
        let Some(file) = files.get(name) else {
            return Ok(None);
        };
        let image = fs::read(file).with_context(|| file.display().to_string())?;
        let image = kernel::module(&image).with_context(|| file.display().to_string())?;
        let needs = needs(&image);
        bytes.insert(name.to_owned(), image);
        Ok(Some(needs))
    })?;
    Ok(order.into_iter().filter_map(|name| bytes.remove_entry(&name)).collect())
}

/// All module files below `root`, by their names with underscores.
fn find(root: &Path) -> BTreeMap<String, PathBuf> {
    let entries = walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?;
            let (stem, _) = name.split_once(".ko")?;
            Some((stem.replace('-', "_"), entry.into_path()))
        })
        .collect()
}

/// The names after `depends=` in a module's information section.
fn needs(image: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = image.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = image[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// Dependencies before dependents; `needs` answers `None` for a module that is built in.
fn order(wanted: &[&str], needs: &mut dyn FnMut(&str) -> Result<Option<Vec<String>>>) -> Result<Vec<String>> {
    let mut done: Vec<String> = Vec::new();
    for name in wanted {
        visit(name, needs, &mut done)?;
    }
    Ok(done)
}

fn visit(name: &str, needs: &mut dyn FnMut(&str) -> Result<Option<Vec<String>>>, done: &mut Vec<String>) -> Result<()> {
    if done.iter().any(|other| other == name) {
        return Ok(());
    }
    let Some(below) = needs(name)? else {
        return Ok(());
    };
    for other in &below {
        visit(other, needs, done)?;
    }
    done.push(name.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_once() {
        let mut graph = |name: &str| {
            Ok(match name {
                "a" => Some(vec!["c".into(), "b".into()]),
                "b" => Some(vec!["c".into(), "built_in".into()]),
                "c" => Some(vec![]),
                _ => None,
            })
        };
        assert_eq!(order(&["b", "a"], &mut graph).unwrap(), ["c", "b", "a"]);
    }

    #[test]
    fn dependencies_are_read_from_the_information_section() {
        assert_eq!(needs(b"x\0depends=xen-privcmd,loop\0y"), ["xen_privcmd", "loop"]);
        assert_eq!(needs(b"x\0depends=\0y"), Vec::<String>::new());
        assert_eq!(needs(b"nothing"), Vec::<String>::new());
    }
}
