//! The rows of two threads, the front's and the back's.

use std::rc::Rc;

use anyhow::{Context as _, Result};
use core_affinity::CoreId;
use xen_benches::bounds::Line;
use xen_benches::c::{CBack, CFront, Compiled};
use xen_benches::duel::{Asker, Server};
use xen_benches::harness::partner::Partner;
use xen_benches::harness::placement;
use xen_benches::harness::report::{Report, Row};
use xen_benches::harness::sample::{Contender, Effort, Role, Work};
use xen_benches::page::page;
use xen_benches::wire::Block;
use xen_benches::{ours, queues, tokens};

/// What ours may take of the time of C.
const TARGET: f64 = 1.15;

/// The rows, by how many requests are on the way.
const ROWS: [(&str, u32); 2] = [("ping-pong", 1), ("batch 32", 32)];

/// Measures both placements.
pub(crate) fn rows(report: &mut Report, effort: &Effort) -> Result<()> {
    for (place, pair) in placement::both() {
        let names = ROWS.map(|(row, batch)| (format!("two threads, {row}, {place}"), batch));
        match pair {
            Ok([here, there]) => {
                core_affinity::set_for_current(here);
                for (name, batch) in names {
                    let figures = Work::measure(effort, || Ok(rings(there, batch))).with_context(|| name.clone())?;
                    let row = Row { name: &name, target: TARGET, bound: "a cache line there and back" };
                    report.time(&row, &figures);
                }
            }
            Err(why) => names.iter().for_each(|(name, _)| report.skip(name, &why)),
        }
    }
    Ok(())
}

type Ends = (Box<dyn Asker>, Box<dyn Server>);

/// Our ring beside all others.
fn rings(there: CoreId, batch: u32) -> Work<'static> {
    let beside = queues::all().into_iter().map(|(name, ends)| (Role::Beside(name), ends));
    let c = Compiled::ALL.map(|compiled| (Role::C(compiled.words()), c_ends(compiled)));
    let all = [(Role::Ours, our_ends()), (Role::Bound, Line::ends(batch))].into_iter().chain(c).chain(beside);
    let (askers, servers): (Vec<_>, Vec<_>) = all.map(|(role, (asker, server))| ((role, asker), server)).unzip();
    let partner = Rc::new(Partner::start(there, servers));
    let contenders = askers.into_iter().enumerate().map(|(at, (role, mut asker))| {
        let partner = Rc::clone(&partner);
        let run = move |rounds| partner.with(at, rounds * batch, || asker.rounds(rounds, batch));
        Contender { role, run: Box::new(run) }
    });
    Work { operations: batch, expected: tokens, contenders: contenders.collect() }
}

fn our_ends() -> Ends {
    let (front, back) = ours::pair::<Block, 32>();
    (Box::new(front), Box::new(back))
}

fn c_ends(compiled: Compiled) -> Ends {
    let page = page();
    let front = CFront::<Block>::starting_at(compiled, page, 0);
    (Box::new(front), Box::new(CBack::<Block>::starting_at(compiled, page, 0)))
}
