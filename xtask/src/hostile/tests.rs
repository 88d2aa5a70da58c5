//! The tests that stand for rows: found by their names, and run by themselves.

use anyhow::{Context as _, Result, bail};
use cargo_metadata::Message;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A built program of tests.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) target: String,
    path: PathBuf,
    folder: PathBuf,
    pub(super) names: Vec<String>,
}

/// How long the tests of a program may take: without a check, some would not end.
const PATIENCE: Duration = Duration::from_secs(300);
/// Has models, which are run by `cargo xtask loom`.
const LOOM: &str = "loom";

/// Builds the test programs of a crate in a copy of the workspace, and lists their tests; `None` if it does not build.
pub(super) fn build(root: &Path, package: &str) -> Result<Option<Vec<Program>>> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["test", "--no-run", "--quiet", "--message-format=json", "-p", package]);
    command.args(["--lib", "--tests"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("cargo does not start")?;
    let output = child.stdout.take().context("no output")?;
    let mut programs = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let (Some(path), true) = (artifact.executable, artifact.profile.test) else { continue };
        if artifact.target.name == LOOM {
            continue;
        }
        let folder = artifact.manifest_path.parent().context("a crate has a folder")?.to_path_buf().into_std_path_buf();
        let target = artifact.target.name;
        programs.push(Program { target, path: path.into_std_path_buf(), folder, names: Vec::new() });
    }
    if !child.wait()?.success() {
        return Ok(None);
    }
    programs.iter_mut().try_for_each(Program::list)?;
    Ok(Some(programs))
}

impl Program {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).args(words).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        command
    }

    fn list(&mut self) -> Result<()> {
        let listed = self.command(&["--list", "--format", "terse"]).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        self.names = listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
        Ok(())
    }

    /// Runs these tests and tells of each whether it passed; one of which nothing is heard did not.
    pub(super) fn run(&self, names: &[&str]) -> Result<BTreeMap<String, bool>> {
        let mut said = tempfile::tempfile()?;
        let mut command = self.command(&["--exact"]);
        command.args(names).stdout(said.try_clone()?).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("{} does not start", self.path.display()))?;
        let begin = Instant::now();
        while child.try_wait()?.is_none() {
            if begin.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut text = String::new();
        std::io::Seek::rewind(&mut said)?;
        std::io::Read::read_to_string(&mut said, &mut text)?;
        Ok(names.iter().map(|name| ((*name).to_owned(), passed(&text, name))).collect())
    }
}

/// Whether the harness says so.
fn passed(said: &str, name: &str) -> bool {
    let line = format!("test {name} ... ok");
    let panics = format!("test {name} - should panic ... ok");
    said.lines().any(|said| said == line || said == panics)
}

/// The rows that a test stands for: `r01_r02_what_it_shows`.
pub(super) fn rows(name: &str) -> impl Iterator<Item = String> {
    let last = name.rsplit("::").next().unwrap_or_default();
    let is_row = |word: &&str| {
        let mut letters = word.chars();
        matches!(letters.next(), Some('r' | 'c' | 'b' | 'n' | 'k' | 'g' | 'e' | 's'))
            && word.len() == 3
            && letters.all(|digit| digit.is_ascii_digit())
    };
    last.split('_').take_while(is_row).map(str::to_uppercase)
}

/// What a test shows, without the rows.
pub(super) fn title(name: &str) -> String {
    let last = name.rsplit("::").next().unwrap_or_default();
    last.split('_').skip(rows(name).count()).collect::<Vec<_>>().join(" ")
}

/// Fails if a test stands for a row that there is not, in any catalogue.
pub(super) fn known(programs: &[Program], is_row: impl Fn(&str) -> bool) -> Result<()> {
    for program in programs {
        for name in &program.names {
            if let Some(unknown) = rows(name).find(|id| !is_row(id)) {
                bail!("{} {name}: {unknown} is in no catalogue", program.target);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod self_tests {
    use super::*;

    #[test]
    fn names_say_which_rows_are_meant() {
        let of = |name: &str| rows(name).collect::<Vec<_>>();
        assert_eq!(of("a::r01_c15_it_is_so"), ["R01", "C15"]);
        assert_eq!(title("a::r01_c15_it_is_so"), "it is so");
        assert!(of("it_r01").is_empty() && of("q01_x").is_empty() && of("r1_x").is_empty());
    }

    #[test]
    fn what_is_not_heard_of_did_not_pass() {
        let said = "test a ... ok\ntest b ... FAILED\ntest c - should panic ... ok\ntest ab ... ok\n";
        assert!(passed(said, "a") && passed(said, "c"));
        assert!(!passed(said, "b") && !passed(said, "d"));
    }
}
