//! Which shared libraries a set of programs needs.

use anyhow::{Context as _, Result};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use object::{Endianness, elf};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Loaded by name when a thread is cancelled, so that no ELF header lists it.
const HIDDEN: &str = "libgcc_s.so.1";

/// The libraries that `programs` need, directly or not: name and the file in `dirs` that has it.
pub(crate) fn closure(programs: &[PathBuf], dirs: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut open = vec![HIDDEN.to_owned()];
    for program in programs {
        open.extend(needed(program)?);
    }
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let file = locate(&name, dirs).with_context(|| format!("no package brought the library {name}"))?;
        open.extend(needed(&file)?);
        found.insert(name, file);
    }
    Ok(found)
}

fn locate(name: &str, dirs: &[PathBuf]) -> Option<PathBuf> {
    dirs.iter().map(|dir| dir.join(name)).find(|file| file.exists())
}

fn needed(file: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    names(&bytes).with_context(|| format!("{} is no ELF that can be read", file.display()))
}

/// The `DT_NEEDED` entries of an ELF.
fn names(bytes: &[u8]) -> Result<Vec<String>> {
    let header = elf::FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let Some((entries, link)) = sections.dynamic(endian, bytes)? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(endian, bytes, link)?;
    let mut names = Vec::new();
    for entry in entries.iter().filter(|entry| entry.d_tag(endian) == u64::from(elf::DT_NEEDED)) {
        names.push(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned());
    }
    Ok(names)
}

/// The interpreter that an ELF names: where the loader must lie.
pub(crate) fn interpreter(file: &Path) -> Result<Option<String>> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let header = elf::FileHeader64::<Endianness>::parse(&*bytes)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, &*bytes)? {
        if let Some(path) = segment.interpreter(endian, &*bytes)? {
            return Ok(Some(String::from_utf8_lossy(path).into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_needs_the_c_library() {
        let own = std::env::current_exe().unwrap();
        assert!(needed(&own).unwrap().iter().any(|name| name.starts_with("libc.")));
        assert!(interpreter(&own).unwrap().unwrap().contains("ld-"));
    }

    #[test]
    fn a_library_that_nobody_has_is_named() {
        let error = closure(&[], &[]).unwrap_err();
        assert!(error.to_string().contains(HIDDEN));
    }
}
