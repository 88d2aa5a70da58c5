//! Benchmarks of the slot ring beside the C macros of Xen's public headers: the same block requests, there and back.
//!
//! Both sides stage whole requests of 112 bytes from a private copy, publish once a batch, take private copies, answer,
//! and hand back a token a request. The Rust side checks every answer besides (range, outstanding, generation,
//! operation, bound by what was published); the C side checks what the macros offer and the range of the id.
//!
//! Time, both in one run (`--quick` for a short one):
//! ```text
//! cargo bench -p xen-benches -- --quick
//! ```
//! Instructions, the difference of two lengths being the cost without the start of the program:
//! ```text
//! cargo build --release -p xen-benches
//! for side in rust c; do for rounds in 1000 2000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/ring_count $side $rounds
//! done; done
//! ```
//! Without the headers (package `libxen-dev`, or the variable `XEN_INCLUDE`) the C side says so and is left out.
#![allow(clippy::panic, clippy::expect_used, reason = "a panic is a failed benchmark")]

#[cfg(xen_headers)]
pub mod c_side;
pub mod rust_side;

/// Requests of a batch; the block ring has as many slots.
pub const BATCH: u32 = 32;

/// What is said where the C side is left out.
pub const SKIPPED: &str = "skipped: needs libxen-dev";

/// Returns the sum that a round of a full batch must come to.
#[must_use]
pub fn expected() -> u64 {
    (0..u64::from(BATCH)).sum()
}

#[repr(C, align(4096))]
struct Page([u8; 4096]);
