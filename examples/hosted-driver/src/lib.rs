//! A disk driver in somebody else's operating system, which uses the coordinator and nothing else of this family.
//!
//! The system owns interrupts, memory, grants, event channels and xenstore, and calls the driver back: an event came
//! ([`Driver::on_upcall`]), the work item runs ([`Driver::on_work`]), the system stops ([`Driver::on_shutdown`]). There is no
//! main loop and no thread to wait in: a suspend that must wait sets the timer and returns. The processors are held by the
//! system's own call, within which the step from the rendezvous to the release is made. Nothing is allocated while
//! interrupts are off, which the tests hold by an allocator that counts.
//!
//! [`Os`] and [`Bus`] are doubles; the rest is what such a driver would have.

mod bus;
mod disk;
mod driver;
mod hooks;
mod os;

pub use bus::{Bus, Fate, RING};
pub use driver::Driver;
pub use hooks::SHUTDOWN;
pub use os::{Level, Os, level};
