//! The rows: one thread, and two that share the table.

use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};
use core_affinity::CoreId;
use xen_benches::bounds;
use xen_benches::c::{CGrants, Compiled};
use xen_benches::duel::Server;
use xen_benches::grants::{OurGrants, table};
use xen_benches::harness::partner::Partner;
use xen_benches::harness::report::{Report, Row};
use xen_benches::harness::sample::{Contender, Effort, Role, Work};
use xen_benches::harness::{Bench, count, placement};
use xen_benches::tokens;

pub(crate) const BENCH: Bench = Bench {
    name: "grant",
    title: "xen-grant beside references in a list under a lock, in C",
    rows: all,
    instructions,
    work,
};

/// Grants in use at a time.
const BATCH: u32 = 32;
/// Entries of a table.
const ENTRIES: u32 = 512;
/// What ending an access cannot do without: it must not come between a peer's look at the flags and its mark there.
const BOUND: &str = "a locked read-modify-write";

/// Measures everything that is measured in time.
fn all(report: &mut Report, effort: &Effort) -> Result<()> {
    for (name, batch) in [("offer and end, 32 at a time", BATCH), ("offer and end, one at a time", 1)] {
        let figures = Work::measure(effort, || Ok(alone(batch))).context(name)?;
        report.time(&Row { name, target: 0.45, bound: BOUND }, &figures);
    }
    for (place, pair) in placement::both() {
        let name = format!("two threads, {place}");
        match pair {
            Ok([here, there]) => {
                core_affinity::set_for_current(here);
                let figures = Work::measure(effort, || Ok(together(there))).with_context(|| name.clone())?;
                report.time(&Row { name: &name, target: 0.1, bound: BOUND }, &figures);
            }
            Err(why) => report.skip(&name, &why),
        }
    }
    Ok(())
}

/// One thread.
fn alone(batch: u32) -> Work<'static> {
    let mut ours = OurGrants::new(table());
    let ours = Contender::new(Role::Ours, move |rounds| ours.rounds(rounds, batch).unwrap_or(u64::MAX));
    let c = Compiled::ALL.map(|compiled| {
        let grants = CGrants::new(compiled, ENTRIES);
        Contender::new(Role::C(compiled.words()), move |rounds| grants.rounds(rounds, batch))
    });
    let bound = Contender::new(Role::Bound, move |rounds| bounds::locked(rounds * batch));
    Work { operations: batch, expected: tokens, contenders: [ours, bound].into_iter().chain(c).collect() }
}

/// A thread does what the other does, on the same table.
fn together(there: CoreId) -> Work<'static> {
    let table = table();
    let mut ours = OurGrants::new(table);
    let mut all: Vec<(Role, Rounds)> =
        vec![(Role::Ours, Box::new(move |rounds| ours.rounds(rounds, BATCH).unwrap_or(u64::MAX)))];
    let mut servers: Vec<Box<dyn Server>> = vec![Box::new(Ours(OurGrants::new(table)))];
    all.push((Role::Bound, Box::new(|rounds| bounds::locked(rounds * BATCH))));
    servers.push(Box::new(Locked));
    for compiled in Compiled::ALL {
        let grants = CGrants::new(compiled, ENTRIES);
        all.push((Role::C(compiled.words()), Box::new(move |rounds| grants.rounds(rounds, BATCH))));
        servers.push(Box::new(C(grants)));
    }
    let partner = Rc::new(Partner::start(there, servers));
    let contenders = all.into_iter().enumerate().map(|(at, (role, mut rounds))| {
        let partner = Rc::clone(&partner);
        Contender { role, run: Box::new(move |count| partner.with(at, count, || rounds(count))) }
    });
    Work { operations: BATCH, expected: tokens, contenders: contenders.collect() }
}

type Rounds = Box<dyn FnMut(u32) -> u64>;

struct Ours(OurGrants);

impl Server for Ours {
    fn serve(&mut self, count: u32) {
        assert!(self.0.rounds(count, BATCH).is_some(), "the other thread is refused");
    }
}

struct C(CGrants);

impl Server for C {
    fn serve(&mut self, count: u32) {
        assert_ne!(self.0.rounds(count, BATCH), u64::MAX, "the other thread is refused");
    }
}

struct Locked;

impl Server for Locked {
    fn serve(&mut self, count: u32) {
        std::hint::black_box(bounds::locked(count * BATCH));
    }
}

/// Adds the row that is counted.
fn instructions(report: &mut Report) -> Result<()> {
    let name = "instructions: offer and end";
    let each = |side| count::each(report, ("offer", side), BATCH);
    let (Some(ours), Some(c)) = (each("ours")?, each("c")?) else { return report.needs(name, "valgrind") };
    let ratio = ours / c;
    // C has three locked instructions a page, ours one: this row shows what is paid for that and for the checks.
    let what = format!("{ratio:5.2} × C, target ≤ 1.05; {ours:.1} a page, C {c:.1} (-O2)");
    report.row(name, &what, (ratio <= 1.05).into());
    Ok(())
}

/// Does the work of that row, so that somebody else can count.
fn work(words: &[String]) -> Result<()> {
    let [work, side, rounds] = words else { bail!("a row, a side and a number of rounds") };
    ensure!(work == "offer", "no row {work}");
    let rounds = rounds.parse()?;
    let sum = match side.as_str() {
        "ours" => OurGrants::new(table()).rounds(rounds, BATCH).unwrap_or(u64::MAX),
        _ => CGrants::new(Compiled::O2, ENTRIES).rounds(rounds, BATCH),
    };
    ensure!(sum == tokens(rounds, BATCH), "a wrong sum");
    Ok(())
}
