//! Instructions, counted by callgrind: the difference of two lengths of a run, without the start of the program.

use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Rounds of the shorter and of the longer run.
const LENGTHS: [u32; 2] = [1000, 3000];

/// Counts the instructions of one operation of this program's `--work WORK SIDE ROUNDS`; `None` without valgrind.
///
/// # Errors
/// If the program fails, or valgrind says nothing.
pub fn each(work: &str, side: &str, operations: u32) -> Result<Option<f64>> {
    let [short, long] = LENGTHS;
    let (Some(less), Some(more)) = (total(work, side, short)?, total(work, side, long)?) else { return Ok(None) };
    ensure!(more > less, "a longer run of {work} by {side} has no more instructions");
    Ok(Some((more - less) as f64 / (f64::from(long - short) * f64::from(operations))))
}

fn total(work: &str, side: &str, rounds: u32) -> Result<Option<u64>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let done = match command.args(["--work", work, side, &rounds.to_string()]).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let words = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "valgrind: {words}");
    let line = words.lines().find_map(|line| line.split_once("Collected : "));
    let (_, number) = line.with_context(|| format!("callgrind tells no number: {words}"))?;
    Ok(Some(number.trim().parse()?))
}
