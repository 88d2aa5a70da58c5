//! The place of the mock host: the other interpreter of the lifecycle table.

use guest::lifecycle::Lifecycle;

/// What a lifecycle did on the mock host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Names of the self-test scenarios that ran.
    pub(crate) scenarios: Vec<String>,
}

/// Why a lifecycle failed on the mock host.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

/// Runs one lifecycle on the mock host.
pub(crate) type RunOnMock = fn(&Lifecycle) -> Result<Report, Failure>;

/// The mock host's interpreter, once there is one.
pub(crate) fn runner() -> Option<RunOnMock> {
    None
}
