//! `cargo xtask bench ring`: measures the rings beside the C macros, judges each row, and draws the ratios.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::std_instead_of_core,
    reason = "hosted: a panic is a failed benchmark"
)]

#[cfg(xen_headers)]
mod code;
#[cfg(xen_headers)]
mod count;
#[cfg(xen_headers)]
mod patterns;
#[cfg(xen_headers)]
mod rows;
#[cfg(xen_headers)]
mod two;

use std::process::ExitCode;

#[cfg(xen_headers)]
fn main() -> ExitCode {
    xen_benches::harness::main(&xen_benches::harness::Bench {
        name: "ring",
        title: "xen-ring beside the C macros of Xen's public headers",
        rows: rows::all,
        instructions: count::rows,
        work: count::work,
    })
}

#[cfg(not(xen_headers))]
fn main() -> ExitCode {
    xen_benches::skip();
    ExitCode::SUCCESS
}
