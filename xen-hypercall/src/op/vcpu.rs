//! `vcpu_op`: virtual processors (`vcpu.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue_vcpu, issue_vcpu_plain};
use crate::shared_info::VCPU_INFO_SIZE;
use crate::{Errno, Hypercall, Number, PAGE_SIZE, SharedPage, Vcpu};

const IS_UP: usize = 3;

/// Tells whether a processor is up.
///
/// # Errors
/// What Xen said; `ENOENT` for a processor that the domain does not have.
///
/// # Xen
/// `VCPUOP_is_up`.
pub fn is_up<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<bool, Errno> {
    let number = usize::try_from(vcpu.0).map_err(|_| Errno::ENOENT)?;
    Errno::value(issue_vcpu_plain(hook, number, IS_UP)).map(|up| up != 0)
}

#[repr(C)]
struct RegisterVcpuInfo {
    mfn: u64,
    offset: u32,
    rsvd: u32,
}

const_assert_eq!(size_of::<RegisterVcpuInfo>(), 16);

// SAFETY: laid out as `vcpu_register_vcpu_info`; Xen writes into a page that a `SharedPage` owns.
unsafe impl Command for RegisterVcpuInfo {
    const NUMBER: Number = Number::VCPU_OP;
    const CMD: usize = 10;
}

/// Moves the `vcpu_info` of a processor to byte `OFFSET` of `page`, for good.
///
/// To be called on that processor: older versions of Xen accept it from no other running one.
///
/// # Errors
/// What Xen said; `EBUSY` (before Xen 4.17 also `EINVAL`) if it is registered already.
///
/// # Xen
/// `VCPUOP_register_vcpu_info`.
pub fn register_vcpu_info<H: Hypercall + ?Sized, const OFFSET: usize>(
    hook: &H,
    vcpu: Vcpu,
    page: &'static SharedPage,
) -> Result<(), Errno> {
    const { assert!(OFFSET.is_multiple_of(8) && OFFSET <= PAGE_SIZE - VCPU_INFO_SIZE, "64 aligned bytes in the page") }
    let number = usize::try_from(vcpu.0).map_err(|_| Errno::ENOENT)?;
    let offset = u32::try_from(OFFSET).map_err(|_| Errno::EINVAL)?;
    let mut block = RegisterVcpuInfo { mfn: page.gfn().0, offset, rsvd: 0 };
    Errno::exact(issue_vcpu(hook, number, &mut block))
}
