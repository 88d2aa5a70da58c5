//! What the guest runs on.

#[cfg(not(target_os = "none"))]
mod mock;
#[cfg(target_os = "none")]
mod xen;

#[cfg(not(target_os = "none"))]
pub use mock::Machine;
#[cfg(not(target_os = "none"))]
pub(crate) use mock::{Cpu, Gate, Hook};
#[cfg(target_os = "none")]
pub use xen::Machine;
#[cfg(target_os = "none")]
pub(crate) use xen::{Cpu, Gate, Hook};
