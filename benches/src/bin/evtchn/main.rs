//! `cargo xtask bench evtchn`: measures the dispatch of events beside the usual way in C.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::std_instead_of_core,
    reason = "hosted: a panic is a failed benchmark"
)]

#[cfg(xen_headers)]
mod rows;

use std::process::ExitCode;

#[cfg(xen_headers)]
fn main() -> ExitCode {
    xen_benches::harness::main(&xen_benches::harness::Bench {
        name: "evtchn",
        title: "xen-evtchn beside the usual way to dispatch events, in C",
        rows: rows::all,
        instructions: rows::instructions,
        work: rows::work,
    })
}

#[cfg(not(xen_headers))]
fn main() -> ExitCode {
    xen_benches::skip();
    ExitCode::SUCCESS
}
