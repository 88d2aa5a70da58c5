//! Instructions, counted by callgrind: the difference of two lengths of a run, without the start of the program.

use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use xen_benches::c::{self, CWire, Compiled};
use xen_benches::wire::{Block, Small};
use xen_benches::{ours, tokens};

use crate::report::Report;
use crate::rows::c_pair;

/// What is counted: the row's name, the word for `--work`, and how much of C's number may be ours.
const ROWS: [(&str, &str, f64); 2] = [("block, batch 32", "block", 1.1), ("16-byte slots, batch 32", "small", 1.1)];
const BATCH: u32 = 32;
/// Rounds of the shorter and of the longer run.
const LENGTHS: [u32; 2] = [1000, 3000];

/// Adds the rows.
pub(crate) fn rows(report: &mut Report) -> Result<()> {
    for (name, work, target) in ROWS {
        let name = format!("instructions: {name}");
        let (Some(ours), Some(c), Some(checked)) = (each(work, "ours")?, each(work, "c")?, each(work, "checked")?)
        else {
            report.needs(&name, "valgrind")?;
            continue;
        };
        let ratio = ours / c;
        let what = format!(
            "{ratio:5.2} × C, target ≤ {target:.2}; {ours:.1} a request, C {c:.1} (-O2), and {checked:.1} with our checks"
        );
        report.row(&name, &what, (ratio <= target).into());
    }
    Ok(())
}

/// Counts the instructions of a request; `None` without valgrind.
fn each(work: &str, side: &str) -> Result<Option<f64>> {
    let [short, long] = LENGTHS;
    let (Some(less), Some(more)) = (total(work, side, short)?, total(work, side, long)?) else { return Ok(None) };
    ensure!(more > less, "a longer run of {work} by {side} has no more instructions");
    Ok(Some((more - less) as f64 / f64::from((long - short) * BATCH)))
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

/// Does the work of one row, so that somebody else can count.
pub(crate) fn work(words: &[String]) -> Result<()> {
    let [work, side, rounds] = words else { bail!("a row, a side and a number of rounds") };
    let rounds = rounds.parse()?;
    let sum = match work.as_str() {
        "block" => one::<Block, 32>(side, rounds),
        "small" => one::<Small, 128>(side, rounds),
        _ => bail!("no row {work}"),
    };
    ensure!(sum == tokens(rounds, BATCH), "a wrong sum");
    Ok(())
}

fn one<P: CWire, const N: usize>(side: &str, rounds: u32) -> u64 {
    let compiled = match side {
        "ours" => return ours::rounds(&mut ours::pair::<P, N>(), rounds, BATCH, BATCH).unwrap_or(u64::MAX),
        "checked" => Compiled::Checked,
        _ => Compiled::O2,
    };
    c::rounds(&mut c_pair::<P>(compiled), rounds, BATCH, BATCH)
}
