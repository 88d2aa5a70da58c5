//! The place of the mock host: the other interpreter of the lifecycle table.

use guest::lifecycle::Lifecycle;
use xen_sim::Arrangement;

/// What a lifecycle did on the mock host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Names of the self-test scenarios that went well.
    pub(crate) scenarios: Vec<String>,
}

/// Why a lifecycle failed on the mock host.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

/// Runs one lifecycle on the mock host.
pub(crate) type RunOnMock = fn(&Lifecycle) -> Result<Report, Failure>;

/// Runs one lifecycle on the mock host, in a guest of either kind.
pub(crate) fn run(lifecycle: &Lifecycle) -> Result<Report, Failure> {
    let mut scenarios = Vec::new();
    for (kind, arrangement) in [("hvm", Arrangement::hvm()), ("pvh", Arrangement::default())] {
        let played = xen_sim::play(lifecycle, arrangement);
        scenarios = played.map_err(|failure| Failure(format!("{kind}: {failure}")))?.scenarios();
    }
    Ok(Report { scenarios })
}
