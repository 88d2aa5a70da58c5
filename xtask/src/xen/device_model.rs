//! The device model of HVM guests, as dom0 runs it: a part of the RAM disk of its own.

use super::archive::Archive;
use super::image::read;
use super::packages::Wanted;
use super::{disk, libraries};
use anyhow::Result;
use std::path::Path;
use std::slice;

/// Its packages.
pub(crate) const PACKAGES: Wanted = ("device-model", &["qemu-system-xen", "qemu-system-data", "seabios"]);

/// Where `xl` looks for it.
const PROGRAM: &str = "usr/libexec/xen-qemu-system-i386";
/// What it and `xl` read although the guest runs no firmware and has no screen.
const DATA: [&str; 4] = [
    "usr/share/qemu/linuxboot_dma.bin",
    "usr/share/qemu/kvmvapic.bin",
    "usr/share/qemu/keymaps/en-us",
    "usr/share/seabios/bios-256k.bin",
];

/// Changes when this program puts other things into the RAM disk.
pub(crate) fn recipe() -> String {
    format!("{PACKAGES:?}{PROGRAM}{DATA:?}")
}

/// The program, its data, and the libraries that the toolstack's part of the RAM disk has not.
pub(crate) fn archive(tree: &Path, tools: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    let program = tree.join(PROGRAM);
    let there = disk::libraries(tools)?;
    for (name, file) in libraries::closure(slice::from_ref(&program), &disk::library_dirs(tree))? {
        if !there.contains_key(&name) {
            archive.program(&format!("lib/{name}"), &read(&file)?)?;
        }
    }
    archive.program(PROGRAM, &read(&program)?)?;
    for path in DATA {
        archive.file(path, &read(&tree.join(path))?)?;
    }
    archive.finish()
}
