//! How many reads a second a daemon serves: to our client over the ring, in a pipeline and one by one, and to libxenstore over
//! the socket.

use super::daemon::Daemon;
use super::domain::Domain;
use super::hands::Hands;
use crate::xen::plan;
use anyhow::{Context as _, Result, bail, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;
use xen_hypercall::DomId;
use xen_sim::store_suite::FarEnd as _;
use xen_store::{Core, Nodes as _, Path, Reply, Request, Requests, Store, StoreError};

/// The reader by libxenstore.
const SERIAL: &str = include_str!("../../xenstored/serial.c");
/// The guest, and the node that everybody reads.
const GUEST: DomId = DomId(1);
const NODE: &str = "data/node";
const VALUE: &[u8] = b"/local/domain/0/backend/vbd/1/51712";
/// Reads of a sample.
const READS: usize = 1000;
/// Requests in flight: what the C xenstored lets a guest have by default (`quota-outstanding`).
const IN_FLIGHT: usize = 20;
/// Requests that one event must be enough for.
const PER_EVENT: f64 = 16.0;

type Guest<'a> = Store<'a, &'a Domain, IN_FLIGHT, 0>;

/// Measures one daemon, and prints its rows. Returns how many are short of their targets.
pub(super) fn run(daemon: &Daemon, samples: usize) -> Result<usize> {
    let word = daemon.kind().word();
    if cfg!(debug_assertions) {
        println!("{word}: skipped: this is no release build, which `cargo xtask bench store` makes");
        return Ok(0);
    }
    let (domain, mut hands) = Hands::with_guest(daemon, GUEST)?;
    hands.write(NODE, VALUE);
    hands.set_permissions(NODE, &["n0".into(), format!("r{GUEST}")]);
    let mut core = Box::new(Core::new());
    let mut store = Guest::attach(domain.page(), &mut core, &domain)?;
    let mut library = Library::start(daemon)?;
    let (mut beside_library, mut beside_serial, mut events) = (Vec::new(), Vec::new(), 0);
    for _ in 0..samples {
        let sent = domain.sent();
        let piped = pipelined(&mut store)?;
        events += domain.sent() - sent;
        // The same work by both, before and after: the machine's moods cancel out.
        beside_library.push(library.reads(READS)? / piped);
        beside_serial.push(one_by_one(&mut store)? / pipelined(&mut store)?);
    }
    let per_event = (samples * READS) as f64 / events as f64;
    let mut short = row(daemon, "beside libxenstore, one by one over the socket", (&mut beside_library, 1.0));
    short += row(daemon, "beside our own one by one over the ring", (&mut beside_serial, 1.3));
    let word = verdict(daemon, (per_event, PER_EVENT));
    let name = format!("{}: requests an event sent", daemon.kind().word());
    println!("{name:<58} {per_event:5.1}, target ≥ {PER_EVENT:.0}  {word}");
    Ok(short + usize::from(word == SHORT))
}

const SHORT: &str = "short";

/// Judges a figure by its target; the daemon in OCaml is reported only.
fn verdict(daemon: &Daemon, (figure, target): (f64, f64)) -> &'static str {
    match daemon.kind() {
        plan::Daemon::Ocaml => "reported",
        plan::Daemon::C if figure >= target => "ok",
        plan::Daemon::C => SHORT,
    }
}

/// Prints by how much the pipeline is faster, and returns 1 if that is too little.
fn row(daemon: &Daemon, what: &str, (ratios, target): (&mut Vec<f64>, f64)) -> usize {
    ratios.sort_by(f64::total_cmp);
    let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
    let [low, middle, high] = [at(1), at(2), at(3)];
    let word = verdict(daemon, (middle, target));
    let name = format!("{}: {READS} reads in a pipeline, {what}", daemon.kind().word());
    println!("{name:<58} {middle:5.2} ×, target ≥ {target:.1}, quartiles {low:.2} to {high:.2}  {word}");
    usize::from(word == SHORT)
}

/// As many reads of one node, whose answers are counted if they are right.
struct Reads(usize);

impl Requests for Reads {
    fn count(&self) -> usize {
        READS
    }

    fn ask(
        &mut self,
        _index: usize,
        ask: &mut dyn FnMut(Request<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        ask(Request::Read(const { Path::literal(NODE) }))
    }

    fn answer(&mut self, _index: usize, answer: Result<Reply<'_>, StoreError>) {
        self.0 += usize::from(answer.is_ok_and(|reply| reply.value() == VALUE));
    }
}

fn pipelined(store: &mut Guest<'_>) -> Result<f64> {
    let begin = Instant::now();
    let mut reads = Reads(0);
    store.pipeline(&mut reads);
    ensure!(reads.0 == READS, "{} of {READS} reads", reads.0);
    Ok(begin.elapsed().as_secs_f64())
}

fn one_by_one(store: &mut Guest<'_>) -> Result<f64> {
    let begin = Instant::now();
    for _ in 0..READS {
        let mut buffer = [0; 64];
        ensure!(store.read(const { Path::literal(NODE) }, &mut buffer)? == VALUE, "a wrong value");
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// A process that reads by libxenstore.
struct Library {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Library {
    fn start(daemon: &Daemon) -> Result<Self> {
        let mut command = daemon.binaries().reader(SERIAL, daemon.folder())?;
        command.arg(format!("/local/domain/{GUEST}/{NODE}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).context("no pipes")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Returns how many seconds so many reads take.
    fn reads(&mut self, count: usize) -> Result<f64> {
        writeln!(self.input, "{count}")?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the reader by libxenstore has ended");
        }
        Ok(line.trim().parse::<f64>()? / 1e9)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
