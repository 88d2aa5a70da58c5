//! The PVH binary: the real machine under the guest.
//!
//! Elsewhere than on bare metal it is a stub, so that the workspace builds and tests as a whole.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(
    target_os = "none",
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "an address fits in usize and u64 alike; a panic here is a report and the end of a test guest"
    )
)]

#[cfg(target_os = "none")]
mod boot;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("xen-guest runs under Xen: build it for x86_64-unknown-none, by `cargo xtask guest`");
}
