//! Instructions, counted by callgrind: the difference of two lengths of a run, without the start of the program.

use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::report::Report;

/// Rounds of the shorter and of the longer run.
const LENGTHS: [u32; 2] = [1000, 3000];

/// Counts the instructions of one operation of a row of the report's benchmark, as `--work ROW SIDE ROUNDS` does it; `None`
/// without valgrind.
///
/// # Errors
/// If the program fails, or valgrind says nothing.
pub fn each(report: &Report, (row, side): (&str, &str), operations: u32) -> Result<Option<f64>> {
    let [short, long] = LENGTHS;
    let total = |rounds: u32| total([report.name, "--work", row, side, &rounds.to_string()]);
    let (Some(less), Some(more)) = (total(short)?, total(long)?) else { return Ok(None) };
    ensure!(more > less, "a longer run of {row} by {side} has no more instructions");
    Ok(Some((more - less) as f64 / (f64::from(long - short) * f64::from(operations))))
}

/// Counts all instructions of this program with these arguments.
fn total(words: [&str; 5]) -> Result<Option<u64>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let done = match command.args(words).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let words = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "valgrind: {words}");
    let line = words.lines().find_map(|line| line.split_once("Collected : "));
    let (_, number) = line.with_context(|| format!("callgrind tells no number: {words}"))?;
    Ok(Some(number.trim().parse()?))
}
