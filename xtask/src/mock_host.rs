//! The place of the mock host: the other interpreter of the lifecycle table.

use crate::xen::variant::{Kind, Variant};
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

/// Runs one lifecycle on the mock host, in such a guest.
pub(crate) type RunOnMock = fn(&Lifecycle, Variant) -> Result<Report, Failure>;

/// Runs one lifecycle on the mock host, in such a guest.
pub(crate) fn run(lifecycle: &Lifecycle, variant: Variant) -> Result<Report, Failure> {
    let kind = match variant.kind {
        Kind::Pvh => xen_mock::Kind::Pvh,
        Kind::Hvm => xen_mock::Kind::Hvm,
    };
    let arrangement = Arrangement::default().built(move |builder| builder.kind(kind).vcpus(variant.vcpus));
    let played = xen_sim::play(lifecycle, arrangement);
    let report = played.map_err(|failure| Failure(format!("{}: {failure}", variant.label())))?;
    Ok(Report { scenarios: report.scenarios() })
}
