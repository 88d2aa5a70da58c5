//! Finds Xen by CPUID.

use core::fmt;

use crate::{Cpu, Cpuid};

/// What CPUID tells of the running Xen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// The first of Xen's leaves: 0x4000_0000, or higher where another interface stands before it.
    pub base: u32,
    /// The number before the dot of Xen's version.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

/// Xen's leaves are not there: the guest runs on bare metal, or on something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoXen;

impl fmt::Display for NoXen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no CPUID leaf between 0x40000000 and 0x4000ff00 bears Xen's signature")
    }
}

impl core::error::Error for NoXen {}

const FIRST: u32 = 0x4000_0000;
const LAST: u32 = 0x4000_FF00;
const STEP: usize = 0x100;
const SIGNATURE: &[u8; 12] = b"XenVMMXenVMM";

/// Looks for Xen in the range of leaves that hypervisors use.
///
/// # Errors
/// [`NoXen`] if no leaf bears its signature, or if one does but has no leaves behind it.
///
/// # Xen
/// `arch-x86/cpuid.h`: the leaves may stand at any multiple of 0x100 from 0x4000_0000 on.
#[doc(alias = "xen_cpuid_base")]
pub fn detect<C: Cpu + ?Sized>(cpu: &C) -> Result<Presence, NoXen> {
    (FIRST..=LAST).step_by(STEP).find_map(|base| at(cpu, base)).ok_or(NoXen)
}

fn at<C: Cpu + ?Sized>(cpu: &C, base: u32) -> Option<Presence> {
    let head = cpu.cpuid(base, 0);
    let last_needed = base.checked_add(2)?;
    if head.signature() != *SIGNATURE || head.eax < last_needed {
        return None;
    }
    let Cpuid { eax, .. } = cpu.cpuid(base.checked_add(1)?, 0);
    let [b0, b1, b2, b3] = eax.to_le_bytes();
    Some(Presence { base, major: u16::from_le_bytes([b2, b3]), minor: u16::from_le_bytes([b0, b1]) })
}

/// Returns the incarnation of the domain: a count that each restore raises, 0 when Xen does not tell.
///
/// # Xen
/// `arch-x86/cpuid.h`, leaf base + 3, sub-leaf 0, EDX.
pub fn incarnation<C: Cpu + ?Sized>(cpu: &C, presence: Presence) -> u32 {
    presence.base.checked_add(3).map_or(0, |leaf| cpu.cpuid(leaf, 0).edx)
}
