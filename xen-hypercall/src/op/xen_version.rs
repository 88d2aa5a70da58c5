//! `xen_version`: what Xen is and offers (`version.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue, issue_plain};
use crate::{Errno, Hypercall, Number};

/// A version of Xen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number before the dot.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

const VERSION: usize = 0;

/// Returns the version of the running Xen.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `XENVER_version`, every version.
#[doc(alias = "XENVER_version")]
pub fn version<H: Hypercall + ?Sized>(hook: &H) -> Result<Version, Errno> {
    let raw = Errno::value(issue_plain(hook, Number::XEN_VERSION, VERSION))?;
    let [b0, b1, b2, b3, ..] = raw.to_le_bytes();
    Ok(Version { major: u16::from_le_bytes([b2, b3]), minor: u16::from_le_bytes([b0, b1]) })
}

#[repr(C)]
struct FeatureInfo {
    submap_idx: u32,
    submap: u32,
}

const_assert_eq!(size_of::<FeatureInfo>(), 8);

// SAFETY: laid out as `xen_feature_info`; Xen writes the block only.
unsafe impl Command for FeatureInfo {
    const NUMBER: Number = Number::XEN_VERSION;
    const CMD: usize = 6;
}

/// Returns the 32 feature bits (`XENFEAT_*` of `features.h`) with the numbers from 32 × `submap` on.
///
/// # Errors
/// What Xen said; `EINVAL` for a `submap` that it does not have.
///
/// # Xen
/// `XENVER_get_features`, every version.
#[doc(alias("XENVER_get_features", "xen_setup_features"))]
pub fn features<H: Hypercall + ?Sized>(hook: &H, submap: u32) -> Result<u32, Errno> {
    let mut block = FeatureInfo { submap_idx: submap, submap: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(block.submap)
}
