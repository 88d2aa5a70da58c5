//! Xen's own test of its library and its daemons, `test-xenstore`, beside a guest of ours that goes on meanwhile.

use super::daemon::Daemon;
use super::hands::Hands;
use anyhow::{Context as _, Result, ensure};
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use xen_hypercall::{DomId, Nanos};
use xen_store::{Attempts, Core, Link as _, Nodes as _, Path, Refusal, Socket, SocketStore, Store, StoreError};

/// The guest's number.
const GUEST: DomId = DomId(903);
const NODE: Path<'_> = Path::literal("beside/node");
/// Where it has its nodes.
const THEIRS: Path<'_> = Path::literal("/local/domain/0/xenstore-test");
/// How often it does each test.
const TIMES: &str = "50";
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Its tests pass, a client of the control domain is told of what it writes, and it leaves nothing behind; each value that the
/// guest writes is there when it reads it.
pub(super) fn run(daemon: &mut Daemon) -> Result<()> {
    let (domain, mut hands) = Hands::with_guest(daemon, GUEST)?;
    hands.give(GUEST, "beside/node", b"0");
    let mut core = Box::new(Core::<4, 4>::new());
    let mut store = Store::attach(domain.page(), &mut core, &domain)?;
    let mut others = Box::new(Core::<4, 4>::new());
    let mut socket = Socket::connect(daemon.socket())?;
    let mut control = SocketStore::on_socket(&mut socket, &mut others);
    control.watch(THEIRS)?;
    heard(&mut control)?;
    let tests = count(daemon)?;
    let mut command = daemon.binaries().private_tool("test-xenstore", daemon.folder())?;
    let mut child = command.args(["-i", TIMES]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let (mut rounds, mut events) = (0, 0);
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        ensure!(begin.elapsed() < PATIENCE, "it does not end");
        rounds += 1;
        let seen = store.transaction(Attempts(10), |nodes| {
            let number = nodes.read_number(NODE)?;
            nodes.write(NODE, format!("{}", number + 1).as_bytes())?;
            nodes.read_number(NODE)
        })?;
        // The daemon in OCaml holds up who writes until its watchers have read their events.
        while control.poll_event()?.is_some() {
            events += 1;
        }
        ensure!(seen == rounds && store.read_number(NODE)? == rounds, "{seen} in round {rounds}");
    }
    passed(child, tests)?;
    ensure!(rounds > 0 && events > 0, "{rounds} transactions and {events} events meanwhile");
    let left = control.read(THEIRS, &mut [0; 8]).map(drop);
    ensure!(left == Err(StoreError::Said(Refusal::NoEntry)), "{THEIRS:?}: {left:?}");
    println!("  {tests} tests of Xen's, {TIMES} times each, beside {rounds} transactions of a guest, {events} events");
    Ok(())
}

/// How many tests it has.
fn count(daemon: &Daemon) -> Result<usize> {
    let mut command = daemon.binaries().private_tool("test-xenstore", daemon.folder())?;
    let tests = crate::shell::output(command.arg("-l"))?.lines().count();
    ensure!(tests > 0, "it has no tests");
    Ok(tests)
}

/// It says one line for each test that passed.
fn passed(mut child: Child, tests: usize) -> Result<()> {
    let mut said = String::new();
    child.stdout.take().context("no output")?.read_to_string(&mut said)?;
    let status = child.wait()?;
    let passed = said.lines().filter(|line| line.contains(": avg: ")).count();
    ensure!(status.success() && passed == tests, "{status}\n{said}");
    Ok(())
}

fn heard(control: &mut SocketStore<'_, 4, 4>) -> Result<()> {
    let deadline = control.link().now().after(Nanos::from_secs(5));
    control.wait_event(deadline)?.context("no event")?;
    Ok(())
}
