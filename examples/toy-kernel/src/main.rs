//! A kernel of a few hundred lines that boots on Xen as a PVH guest of one or two processors, ticks, and goes on ticking
//! when it is checkpointed, saved and restored, or migrated. It is written by `docs/porting.md`, and is no part of the family.
//!
//! `cargo build -p toy-kernel --release --target x86_64-unknown-none` makes it, `cargo xtask xen toy-kernel` runs it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![allow(
    unreachable_pub,
    unnameable_types,
    missing_debug_implementations,
    reason = "the modules are those of the library, too, where they are public"
)]
#![cfg_attr(
    target_os = "none",
    allow(
        unsafe_code,
        clippy::expect_used,
        clippy::panic,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a kernel on the bare machine, which crashes with a message where it cannot go on"
    )
)]

#[cfg(target_os = "none")]
mod hooks;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
mod pages;
#[cfg(target_os = "none")]
mod second;
#[cfg(target_os = "none")]
mod ticker;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("a kernel for Xen: build it for x86_64-unknown-none, or run `cargo xtask xen toy-kernel`");
}
