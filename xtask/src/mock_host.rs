//! The place of the mock host: the other interpreter of the lifecycle table.

use crate::xen::variant::{Kind, Variant};
use guest::lifecycle::{Lifecycle, of_another_abi};
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
    // A command line is static, and one of a variant's own is leaked: they are as few as the guests of a run.
    let cmdline: &str = variant.cmdline(lifecycle).leak();
    let failed = |why: &dyn std::fmt::Display| Failure(format!("{}: {why}", variant.label()));
    let report =
        xen_sim::play(&Lifecycle { cmdline, ..*lifecycle }, arrangement).map_err(|failure| failed(&failure))?;
    if let Some(line) = of_another_abi(cmdline, report.lines.iter().map(|line| line.text.as_str())) {
        return Err(failed(&format_args!("another ABI of event channels: {line}")));
    }
    Ok(Report { scenarios: report.scenarios() })
}
