//! `cargo xtask bench`: measures a crate beside C that does the same.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::std_instead_of_core,
    reason = "hosted: a panic is a failed benchmark"
)]

#[cfg(xen_headers)]
mod evtchn;
#[cfg(xen_headers)]
mod grant;
#[cfg(xen_headers)]
mod ring;
#[cfg(xen_headers)]
mod store;

use std::process::ExitCode;

#[cfg(xen_headers)]
fn main() -> ExitCode {
    xen_benches::harness::main(&[ring::BENCH, grant::BENCH, evtchn::BENCH, store::BENCH])
}

#[cfg(not(xen_headers))]
fn main() -> ExitCode {
    xen_benches::skip();
    ExitCode::SUCCESS
}
