//! The rows of xen-store that need no daemon: its codec beside one in C, what connecting takes, and memory.

mod connect;
mod memory;

use anyhow::{Context as _, Result, bail, ensure};
use xen_benches::bounds;
use xen_benches::c::{CStore, Compiled};
use xen_benches::harness::report::{Report, Row};
use xen_benches::harness::sample::{Contender, Effort, Role, Work};
use xen_benches::harness::{Bench, count};
use xen_benches::store::{Exchange, OurCodec, OurSession};

pub(crate) const BENCH: Bench =
    Bench { name: "store", title: "xen-store's codec beside one in C", rows: all, instructions, work };

/// The request and its answer, the row's name, the word for `--work`, and the sum that so many rounds come to.
struct Kind {
    exchange: fn() -> Exchange,
    name: &'static str,
    word: &'static str,
    expected: fn(u32, u32) -> u64,
}

const KINDS: [Kind; 3] = [
    Kind {
        exchange: Exchange::read,
        name: "READ of 35 bytes",
        word: "read",
        expected: |rounds, _| u64::from(rounds) * Exchange::read().token(),
    },
    Kind {
        exchange: Exchange::write,
        name: "WRITE of 35 bytes",
        word: "write",
        expected: |rounds, _| u64::from(rounds) * Exchange::write().token(),
    },
    Kind {
        exchange: Exchange::directory,
        name: "DIRECTORY of 16 children",
        word: "directory",
        expected: |rounds, _| u64::from(rounds) * Exchange::directory().token(),
    },
];

/// What ours may take of C's time, and of C's instructions.
const TARGET: f64 = 1.1;

/// Measures everything that is measured in time.
fn all(report: &mut Report, effort: &Effort) -> Result<()> {
    for kind in &KINDS {
        let name = format!("encode and decode: {}", kind.name);
        let figures = Work::measure(effort, || Ok(codec(kind))).with_context(|| name.clone())?;
        report.time(&Row { name: &name, target: TARGET, bound: "a copy of the answer there and back" }, &figures);
    }
    connect::rows(report)?;
    memory::rows(report);
    Ok(())
}

fn codec(kind: &Kind) -> Work<'static> {
    let exchange = (kind.exchange)();
    let mut ours = OurCodec::new(exchange.clone());
    let mut session = OurSession::new(exchange.clone());
    let mut contenders = vec![
        Contender::new(Role::Ours, move |rounds| ours.rounds(rounds).unwrap_or(u64::MAX)),
        Contender::new(Role::Beside("within a session"), move |rounds| session.rounds(rounds).unwrap_or(u64::MAX)),
    ];
    for compiled in Compiled::ALL {
        let mut codec = CStore::new(compiled, exchange.clone());
        contenders.push(Contender::new(Role::C(compiled.words()), move |rounds| codec.rounds(rounds)));
    }
    let (len, mut room) = (exchange.answer_len, [[0; 256]; 2]);
    let bound = move |rounds| (0..rounds).map(|_| bounds::copies(&mut room, len)).sum();
    contenders.push(Contender::new(Role::Bound, bound));
    let mut checked = CStore::new(Compiled::Checked, exchange);
    contenders.push(Contender::new(Role::Beside("C with our checks"), move |rounds| checked.rounds(rounds)));
    Work { operations: 1, expected: kind.expected, contenders }
}

/// Adds the rows that are counted.
fn instructions(report: &mut Report) -> Result<()> {
    for Kind { name, word, .. } in KINDS {
        let name = format!("instructions: {name}");
        let each = |side| count::each(report, (word, side), 1);
        let (Some(ours), Some(c), Some(checked)) = (each("ours")?, each("c")?, each("checked")?) else {
            report.needs(&name, "valgrind")?;
            continue;
        };
        let ratio = ours / c;
        let what = format!(
            "{ratio:5.2} × C, target ≤ {TARGET:.2}; {ours:.1} a request and its answer, C {c:.1} (-O2), and {checked:.1} with our checks"
        );
        report.row(&name, &what, (ratio <= TARGET).into());
    }
    Ok(())
}

/// Does the work of one of those, so that somebody else can count.
fn work(words: &[String]) -> Result<()> {
    let [work, side, rounds] = words else { bail!("a row, a side and a number of rounds") };
    let rounds = rounds.parse()?;
    let Some(kind) = KINDS.iter().find(|kind| kind.word == work) else { bail!("no row {work}") };
    let exchange = (kind.exchange)();
    let sum = match side.as_str() {
        "ours" => OurCodec::new(exchange).rounds(rounds)?,
        "session" => OurSession::new(exchange).rounds(rounds)?,
        "checked" => CStore::new(Compiled::Checked, exchange).rounds(rounds),
        _ => CStore::new(Compiled::O2, exchange).rounds(rounds),
    };
    ensure!(sum == (kind.expected)(rounds, 1), "a wrong sum");
    Ok(())
}
