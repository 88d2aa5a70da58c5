//! The processor instructions that concern Xen, as a seam.
#![expect(unsafe_code, reason = "the seam has instructions that can do anything")]

/// The four registers that CPUID returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cpuid {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

impl Cpuid {
    /// Returns EBX, ECX and EDX as the 12 bytes of a hypervisor's signature.
    #[must_use]
    pub fn signature(self) -> [u8; 12] {
        zerocopy::transmute!([self.ebx.to_le(), self.ecx.to_le(), self.edx.to_le()])
    }
}

/// The processor: what detection, the clock and the probe after a resume ask of it.
///
/// The real one is [`x86_64::Native`](crate::x86_64::Native); the mock host has its own.
pub trait Cpu {
    /// Executes CPUID.
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Cpuid;

    /// Reads the time stamp counter.
    fn tsc(&self) -> u64;

    /// Reads a model specific register.
    ///
    /// # Safety
    /// The register exists, and reading it has no effect.
    unsafe fn read_msr(&self, register: u32) -> u64;

    /// Writes a model specific register.
    ///
    /// # Safety
    /// The register exists, and what the write does to memory and to the processor may be done.
    unsafe fn write_msr(&self, register: u32, value: u64);
}

impl<C: Cpu + ?Sized> Cpu for &C {
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Cpuid {
        (**self).cpuid(leaf, subleaf)
    }

    fn tsc(&self) -> u64 {
        (**self).tsc()
    }

    unsafe fn read_msr(&self, register: u32) -> u64 {
        // SAFETY: the caller's promise is handed on.
        unsafe { (**self).read_msr(register) }
    }

    unsafe fn write_msr(&self, register: u32, value: u64) {
        // SAFETY: the caller's promise is handed on.
        unsafe { (**self).write_msr(register, value) }
    }
}
