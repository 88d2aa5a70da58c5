//! Version, time and sleep.

use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::xen_version;
use xen_hypercall::{Errno, Hypercall, Nanos, detect};

use super::{Bench, Failed, at, hold};
use crate::Machine;

/// The hypercall and CPUID agree about the version; an unknown parameter is refused by name.
pub(super) fn version<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let version = xen_version::version(bench.base.hook).map_err(at("version"))?;
    let presence = detect(bench.base.machine.cpu()).map_err(at("detect"))?;
    hold((version.major, version.minor) == (presence.major, presence.minor), "versions-differ")?;
    hold(hvm::param(bench.base.hook, Param(9999)) == Err(Errno::EINVAL), "unknown-parameter")
}

/// How often the clock is read until it must have gone on. Xen's own time may step back a little when it is calibrated,
/// and the guest's then stands still for as long, so that it never goes back.
const READS: u32 = 5_000_000;

/// Time never goes back, and goes on; the time of day is of this century.
pub(super) fn monotonic<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let start = bench.base.clock.now();
    let mut last = start;
    for read in 0..READS {
        let now = bench.base.clock.now();
        hold(now >= last, "went-back")?;
        last = now;
        if read >= 1000 && last > start {
            break;
        }
    }
    hold(last > start, "stands-still")?;
    let year_2020 = Nanos::from_secs(1_577_836_800);
    hold(bench.base.clock.wall_clock().is_some_and(|wall| wall > year_2020), "wall-clock")
}

/// A sleep ends at its deadline, not before and not much later.
pub(super) fn deadline<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let until = bench.base.clock.now().after(Nanos::from_millis(10));
    let late = until.after(Nanos::from_secs(5));
    while bench.base.clock.now() < until {
        bench.base.events.wait(&[], Some(bench.base.clock.to_system(until))).map_err(at("poll"))?;
    }
    hold(bench.base.clock.now() < late, "too-late")
}
