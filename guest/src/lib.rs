//! A guest built on the Xen crates: what it does and says, generic over the machine it runs on.
#![no_std]

pub mod lifecycle;
mod machine;

pub use machine::Machine;
