//! The coordinator's services by the crates of this family, for an embedder that uses them.
//!
//! A kernel that has its own grants, events or xenstore client implements the traits itself and needs none of these.

mod arch;
mod clock;
mod event;
mod grant;
mod park;
mod store;
mod unplug;
mod vcpu;

pub use arch::{Platform, XenArch};
pub use clock::ClockService;
pub use event::{Canary, EventService};
pub use grant::GrantService;
pub use park::{IpiPark, Reach, SoleVcpu};
pub use store::{Exclusive, Features, Publisher, StoreControl, StoreService};
pub use unplug::UnplugService;
pub use vcpu::{Registration, VcpuService};
