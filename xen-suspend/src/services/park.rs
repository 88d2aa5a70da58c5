//! A guest of one processor.

use xen_hypercall::Nanos;

use crate::VcpuPark;

/// The only processor there is, vCPU 0: nobody else to park.
#[derive(Debug, Clone, Copy, Default)]
pub struct SoleVcpu;

impl VcpuPark for SoleVcpu {
    fn park(&mut self, _until: Nanos) -> bool {
        true
    }

    fn release(&mut self) {}
}
