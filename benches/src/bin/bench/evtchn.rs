//! The rows: dispatch of events of both kinds up to the handler's call, and the late acknowledge.

use anyhow::{Context as _, Result, bail, ensure};
use xen_benches::bounds;
use xen_benches::c::{CEvents, Compiled};
use xen_benches::events::OurEvents;
use xen_benches::harness::report::{Report, Row};
use xen_benches::harness::sample::{Contender, Effort, Role, Work};
use xen_benches::harness::{Bench, count};
use xen_evtchn::Abi;

pub(crate) const BENCH: Bench = Bench {
    name: "evtchn",
    title: "xen-evtchn beside the usual way to dispatch events, in C",
    rows: all,
    instructions,
    work,
};

/// How many events are pending: a word's worth, and all that the 2-level kind has.
const FEW: u32 = 64;
const MANY: u32 = 4095;
/// The port that is acknowledged late.
const LATE: u64 = 65;

/// What the dispatch of either kind may take of the usual way's time.
const KINDS: [(Kind, f64); 2] = [(Kind::TwoLevel, 0.45), (Kind::Fifo, 0.6)];

/// How events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    TwoLevel,
    Fifo,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::TwoLevel => "2-level",
            Self::Fifo => "FIFO",
        }
    }

    const fn abi(self) -> Abi {
        match self {
            Self::TwoLevel => Abi::TwoLevel,
            Self::Fifo => Abi::Fifo,
        }
    }

    fn ours(self, pending: u32) -> impl FnMut(u32) -> u64 {
        let mut events = OurEvents::new(self.abi());
        move |rounds| match self {
            Self::TwoLevel => events.two_level(rounds, pending),
            Self::Fifo => events.fifo(rounds, pending),
        }
    }

    fn c(self, compiled: Compiled, pending: u32) -> impl FnMut(u32) -> u64 {
        let mut events = CEvents::new(compiled);
        move |rounds| match self {
            Self::TwoLevel => events.two_level(rounds, pending),
            Self::Fifo => events.fifo(rounds, pending),
        }
    }

    /// Locked instructions that so many events need: one a word of bits, or one an event.
    const fn locked(self, pending: u32) -> u32 {
        match self {
            Self::TwoLevel => (pending + 1).div_ceil(64),
            Self::Fifo => pending,
        }
    }
}

/// Measures everything that is measured in time.
fn all(report: &mut Report, effort: &Effort) -> Result<()> {
    for (kind, target) in KINDS {
        for pending in [FEW, MANY] {
            let name = format!("{}, {pending} pending", kind.name());
            let figures = Work::measure(effort, || Ok(dispatch(kind, pending))).with_context(|| name.clone())?;
            report.time(&Row { name: &name, target, bound: "its locked read-modify-writes" }, &figures);
        }
    }
    let row = Row { name: "late acknowledge", target: 1.05, bound: "two locked read-modify-writes" };
    report.time(&row, &Work::measure(effort, || Ok(late())).context(row.name)?);
    Ok(())
}

/// The sum of the ports from 1 on, as often.
fn ports(rounds: u32, pending: u32) -> u64 {
    let pending = u64::from(pending);
    u64::from(rounds) * (pending * (pending + 1) / 2)
}

fn dispatch(kind: Kind, pending: u32) -> Work<'static> {
    let ours = Contender::new(Role::Ours, kind.ours(pending));
    let c = Compiled::ALL.map(|compiled| Contender::new(Role::C(compiled.words()), kind.c(compiled, pending)));
    let bound = Contender::new(Role::Bound, move |rounds| bounds::locked(rounds * kind.locked(pending)));
    Work { operations: pending, expected: ports, contenders: [ours, bound].into_iter().chain(c).collect() }
}

fn late() -> Work<'static> {
    let mut ours = OurEvents::new(Abi::TwoLevel);
    let ours = Contender::new(Role::Ours, move |rounds| ours.late(rounds).unwrap_or(u64::MAX));
    let c = Compiled::ALL.map(|compiled| {
        let mut events = CEvents::new(compiled);
        Contender::new(Role::C(compiled.words()), move |rounds| events.late(rounds))
    });
    let bound = Contender::new(Role::Bound, |rounds| bounds::locked(rounds * 2));
    let expected = |rounds, _| u64::from(rounds) * LATE;
    Work { operations: 1, expected, contenders: [ours, bound].into_iter().chain(c).collect() }
}

/// What is counted, and the word for `--work`.
const COUNTED: [(Kind, &str); 2] = [(Kind::TwoLevel, "two-level"), (Kind::Fifo, "fifo")];

/// Adds the rows that are counted: one event, with the beginning and the end of its upcall.
fn instructions(report: &mut Report) -> Result<()> {
    for (kind, work) in COUNTED {
        let name = format!("instructions: {}, 1 pending", kind.name());
        let each = |side| count::each(report, (work, side), 1);
        let (Some(ours), Some(c), Some(checked)) = (each("ours")?, each("c")?, each("checked")?) else {
            report.needs(&name, "valgrind")?;
            continue;
        };
        let ratio = ours / c;
        let what = format!(
            "{ratio:5.2} × C, target ≤ 1.05; {ours:.1} an event, C {c:.1} (-O2), and {checked:.1} with our checks"
        );
        report.row(&name, &what, (ratio <= 1.05).into());
    }
    Ok(())
}

/// Does the work of one row, so that somebody else can count.
fn work(words: &[String]) -> Result<()> {
    let [work, side, rounds] = words else { bail!("a row, a side and a number of rounds") };
    let rounds = rounds.parse()?;
    let Some((kind, _)) = COUNTED.iter().find(|(_, word)| word == work) else { bail!("no row {work}") };
    let sum = match side.as_str() {
        "ours" => kind.ours(1)(rounds),
        "checked" => kind.c(Compiled::Checked, 1)(rounds),
        _ => kind.c(Compiled::O2, 1)(rounds),
    };
    ensure!(sum == ports(rounds, 1), "a wrong sum");
    Ok(())
}
