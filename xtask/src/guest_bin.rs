//! `cargo xtask guest`: the guest's PVH binary.

use crate::{shell, workspace};
use anyhow::{Context as _, Result, bail};
use cargo_metadata::Message;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const TARGET: &str = "x86_64-unknown-none";
const BIN: &str = "xen-guest";

/// Arguments of `guest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Builds the guest and prints its path as the last line.
pub(crate) fn run(_: &Args) -> Result<()> {
    let path = build()?;
    println!("{}", path.display());
    Ok(())
}

/// Builds the guest and returns the path of its ELF.
pub(crate) fn build() -> Result<PathBuf> {
    shell::need_target(TARGET)?;
    let root = workspace::root()?;
    let script = root.join("guest").join("guest.ld");
    if !script.is_file() {
        bail!("no guest/guest.ld: the guest's linker script");
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&root)
        .args(["build", "--release", "-p", "guest", "--bin", BIN, "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&script.display().to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut running = cargo.spawn().context("cannot start cargo")?;
    let messages = running.stdout.take().context("cargo's output is not piped")?;
    let elf = executable(BufReader::new(messages))?;
    if !running.wait()?.success() {
        bail!("the guest did not build");
    }
    elf.with_context(|| format!("cargo built no {BIN}"))
}

/// Flags of the guest's binary: a fixed place in the low 2 GiB, our own layout, no build id.
fn rustflags(script: &str) -> String {
    let link = format!("link-arg=-T{script}");
    [
        "-C",
        "relocation-model=static",
        "-C",
        "code-model=small",
        "-C",
        "panic=abort",
        "-C",
        &link,
        "-C",
        "link-arg=--build-id=none",
    ]
    .join("\u{1f}")
}

/// The guest's executable among cargo's messages.
fn executable(messages: impl std::io::BufRead) -> Result<Option<PathBuf>> {
    let mut found = None;
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == BIN
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
    fn flags_hold_the_linker_script() {
        assert!(rustflags("a b/guest.ld").contains("\u{1f}link-arg=-Ta b/guest.ld\u{1f}"));
    }

    #[test]
    fn no_message_means_no_executable() {
        assert_eq!(executable(&b""[..]).unwrap(), None);
    }
}
