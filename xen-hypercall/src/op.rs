//! Typed operations, one module a hypercall.
//!
//! Each function encodes the argument block of Xen's header, makes the call through the hook and decodes the result:
//! success exactly as the operation defines it, anything else an [`Errno`](crate::Errno).

pub mod console_io;
pub mod event_channel;
pub mod grant_table;
pub mod hvm;
pub mod memory;
pub mod sched;
pub mod vcpu;
pub mod xen_version;
