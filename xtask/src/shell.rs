//! Calling other programs.

use anyhow::{Context as _, Result, bail};
use std::io::ErrorKind;
use std::process::{Command, Stdio};

/// Runs `command` to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = name_of(command);
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(&name, &error))
        .with_context(|| format!("cannot run {name}"))?;
    if !done.status.success() {
        bail!("{name}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Fails, saying what to install, unless `program` can be started.
pub(crate) fn require(program: &str) -> Result<()> {
    let tried = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.map(|_| ()).map_err(|error| missing(program, &error))
}

/// Adds a target where `rustup` says that it is missing.
pub(crate) fn need_target(target: &str) -> Result<()> {
    let Ok(list) = Command::new("rustup").args(["target", "list", "--installed"]).output() else {
        return Ok(()); // no rustup: cargo itself will say what is missing
    };
    if String::from_utf8_lossy(&list.stdout).lines().any(|line| line.trim() == target) {
        return Ok(());
    }
    output(Command::new("rustup").args(["target", "add", target]))
        .with_context(|| format!("the target {target} is not installed and rustup could not add it"))?;
    Ok(())
}

/// A start that failed, with the package that would have helped.
pub(crate) fn missing(program: &str, error: &std::io::Error) -> anyhow::Error {
    if error.kind() != ErrorKind::NotFound {
        return anyhow::anyhow!("{program}: {error}");
    }
    let hint = match program {
        "qemu-system-x86_64" => "install it: apt-get install qemu-system-x86",
        "apt-get" | "apt-cache" => {
            "the packages of Xen come from a Debian or Ubuntu system; run there, or in a container of one"
        }
        "dpkg-deb" => "install it: apt-get install dpkg",
        "rustup" => "install it, or add the x86_64-unknown-none target of your toolchain by other means",
        _ => "install it",
    };
    anyhow::anyhow!("{program} is not here; {hint}")
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let gone = std::io::Error::from(ErrorKind::NotFound);
        assert!(missing("qemu-system-x86_64", &gone).to_string().contains("qemu-system-x86"));
        assert!(require("no-such-program-at-all").is_err());
    }

    #[test]
    fn a_failing_program_hands_over_its_words() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
    }
}
