//! Typed operations, one module a hypercall.
//!
//! Each function encodes the argument block of Xen's header, makes the call through the hook and decodes the result:
//! success exactly as the operation defines it, anything else an [`Errno`](crate::Errno).

#[doc(alias = "HYPERVISOR_console_io")]
pub mod console_io;
#[doc(alias = "HYPERVISOR_event_channel_op")]
pub mod event_channel;
#[doc(alias = "HYPERVISOR_grant_table_op")]
pub mod grant_table;
#[doc(alias = "HYPERVISOR_hvm_op")]
pub mod hvm;
#[doc(alias = "HYPERVISOR_memory_op")]
pub mod memory;
#[doc(alias = "HYPERVISOR_sched_op")]
pub mod sched;
#[doc(alias = "HYPERVISOR_vcpu_op")]
pub mod vcpu;
#[doc(alias = "HYPERVISOR_xen_version")]
pub mod xen_version;
