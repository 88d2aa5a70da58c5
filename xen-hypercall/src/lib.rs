//! The one gate to Xen, for any guest: hypercalls, their vocabulary, and the pages that Xen shares.
//!
//! # What it is for
//! The lowest layer of the family. It names Xen's objects ([`DomId`], [`Port`], [`GrantRef`], [`Gfn`]), makes typed
//! hypercalls ([`op`]), finds Xen ([`detect`](fn@detect)), reads the clock ([`Clock`]) and the start of day ([`StartInfo`]), and holds
//! what all layers above share: [`SharedPage`], [`IrqGate`], [`Epoch`].
//!
//! # What you must supply
//! A [`Hypercall`], the hook by which all crates reach Xen, and a [`Cpu`]; on x86_64 [`x86_64::Direct`] and [`x86_64::Native`]
//! are ready. And pages: a [`SharedPage`] is the one place where you promise that memory is mapped.
//!
//! # Example
//! ```
//! use xen_hypercall::op::{memory, sched, xen_version};
//! use xen_hypercall::{Clock, Nanos, SharedInfo, detect};
//!
//! # let host = xen_mock::Host::builder().build();
//! # let (xen, cpu, page) = (host.guest().hook(), host.guest().cpu(), host.guest().page());
//! detect(&cpu)?; // by CPUID; on x86_64 the processor itself is `x86_64::Native`
//! assert_eq!(xen_version::version(&xen)?.major, 4); // and the hook is `x86_64::Direct`
//!
//! let info = SharedInfo::new(page);
//! memory::map_shared_info(&xen, info.page())?;
//! let clock = Clock::new(cpu, &info);
//! let begin = clock.now();
//! let deadline = begin.after(Nanos::from_millis(5));
//! sched::poll(&xen, &[], Some(clock.to_system(deadline)))?; // sleeps
//! assert!(clock.now() >= deadline);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it does not do
//! It allocates nothing, maps nothing, keeps no state of ports or grants: those are the crates above.
//!
//! # Where to read on
//! [`op`] lists the hypercalls, [`SharedPage`] says what is promised of a page. In the repository, `docs/porting.md` leads
//! through an embedding step by step, and `docs/architecture.md` says why there is one hook, and where `unsafe` is.
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
pub use id::{DomId, Gfn, GrantRef, Nanos, Port, SystemTime, Vcpu};
pub use lent::LentPage;
pub use page::{PAGE_SIZE, SharedPage};
pub use pages::SharedPages;
pub use shared_info::{EVENT_WORDS, LEGACY_VCPUS, SharedInfo, VcpuInfo};
#[doc(hidden)]
pub use start_info::PHYS32_ENTRY;
pub use start_info::{NoStartInfo, StartInfo};
pub use unplug::{Devices, Drivers, NoPlatform, NotUnplugged, PlatformPorts, unplug};
pub use word::{Hypercall, Number, Word};
