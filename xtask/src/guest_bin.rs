//! `cargo xtask guest`: the guest's PVH binary, and how any kernel of ours is built.

use crate::{shell, workspace};
use anyhow::{Context as _, Result, bail};
use cargo_metadata::Message;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const TARGET: &str = "x86_64-unknown-none";

/// A bare-metal binary. Its build script names its linker script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binary {
    /// The package.
    pub(crate) package: &'static str,
    /// The binary's name.
    pub(crate) name: &'static str,
    /// What the compiler is told beyond what the package says.
    pub(crate) flags: &'static [&'static str],
}

/// The guest: at a fixed place in the low 2 GiB.
pub(crate) const GUEST: Binary = Binary {
    package: "guest",
    name: "xen-guest",
    flags: &["-C", "relocation-model=static", "-C", "code-model=small", "-C", "panic=abort"],
};

/// Arguments of `guest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Builds the guest and prints its path as the last line.
pub(crate) fn run(_: &Args) -> Result<()> {
    let path = build(&GUEST)?;
    println!("{}", path.display());
    Ok(())
}

/// Builds a kernel and returns the path of its ELF.
pub(crate) fn build(binary: &Binary) -> Result<PathBuf> {
    let Binary { package, name, flags } = *binary;
    shell::need_target(TARGET)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace::root()?)
        .args(["build", "--release", "-p", package, "--bin", name, "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut running = cargo.spawn().context("cannot start cargo")?;
    let messages = running.stdout.take().context("cargo's output is not piped")?;
    let elf = executable(BufReader::new(messages), name)?;
    if !running.wait()?.success() {
        bail!("{package} did not build");
    }
    elf.with_context(|| format!("cargo built no {name}"))
}

/// The executable of this name among cargo's messages.
fn executable(messages: impl std::io::BufRead, name: &str) -> Result<Option<PathBuf>> {
    let mut found = None;
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == name
            && let Some(path) = artifact.executable
        {
            found = Some(path.into_std_path_buf());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_binary_is_linked_by_the_script_of_its_package() {
        for (folder, script) in [
            ("guest", "guest.ld"),
            ("examples/toy-kernel", "kernel.ld"),
            ("examples/async-guest", "../toy-kernel/kernel.ld"),
        ] {
            let folder = workspace::root().unwrap().join(folder);
            let told = std::fs::read_to_string(folder.join("build.rs")).unwrap();
            assert!(told.contains(&format!("-T{{folder}}/{script}")), "{script}");
            assert!(folder.join(script).is_file(), "{script}");
        }
    }

    #[test]
    fn the_executable_is_found_by_its_name() {
        let line = |name: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"p","manifest_path":"/m","target":{{"kind":["bin"],"crate_types":["bin"],"name":"{name}","src_path":"/s","edition":"2024"}},"profile":{{"opt_level":"3","debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":false}},"features":[],"filenames":[],"executable":"{file}","fresh":true}}"#
            )
        };
        let messages = [line("one", "/one"), line("two", "/two")].join("\n");
        let found = |name| executable(messages.as_bytes(), name).unwrap();
        assert_eq!([found("two"), found("three")], [Some(PathBuf::from("/two")), None]);
    }

    #[test]
    fn no_message_means_no_executable() {
        assert_eq!(executable(&b""[..], "one").unwrap(), None);
    }
}
