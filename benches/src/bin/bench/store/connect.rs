//! What connecting many devices takes, beside Linux.

use anyhow::{Context as _, Result};
use xen_benches::connect::{self, Class, DISK, NETWORK_CARD, Taken};
use xen_benches::harness::report::Report;

/// How many devices.
const COUNTS: [u32; 3] = [1, 16, 64];
/// Which part of Linux's messages ours may be.
const TARGET: f64 = 0.6;

/// A class, its name, and the round trips that Linux makes for one of it, with one ring or queue.
const CLASSES: [(Class, &str, f64); 2] = [(DISK, "disks", 30.0), (NETWORK_CARD, "network cards", 38.0)];

/// Adds the rows.
pub(super) fn rows(report: &mut Report) -> Result<()> {
    for (class, name, linux) in CLASSES {
        let taken = COUNTS.map(|count| connect::connect(class, count).map(|taken| (count, taken)));
        let taken: Vec<(u32, Taken)> = taken.into_iter().collect::<Option<_>>().context("a device does not connect")?;
        waves(report, name, &taken);
        let each = taken.iter().map(|(count, taken)| taken.messages as f64 / f64::from(*count)).fold(0.0, f64::max);
        let target = TARGET * linux;
        let what =
            format!("{each:5.1}, target ≤ {target:.1}, which is {TARGET:.2} of Linux's {linux:.0}; {COUNTS:?} at once");
        report.row(&format!("connect {name}: messages each"), &what, (each <= target).into());
    }
    Ok(())
}

/// One more wave than one device takes is allowed, since not all backends answer at the same time.
fn waves(report: &mut Report, name: &str, taken: &[(u32, Taken)]) {
    let waves: Vec<usize> = taken.iter().map(|(_, taken)| taken.waves).collect();
    let most = waves.iter().max().copied().unwrap_or_default();
    let target = waves.first().map_or(0, |one| one + 1);
    let what = format!("{waves:?}, target ≤ {target} for any number; {COUNTS:?} at once");
    report.row(&format!("connect {name}: waves"), &what, (most <= target).into());
}
