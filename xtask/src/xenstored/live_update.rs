//! A daemon that is replaced by itself while requests are under way: it hands over all it knows, and nothing is lost.

use super::daemon::Daemon;
use super::domain::Domain;
use super::hands::Hands;
use crate::xen::plan;
use anyhow::{Context as _, Result, ensure};
use std::collections::VecDeque;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};
use xen_hypercall::{DomId, Nanos};
use xen_sim::store_suite::FarEnd as _;
use xen_store::{Answer, Core, Link, Nodes as _, Path, Place, Request, Store, StoreError, Ticket};

/// The guest's number.
const GUEST: DomId = DomId(901);
/// How often it is replaced.
const TIMES: usize = 5;
/// Requests between two times.
const LOAD: usize = 400;
/// Requests in flight.
const REQUESTS: usize = 40;
/// How long going over may take.
const PATIENCE: Duration = Duration::from_secs(20);

const NODE: Path<'_> = Path::literal("load/node");
const WATCHED: Path<'_> = Path::literal("load/watched");

type Client<'a> = Store<'a, &'a Domain, REQUESTS, 4>;

/// Writes that are under way, and what they write.
#[derive(Default)]
struct Load {
    tickets: VecDeque<Ticket>,
    written: usize,
}

/// Replaces the daemon again and again, amid a guest's requests and with its watch set.
pub(super) fn run(daemon: &mut Daemon) -> Result<()> {
    let (domain, mut hands) = Hands::with_guest(daemon, GUEST)?;
    hands.give(GUEST, "load", b"");
    let mut core = Box::new(Core::new());
    let mut store: Client<'_> = Store::attach(domain.page(), &mut core, &domain)?;
    store.watch(WATCHED)?;
    told(&mut store)?;
    not_amid_a_transaction(daemon, &mut store, &mut hands)?;
    let mut load = Load::default();
    for _ in 0..TIMES {
        load.go_on(&mut store, LOAD)?;
        replace(daemon, &mut store, &mut hands)?;
        load.go_on(&mut store, LOAD)?;
        load.finish(&mut store)?;
        hands.write("load/watched", format!("{}", load.written).as_bytes());
        told(&mut store)?;
        let seen = hands.read("load/node").context("the node is gone")?;
        ensure!(seen == format!("{}", load.written).as_bytes(), "{}", seen.escape_ascii());
    }
    let counters = store.core().counters();
    ensure!(counters.strays == 0 && counters.ignored_events == 0, "{counters:?}");
    let (written, sent) = (load.written, domain.sent());
    println!("  {TIMES} live updates amid {written} writes, {REQUESTS} in flight, {sent} events sent");
    Ok(())
}

/// Has the daemon go over into a new one of the same program.
fn replace(daemon: &mut Daemon, store: &mut Client<'_>, hands: &mut Hands) -> Result<()> {
    let said = go_over(daemon, (store, hands), "10")?;
    ensure!(said == "OK", "live-update -s: {said}");
    let line = fs::read_to_string(format!("/proc/{}/cmdline", daemon.id()))?;
    let new = match daemon.kind() {
        plan::Daemon::C => "-U",
        plan::Daemon::Ocaml => "--live",
    };
    ensure!(line.split('\0').any(|word| word == new), "it is the old one still");
    daemon.check()
}

/// Asks for it, and returns the daemon's last word. The one in C has none before it is done; the one in OCaml says that it is
/// busy, and tells the end to who asks again.
///
/// The guest goes on meanwhile: the daemon in OCaml waits until none of its clients has sent a message in part.
fn go_over(daemon: &Daemon, (store, hands): (&mut Client<'_>, &mut Hands), seconds: &str) -> Result<String> {
    let said = hands.control(&["live-update", "-f", &daemon.program().display().to_string()])?;
    ensure!(said == "OK", "live-update -f: {said}");
    let begin = Instant::now();
    loop {
        let said = hands.control(&["live-update", "-s", "-t", seconds])?;
        if said != "BUSY" {
            return Ok(said);
        }
        ensure!(begin.elapsed() < PATIENCE, "it is busy still");
        store.pump()?;
        sleep(Duration::from_millis(1));
    }
}

/// Neither daemon takes a transaction with it: it waits for the end, here in vain, and goes on as it is.
fn not_amid_a_transaction(daemon: &Daemon, store: &mut Client<'_>, hands: &mut Hands) -> Result<()> {
    let transaction = store.begin()?;
    let said = go_over(daemon, (&mut *store, &mut *hands), "0")?;
    ensure!(said != "OK" && said.contains(&GUEST.to_string()), "live-update amid a transaction: {said}");
    store.within(&transaction).write(NODE, b"within")?;
    store.commit(transaction)?;
    ensure!(hands.read("load/node").as_deref() == Some(b"within"), "what was committed");
    Ok(())
}

impl Load {
    /// Has so many more writes sent, and leaves as many under way as there may be.
    fn go_on(&mut self, store: &mut Client<'_>, count: usize) -> Result<()> {
        let end = self.written + count;
        while self.written < end {
            let value = format!("{}", self.written + 1);
            match store.core().submit(Request::Write(NODE, value.as_bytes()), None) {
                Ok(ticket) => {
                    self.tickets.push_back(ticket);
                    self.written += 1;
                }
                Err(StoreError::Full) => self.take(store)?,
                Err(error) => return Err(error.into()),
            }
        }
        store.pump()?;
        Ok(())
    }

    /// Takes the oldest answer, which must be that it is done.
    fn take(&mut self, store: &mut Client<'_>) -> Result<()> {
        let ticket = self.tickets.pop_front().context("nothing is under way")?;
        match store.core().poll_reply(ticket) {
            Answer::Pending(ticket) => store.wait_for(ticket).map(drop)?,
            Answer::Done(answer) => answer.map(drop)?,
        }
        Ok(())
    }

    fn finish(&mut self, store: &mut Client<'_>) -> Result<()> {
        while !self.tickets.is_empty() {
            self.take(store)?;
        }
        Ok(())
    }
}

fn told(store: &mut Client<'_>) -> Result<()> {
    let deadline = store.link().now().after(Nanos::from_secs(5));
    let event = store.wait_event(deadline)?.context("no event")?;
    ensure!(event.place == Place::Itself, "{event:?}");
    // What is known is read, so that the connection is at rest.
    store.read(Path::literal("load"), &mut [0; 8])?;
    Ok(())
}
