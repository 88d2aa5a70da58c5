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

/// Runs one lifecycle on the mock host.
pub(crate) fn run(lifecycle: &Lifecycle) -> Result<Report, Failure> {
    match xen_sim::play(lifecycle, Arrangement::default()) {
        Ok(report) => Ok(Report { scenarios: report.scenarios() }),
        Err(failure) => Err(Failure(failure.to_string())),
    }
}
