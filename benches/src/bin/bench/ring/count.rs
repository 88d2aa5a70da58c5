//! What is counted in instructions.

use anyhow::{Result, bail, ensure};
use xen_benches::c::{self, CWire, Compiled};
use xen_benches::harness::count::each;
use xen_benches::harness::report::Report;
use xen_benches::wire::{Block, Small};
use xen_benches::{ours, tokens};

use super::c_pair;

/// The row's name, the word for `--work`, and how much of C's number may be ours.
const ROWS: [(&str, &str, f64); 2] = [("block, batch 32", "block", 1.1), ("16-byte slots, batch 32", "small", 1.1)];
const BATCH: u32 = 32;

/// Adds the rows.
pub(crate) fn rows(report: &mut Report) -> Result<()> {
    for (name, work, target) in ROWS {
        let name = format!("instructions: {name}");
        let each = |side| each(report, (work, side), BATCH);
        let (Some(ours), Some(c), Some(checked)) = (each("ours")?, each("c")?, each("checked")?) else {
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
