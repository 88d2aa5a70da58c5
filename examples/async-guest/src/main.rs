//! The guest as a kernel: `cargo build -p async-guest --release --target x86_64-unknown-none` makes it,
//! `cargo xtask xen async-guest` runs it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use async_guest as _;

#[cfg(not(target_os = "none"))]
fn main() {
    println!(
        "a guest for Xen: `cargo test -p async-guest` runs it on the mock host, `cargo xtask xen async-guest` on Xen"
    );
}
