//! The rings: the rows of one thread, and the order of all of them.

mod code;
mod count;
mod patterns;
mod two;

use std::time::Instant;

use anyhow::{Context as _, Result};
use xen_benches::bytes::{OurBytes, SIZE, first_bytes};
use xen_benches::c::{Bound, CBack, CBytes, CFront, CWire, Compiled};
use xen_benches::duel::Phases;
use xen_benches::harness::Bench;
use xen_benches::harness::report::{Report, Row};
use xen_benches::harness::sample::{Contender, Effort, Role, Run, Work, nanos};
use xen_benches::page::page;
use xen_benches::wire::{Block, Small};
use xen_benches::{bounds, c, ours, tokens};

pub(crate) const BENCH: Bench = Bench {
    name: "ring",
    title: "xen-ring beside the C macros of Xen's public headers",
    rows: all,
    instructions: count::rows,
    work: count::work,
};

/// What bounds a row of whole slots.
const SLOTS: &str = "its copies and barriers, by the C compiler";

/// Measures everything that is measured in time.
fn all(report: &mut Report, effort: &Effort) -> Result<()> {
    for (name, batch, target) in [("block, batch 32", 32, 1.0), ("block, batch 1", 1, 1.1)] {
        let figures = Work::measure(effort, || Ok(slots::<Block, 32>(batch))).context(name)?;
        report.time(&Row { name, target, bound: SLOTS }, &figures);
    }
    let row = Row { name: "push with notify check", target: 1.05, bound: "a locked read-modify-write" };
    let clock = clock();
    report.time(&row, &Work::measure(effort, || Ok(push(clock))).context(row.name)?);
    code::row(report)?;
    let bound = "its copies";
    let row = Row { name: "bytes, 16 at a time", target: 0.7, bound };
    report.time(&row, &Work::measure(effort, bytes::<16>).context(row.name)?);
    let row = Row { name: "bytes, 1 KiB at a time", target: 1.6, bound };
    report.time(&row, &Work::measure(effort, bytes::<1024>).context(row.name)?);
    patterns::rows(report);
    two::rows(report, effort)
}

/// Requests there and back.
fn slots<P: CWire, const N: usize>(batch: u32) -> Work<'static> {
    let mut pair = ours::pair::<P, N>();
    let ours = move |rounds| ours::rounds(&mut pair, rounds, batch, batch).unwrap_or(u64::MAX);
    let c = Compiled::ALL.map(|compiled| {
        let mut pair = c_pair::<P>(compiled);
        Contender::new(Role::C(compiled.words()), move |rounds| c::rounds(&mut pair, rounds, batch, batch))
    });
    let bound = Compiled::ALL.map(|compiled| {
        let mut bound = Bound::new(compiled);
        Contender::new(Role::Bound, move |rounds| bound.rounds(rounds, batch))
    });
    let contenders = [Contender::new(Role::Ours, ours)].into_iter().chain(c).chain(bound).collect();
    Work { operations: batch, expected: tokens, contenders }
}

/// What an answer of 16 bytes costs that is staged and pushed by itself; all else of a round is left out of the time.
fn push(clock: f64) -> Work<'static> {
    const BATCH: u32 = 128;
    let c = Compiled::ALL.map(|compiled| pushes(Role::C(compiled.words()), BATCH, clock, c_pair::<Small>(compiled)));
    let bound = Contender::new(Role::Bound, |rounds| bounds::locked(rounds * BATCH));
    let mut contenders = vec![pushes(Role::Ours, BATCH, clock, ours::pair::<Small, 128>()), bound];
    contenders.extend(c);
    Work { operations: BATCH, expected: tokens, contenders }
}

fn pushes(role: Role, batch: u32, clock: f64, mut pair: impl Phases + 'static) -> Contender<'static> {
    let run = move |rounds| {
        let (mut sum, mut taken) = (0, 0.0);
        for _ in 0..rounds {
            pair.ask(batch);
            let held = pair.hold();
            let begin = Instant::now();
            pair.push_each();
            taken += nanos(begin.elapsed()) - clock;
            sum += if held == batch { pair.collect() } else { u64::MAX };
        }
        Run { nanos: taken, sum }
    };
    Contender { role, run: Box::new(run) }
}

/// Measures what it takes to read the clock.
fn clock() -> f64 {
    let mut taken: Vec<_> = (0..1001).map(|_| nanos(Instant::now().elapsed())).collect();
    taken.sort_by(f64::total_cmp);
    taken[taken.len() / 2]
}

/// Messages of `LEN` bytes, in and out again.
fn bytes<const LEN: usize>() -> Result<Work<'static>> {
    let mut ring = OurBytes::attach(page(), SIZE)?;
    let ours = move |rounds| ring.rounds::<LEN>(rounds).unwrap_or(u64::MAX);
    let c = Compiled::ALL.map(|compiled| {
        let mut ring = CBytes::attach(compiled, page(), SIZE);
        Contender::new(Role::C(compiled.words()), move |rounds| ring.rounds(rounds, LEN as u32))
    });
    let bound = Compiled::ALL
        .map(|compiled| Contender::new(Role::Bound, move |rounds| c::copies(compiled, rounds, LEN as u32)));
    let contenders = [Contender::new(Role::Ours, ours)].into_iter().chain(c).chain(bound).collect();
    Ok(Work { operations: 1, expected: |rounds, _| first_bytes(rounds), contenders })
}

pub(crate) fn c_pair<P: CWire>(compiled: Compiled) -> (CFront<P>, CBack<P>) {
    let page = page();
    let front = CFront::starting_at(compiled, page, 0);
    (front, CBack::starting_at(compiled, page, 0))
}
