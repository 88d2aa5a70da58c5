//! The rows: dispatch of events of both kinds up to the handler's call, and the late acknowledge.

use anyhow::{Context as _, Result, bail, ensure};
use xen_benches::bounds;
use xen_benches::c::{CEvents, Compiled};
use xen_benches::events::OurEvents;
use xen_benches::harness::count;
use xen_benches::harness::report::{Report, Row};
use xen_benches::harness::sample::{Contender, Effort, Role, Work};

/// How many events are pending: one, a word's worth, and all of the 2-level kind.
const FEW: u32 = 64;
const ALL: u32 = 4095;
/// The port that is acknowledged late.
const LATE: u64 = 65;

const BOUND: &str = "a locked read-modify-write each";

/// Measures everything that is measured in time.
pub(crate) fn all(report: &mut Report, effort: &Effort) -> Result<()> {
    for pending in [FEW, ALL] {
        let name = format!("2-level, {pending} pending");
        let figures = Work::measure(effort, || Ok(two_level(pending))).with_context(|| name.clone())?;
        report.time(&Row { name: &name, target: 0.45, bound: "a locked read-modify-write a word" }, &figures);
    }
    let row = Row { name: "late acknowledge", target: 1.05, bound: BOUND };
    report.time(&row, &Work::measure(effort, || Ok(late())).context(row.name)?);
    Ok(())
}

/// The sum of the ports from 1 on, as often.
fn ports(rounds: u32, pending: u32) -> u64 {
    let pending = u64::from(pending);
    u64::from(rounds) * (pending * (pending + 1) / 2)
}

fn two_level(pending: u32) -> Work<'static> {
    let mut ours = OurEvents::new();
    let ours = Contender::new(Role::Ours, move |rounds| ours.rounds(rounds, pending));
    let c = Compiled::ALL.map(|compiled| {
        let mut events = CEvents::new(compiled);
        Contender::new(Role::C(compiled.words()), move |rounds| events.two_level(rounds, pending))
    });
    let words = (pending + 1).div_ceil(64);
    let bound = Contender::new(Role::Bound, move |rounds| bounds::locked(rounds * words));
    Work { operations: pending, expected: ports, contenders: [ours, bound].into_iter().chain(c).collect() }
}

fn late() -> Work<'static> {
    let mut ours = OurEvents::new();
    let ours = Contender::new(Role::Ours, move |rounds| ours.late(rounds).unwrap_or(u64::MAX));
    let c = Compiled::ALL.map(|compiled| {
        let mut events = CEvents::new(compiled);
        Contender::new(Role::C(compiled.words()), move |rounds| events.late(rounds))
    });
    let bound = Contender::new(Role::Bound, |rounds| bounds::locked(rounds * 2));
    let expected = |rounds, _| u64::from(rounds) * LATE;
    Work { operations: 1, expected, contenders: [ours, bound].into_iter().chain(c).collect() }
}

/// What is counted: the row's name, and the word for `--work`.
const COUNTED: [(&str, &str); 1] = [("2-level, 1 pending", "one")];

/// Adds the rows that are counted.
pub(crate) fn instructions(report: &mut Report) -> Result<()> {
    for (name, work) in COUNTED {
        let name = format!("instructions: {name}");
        let each = |side| count::each(work, side, 1);
        let (Some(ours), Some(c)) = (each("ours")?, each("c")?) else {
            report.needs(&name, "valgrind")?;
            continue;
        };
        let ratio = ours / c;
        let what = format!("{ratio:5.2} × C, target ≤ 1.05; {ours:.1} an event, C {c:.1} (-O2)");
        report.row(&name, &what, (ratio <= 1.05).into());
    }
    Ok(())
}

/// Does the work of one row, so that somebody else can count.
pub(crate) fn work(words: &[String]) -> Result<()> {
    let [work, side, rounds] = words else { bail!("a row, a side and a number of rounds") };
    let rounds = rounds.parse()?;
    let sum = match (work.as_str(), side.as_str()) {
        ("one", "ours") => OurEvents::new().rounds(rounds, 1),
        ("one", _) => CEvents::new(Compiled::O2).two_level(rounds, 1),
        _ => bail!("no row {work}"),
    };
    ensure!(sum == ports(rounds, 1), "a wrong sum");
    Ok(())
}
