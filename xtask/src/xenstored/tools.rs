//! Xen's own tools of the command line, by libxenstore: they see what we write, and we see what they write.

use super::daemon::Daemon;
use crate::shell;
use anyhow::{Result, ensure};
use xen_hypercall::{DomId, Nanos};
use xen_store::{Access, Core, Nodes as _, Path, PathBuf, Permission, Place, Socket, SocketStore};

const TOP: Path<'_> = Path::literal("/tools");
const OURS: Path<'_> = Path::literal("/tools/ours");
const THEIRS: Path<'_> = Path::literal("/tools/theirs");

/// Runs them all.
pub(super) fn run(daemon: &mut Daemon) -> Result<()> {
    let daemon = &*daemon;
    let mut core: Box<Core<4, 4>> = Box::new(Core::new());
    let mut socket = Socket::connect(daemon.socket())?;
    let mut store = SocketStore::on_socket(&mut socket, &mut core);
    store.write(OURS, b"by us\n\x01\\")?;
    they_read(daemon)?;
    we_read(daemon, &mut store)?;
    permissions(daemon, &mut store)?;
    events(daemon, &mut store)?;
    store.rm(TOP)?;
    ensure!(tool(daemon, &["exists", "/tools/ours"]).is_err(), "it is removed");
    Ok(())
}

/// Runs `xenstore-…` and returns what it printed.
fn tool(daemon: &Daemon, words: &[&str]) -> Result<String> {
    let (name, rest) = words.split_first().map_or(("", words), |(name, rest)| (*name, rest));
    let mut command = daemon.binaries().tool(&format!("xenstore-{name}"), daemon.folder());
    let said = shell::output(command.args(rest))?;
    Ok(said.trim_end_matches('\n').into())
}

fn they_read(daemon: &Daemon) -> Result<()> {
    let read = tool(daemon, &["read", "/tools/ours"])?;
    ensure!(read == r"by us\n\001\\", "{read}");
    tool(daemon, &["exists", "/tools/ours"])?;
    ensure!(tool(daemon, &["list", "/tools"])? == "ours", "the list");
    let listed = tool(daemon, &["ls", "/tools"])?;
    ensure!(listed.starts_with("ours = \"by us"), "{listed}");
    Ok(())
}

fn we_read(daemon: &Daemon, store: &mut SocketStore<'_, 4, 4>) -> Result<()> {
    tool(daemon, &["write", "/tools/theirs", "by them", "/tools/theirs/below", ""])?;
    ensure!(store.read(THEIRS, &mut [0; 8])? == b"by them", "the value");
    let mut buffer = [0; 64];
    let names: Vec<_> = store.directory(THEIRS, &mut buffer)?.collect();
    ensure!(names == ["below"], "{names:?}");
    tool(daemon, &["rm", "/tools/theirs/below"])?;
    ensure!(store.directory(THEIRS, &mut buffer)?.next().is_none(), "they have removed it");
    Ok(())
}

fn permissions(daemon: &Daemon, store: &mut SocketStore<'_, 4, 4>) -> Result<()> {
    tool(daemon, &["chmod", "/tools/theirs", "n0", "r7", "b9"])?;
    let entry = |domain, access| Permission { domain: DomId(domain), access };
    let expected = [entry(0, Access::None), entry(7, Access::Read), entry(9, Access::Both)];
    let mut buffer = [0; 64];
    let seen: Vec<_> = store.permissions(THEIRS, &mut buffer)?.collect();
    ensure!(seen == expected, "{seen:?}");
    store.set_permissions(OURS, &[entry(0, Access::Read), entry(9, Access::Write)])?;
    let listed = tool(daemon, &["ls", "-p", "/tools"])?;
    ensure!(listed.lines().any(|line| line.starts_with("ours") && line.contains("(r0,w9)")), "{listed}");
    Ok(())
}

fn events(daemon: &Daemon, store: &mut SocketStore<'_, 4, 4>) -> Result<()> {
    let watch = store.watch(TOP)?;
    let mut next = |place: Place| {
        let deadline = xen_store::Link::now(*store.link()).after(Nanos::from_secs(5));
        let event = store.wait_event(deadline)?.map(|event| event.place);
        ensure!(event == Some(place), "{event:?}");
        Ok(())
    };
    next(Place::Itself)?;
    tool(daemon, &["write", "/tools/theirs", "again"])?;
    next(Place::Below(PathBuf::new(Path::literal("theirs"))?))?;
    store.unwatch(watch)?;
    Ok(())
}
