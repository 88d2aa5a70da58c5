//! The crates beside C: the rings beside the macros of Xen's public headers, grants and events beside the usual way to keep
//! them; the same work, on the same kind of page, by either.
//!
//! Of the rings, both sides stage whole requests from a private copy, publish once a batch or more often, take private copies, answer,
//! and hand back a token a request. The Rust side checks every answer besides (range, outstanding, generation, operation,
//! bound by what was published); the C side checks what the macros offer and the range of the id.
//!
//! `cargo xtask bench` measures; `tests/differential.rs` compares what the two do to the page, byte by byte. Without
//! the headers (package `libxen-dev`, or the variable `XEN_INCLUDE`) there is no C side, and both say so.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    reason = "hosted: a panic is a failed benchmark"
)]

use std::io::Write as _;

pub mod bounds;
pub mod bytes;
#[cfg(xen_headers)]
pub mod c;
pub mod connect;
pub mod duel;
pub mod ends;
pub mod events;
pub mod grants;
pub mod handle;
#[cfg(xen_headers)]
pub mod harness;
pub mod ours;
pub mod page;
pub mod probe;
pub mod queues;
pub mod store;
pub mod talk;
pub mod wire;
pub mod yes;

/// Says that the C side is left out, also where a test's output is kept; on a machine of CI that is a failure.
///
/// # Panics
/// If the variable `CI` is `true`: there what is needed is installed.
pub fn skip() {
    // Not by the macros, whose words a passing test keeps to itself.
    let said = std::io::stderr().write_all(b"skipped: needs libxen-dev\n");
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(said.is_ok() && !ci, "here nothing may be skipped");
}

/// Returns the sum of the tokens of as many rounds of a batch, each of which has the tokens from 0 on.
#[must_use]
pub fn tokens(rounds: u32, batch: u32) -> u64 {
    let batch = u64::from(batch);
    u64::from(rounds) * (batch * batch.saturating_sub(1) / 2)
}
