//! Devices that are connected and closed again and again, to see how long that takes: all at once, and one after the other.
//!
//! Their rings are nowhere, and their backends, which the rig plays, only greet.

mod device;

use core::fmt;

use xen_hypercall::{Hypercall, Nanos};
use xen_store::{Connection, Link, Nodes, Path, Store};

use crate::Machine;
use crate::peer::wait;
use crate::scenario::{Bench, Failed, at, hold};
use crate::voice::Voice;
use device::Device;
pub(crate) use device::Kind;

/// The most devices of a kind.
pub(crate) const MOST: usize = 16;
/// How often each kind is connected in each way.
const TURNS: usize = 7;
/// How long all of them may take.
const PATIENCE: Nanos = Nanos::from_secs(60);
/// The rig writes it when all backends are there.
const THERE: Path<'static> = Path::literal("data/devices");

/// How devices are connected.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// One device after the other, one request at a time.
    Serial,
    /// As the crate does it.
    Together,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serial => "serial",
            Self::Together => "together",
        })
    }
}

/// Connects so many devices of each kind in both ways by turns, and says how long it took each time.
pub(crate) fn run<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    (voice, count): (&Voice<'_, '_, M, H>, usize),
) {
    if count == 0 {
        return;
    }
    let there = wait(bench, || bench.store.borrow_mut().read_number(THERE).ok());
    if there.is_none() {
        return voice.fail(format_args!("devices why=absent"));
    }
    for kind in [Kind::Disk, Kind::Card] {
        for way in [Way::Serial, Way::Together].into_iter().cycle().take(TURNS * 2) {
            if let Err(why) = once(bench, voice, (kind, way, count)) {
                return voice.fail(format_args!("devices kind={kind} way={way} why={why}"));
            }
        }
    }
    voice.say(format_args!("devices result=ok turns={TURNS}"));
}

/// Connects the devices, and closes them again.
fn once<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    voice: &Voice<'_, '_, M, H>,
    (kind, way, count): (Kind, Way, usize),
) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let mut devices: [Device; MOST] = core::array::from_fn(|id| Device::new(kind, id));
    let mut connections = devices.each_mut().map(|device| Connection::new(device));
    let connections = &mut connections[..count];
    let (before, begun) = (store.requests_sent(), bench.base.clock.now());
    let waves = connect(&mut store, connections, (way, begun.after(PATIENCE)));
    let (taken, messages) = (bench.base.clock.now().since(begun), store.requests_sent() - before);
    hold(all_went_well(connections), "not-connected")?;
    store.close_all(connections, bench.base.clock.now().after(PATIENCE));
    hold(all_went_well(connections), "not-closed")?;
    // The ends of the watches travel with it.
    store.read_number(THERE).map_err(at("read"))?;
    voice.say(format_args!("connected kind={kind} way={way} k={count} ns={taken} waves={waves} messages={messages}"));
    Ok(())
}

fn all_went_well(connections: &[Connection<'_>]) -> bool {
    connections.iter().all(|connection| connection.outcome() == Some(Ok(())))
}

/// Returns the number of waves.
fn connect<L: Link, const R: usize, const W: usize>(
    store: &mut Store<'_, L, R, W>,
    connections: &mut [Connection<'_>],
    (way, deadline): (Way, Nanos),
) -> usize {
    match way {
        Way::Together => store.connect_all(connections, deadline),
        Way::Serial => {
            store.core().set_window(1);
            let one = |connection| store.connect_all(core::slice::from_mut(connection), deadline);
            let waves = connections.iter_mut().map(one).sum();
            store.core().set_window(usize::MAX);
            waves
        }
    }
}
