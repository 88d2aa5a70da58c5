#![doc = include_str!("../../../docs/porting.md")]
#![cfg_attr(target_os = "none", no_std)]
#![allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a kernel for the guide, which crashes with a message where it cannot go on"
)]
// On Xen the kernel is the binary. This is the same on the mock host, with another machine under it: its documentation is the guide,
// whose blocks run there, and its test is a life of the kernel.

#[cfg(not(target_os = "none"))]
pub mod guide;
#[cfg(not(target_os = "none"))]
pub mod hooks;
#[cfg(not(target_os = "none"))]
pub mod kernel;
#[cfg(not(target_os = "none"))]
#[path = "mock.rs"]
pub mod machine;
#[cfg(not(target_os = "none"))]
pub mod second;
#[cfg(not(target_os = "none"))]
pub mod ticker;
#[cfg(not(target_os = "none"))]
pub use machine::pages;
