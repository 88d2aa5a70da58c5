//! The one gate to Xen, for any guest: hypercalls, their vocabulary, and the pages that Xen shares.
//!
//! # What it is for
//! The lowest layer of the family. It names Xen's objects ([`DomId`], [`Port`], [`GrantRef`], [`Gfn`]), makes typed
//! hypercalls ([`op`]), finds Xen ([`detect`](fn@detect)), reads the clock ([`Clock`]) and the start of day ([`StartInfo`]), and holds
//! what all layers above share: [`SharedPage`], [`IrqGate`], [`Epoch`].
//!
//! # What you must supply
//! A [`Hypercall`] (on x86_64 [`x86_64::Direct`] is ready), and pages: a [`SharedPage`] is the one place where you promise
//! that memory is mapped.
//!
//! # Example
//! ```
//! use xen_hypercall::op::xen_version;
//! use xen_hypercall::{Errno, Hypercall};
//!
//! fn greet<H: Hypercall>(xen: &H) -> Result<u16, Errno> {
//!     let version = xen_version::version(xen)?;
//!     Ok(version.major)
//! }
//! ```
//!
//! # What it does not do
//! It allocates nothing, maps nothing, keeps no state of ports or grants: those are the crates above.
#![no_std]

mod arch;
mod bulk;
mod circle;
mod clock;
mod command;
mod cpu;
mod decorate;
mod detect;
mod epoch;
mod errno;
mod gate;
mod hole;
mod id;
mod lent;
mod memory;
pub mod op;
mod page;
mod pages;
mod place;
mod record;
mod shared_info;
mod start_info;
mod unplug;
mod word;

#[cfg(target_arch = "x86_64")]
pub use arch::x86_64;
pub use circle::Circle;
pub use clock::{Clock, TimeInfo};
pub use cpu::{Cpu, Cpuid};
pub use decorate::{Counted, Faulty, Traced};
pub use detect::{NoXen, Presence, detect, incarnation};
pub use epoch::{Epoch, EpochCell, Stale};
pub use errno::Errno;
pub use gate::{IrqGate, NoGate};
pub use hole::Hole;
pub use id::{DomId, Gfn, GrantRef, Nanos, Port, Vcpu};
pub use lent::LentPage;
pub use page::{PAGE_SIZE, SharedPage};
pub use pages::SharedPages;
pub use shared_info::{EVENT_WORDS, LEGACY_VCPUS, SharedInfo, VcpuInfo};
#[doc(hidden)]
pub use start_info::PHYS32_ENTRY;
pub use start_info::{NoStartInfo, StartInfo};
pub use unplug::{Devices, Drivers, NoPlatform, NotUnplugged, PlatformPorts, unplug};
pub use word::{Hypercall, Number, Word};
