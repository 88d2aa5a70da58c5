//! `pyxs`, a client in Python that shares no code with Xen's library nor with ours: it sees what we write, and we see what it
//! writes.

use super::daemon::Daemon;
use anyhow::{Context as _, Result, bail, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use xen_hypercall::{DomId, Nanos};
use xen_store::{
    Access, Attempts, Core, Link as _, Nodes as _, Path, PathBuf, Permission, Place, Refusal, Socket, SocketStore,
    StoreError,
};

/// What it does at our word.
const SOURCE: &str = include_str!("../../xenstored/peer.py");
const TOP: Path<'_> = Path::literal("/pyxs");
const OURS: Path<'_> = Path::literal("/pyxs/ours");
const THEIRS: Path<'_> = Path::literal("/pyxs/theirs");

type Client<'a> = SocketStore<'a, 4, 4>;

/// Runs it all.
pub(super) fn run(daemon: &mut Daemon) -> Result<()> {
    let mut core = Box::new(Core::new());
    let mut socket = Socket::connect(daemon.socket())?;
    let mut store = Client::on_socket(&mut socket, &mut core);
    let mut peer = Peer::start(daemon)?;
    nodes(&mut store, &mut peer)?;
    permissions(&mut store, &mut peer)?;
    events(&mut store, &mut peer)?;
    their_transactions(&mut store, &mut peer)?;
    our_transaction(&mut store, &mut peer)?;
    store.rm(TOP)?;
    peer.says(&["read", "/pyxs/ours"], "ENOENT")
}

fn nodes(store: &mut Client<'_>, peer: &mut Peer) -> Result<()> {
    store.write(OURS, b"by us\n\x01\\")?;
    peer.says(&["read", "/pyxs/ours"], r"b'by us\n\x01\\'")?;
    peer.says(&["list", "/pyxs"], "[b'ours']")?;
    peer.says(&["write", "/pyxs/theirs", "by them"], "None")?;
    peer.says(&["mkdir", "/pyxs/theirs/below"], "None")?;
    ensure!(store.read(THEIRS, &mut [0; 8])? == b"by them", "the value");
    let mut buffer = [0; 64];
    let names: Vec<_> = store.directory(THEIRS, &mut buffer)?.collect();
    ensure!(names == ["below"], "{names:?}");
    peer.says(&["rm", "/pyxs/theirs/below"], "None")?;
    ensure!(store.directory(THEIRS, &mut buffer)?.next().is_none(), "they have removed it");
    Ok(())
}

fn permissions(store: &mut Client<'_>, peer: &mut Peer) -> Result<()> {
    peer.says(&["chmod", "/pyxs/theirs", "n0", "r7", "b9"], "None")?;
    let entry = |domain, access| Permission { domain: DomId(domain), access };
    let mut buffer = [0; 64];
    let seen: Vec<_> = store.permissions(THEIRS, &mut buffer)?.collect();
    ensure!(seen == [entry(0, Access::None), entry(7, Access::Read), entry(9, Access::Both)], "{seen:?}");
    store.set_permissions(OURS, &[entry(0, Access::Read), entry(9, Access::Write)])?;
    peer.says(&["perms", "/pyxs/ours"], "[b'r0', b'w9']")
}

fn events(store: &mut Client<'_>, peer: &mut Peer) -> Result<()> {
    let watch = store.watch(TOP)?;
    told(store, Place::Itself)?;
    peer.says(&["write", "/pyxs/theirs", "again"], "None")?;
    told(store, Place::Below(PathBuf::new(Path::literal("theirs"))?))?;
    store.unwatch(watch)?;
    peer.says(&["watch", "/pyxs", "a token"], "None")?;
    peer.says(&["event"], "(b'/pyxs', b'a token')")?;
    store.write(OURS, b"again")?;
    peer.says(&["event"], "(b'/pyxs/ours', b'a token')")
}

fn told(store: &mut Client<'_>, place: Place) -> Result<()> {
    let deadline = store.link().now().after(Nanos::from_secs(5));
    let event = store.wait_event(deadline)?.map(|event| event.place);
    ensure!(event == Some(place), "{event:?}");
    Ok(())
}

/// What they write in a transaction is seen at its end, at once, and not at all if it met a write of ours.
fn their_transactions(store: &mut Client<'_>, peer: &mut Peer) -> Result<()> {
    for (meets, committed) in [(false, "True"), (true, "False")] {
        store.write(OURS, b"before")?;
        store.write(THEIRS, b"before")?;
        peer.says(&["begin"], "True")?;
        peer.says(&["read", "/pyxs/ours"], "b'before'")?;
        peer.says(&["write", "/pyxs/theirs", "after"], "None")?;
        ensure!(store.read(THEIRS, &mut [0; 8])? == b"before", "what nobody has committed");
        if meets {
            store.write(OURS, b"meanwhile")?;
        }
        peer.says(&["commit"], committed)?;
        let mut buffer = [0; 8];
        let seen = store.read(THEIRS, &mut buffer)?;
        ensure!((seen == b"after") != meets, "after a commit: {}", seen.escape_ascii());
    }
    Ok(())
}

/// One of ours that meets a write of theirs begins again.
fn our_transaction(store: &mut Client<'_>, peer: &mut Peer) -> Result<()> {
    let mut rounds = 0;
    store.write(THEIRS, b"0")?;
    store.transaction(Attempts(3), |nodes| {
        rounds += 1;
        let number = nodes.read_number(THEIRS)?;
        if rounds == 1 {
            peer.says(&["write", "/pyxs/theirs", "41"], "None").map_err(|_| StoreError::Said(Refusal::Io))?;
        }
        nodes.write(OURS, format!("{}", number + 1).as_bytes())
    })?;
    ensure!(rounds == 2, "{rounds} rounds");
    peer.says(&["read", "/pyxs/ours"], "b'42'")
}

/// A process of Python's that obeys.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(daemon: &Daemon) -> Result<Self> {
        let library = daemon.binaries().pyxs().map_err(|why| anyhow::anyhow!("{why}"))?;
        let mut command = Command::new("python3");
        command.args(["-c", SOURCE]).arg(daemon.socket()).env("PYTHONPATH", library);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).context("no pipes")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Has a command done, and looks at what it returned.
    fn says(&mut self, words: &[&str], expected: &str) -> Result<()> {
        writeln!(self.input, "{}", words.join("\t"))?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("{words:?}: it has ended");
        }
        ensure!(line.trim_end() == expected, "{words:?}: {}", line.trim_end());
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
