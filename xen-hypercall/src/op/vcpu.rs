//! `vcpu_op`: virtual processors (`vcpu.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

mod context;

use static_assertions::const_assert_eq;

use crate::command::{Command, issue_vcpu, issue_vcpu_plain};
use crate::{Errno, Hypercall, Number, SystemTime, Vcpu, VcpuInfo};

pub use context::{LongMode, initialise};

const UP: usize = 1;
const DOWN: usize = 2;
const IS_UP: usize = 3;
const STOP_PERIODIC_TIMER: usize = 7;
const STOP_SINGLESHOT_TIMER: usize = 9;

/// Makes an operation without a block, whose one success is 0.
fn plain<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu, cmd: usize) -> Result<(), Errno> {
    let number = usize::try_from(vcpu.0).map_err(|_| Errno::ENOENT)?;
    Errno::exact(issue_vcpu_plain(hook, number, cmd))
}

fn exact<H: Hypercall + ?Sized, C: Command>(hook: &H, vcpu: Vcpu, block: &mut C) -> Result<(), Errno> {
    let number = usize::try_from(vcpu.0).map_err(|_| Errno::ENOENT)?;
    Errno::exact(issue_vcpu(hook, number, block))
}

/// Tells whether a processor is up.
///
/// # Errors
/// What Xen said; `ENOENT` for a processor that the domain does not have.
///
/// # Xen
/// `VCPUOP_is_up`.
#[doc(alias = "VCPUOP_is_up")]
pub fn is_up<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<bool, Errno> {
    let number = usize::try_from(vcpu.0).map_err(|_| Errno::ENOENT)?;
    Errno::value(issue_vcpu_plain(hook, number, IS_UP)).map(|up| up != 0)
}

/// Counts the processors that the domain has, up or not, by asking for each in turn; at most `limit`.
///
/// # Xen
/// `VCPUOP_is_up`, until one does not exist.
pub fn count<H: Hypercall + ?Sized>(hook: &H, limit: u32) -> u32 {
    (0..limit).find(|&vcpu| is_up(hook, Vcpu(vcpu)).is_err()).unwrap_or(limit)
}

/// Lets a processor run that was initialised or went down.
///
/// # Errors
/// What Xen said; `EINVAL` for one that was never initialised, `ENOENT` for one that there is not.
///
/// # Xen
/// `VCPUOP_up`.
#[doc(alias = "VCPUOP_up")]
pub fn up<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<(), Errno> {
    plain(hook, vcpu, UP)
}

/// Stops a processor until [`up`]. It does not return if that is the calling one, until it is up again.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `VCPUOP_down`; with the last processor the domain powers off.
#[doc(alias = "VCPUOP_down")]
pub fn down<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<(), Errno> {
    plain(hook, vcpu, DOWN)
}

/// Stops the periodic timer of the calling processor, which a PV guest has from the start.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `VCPUOP_stop_periodic_timer`; only on the processor itself.
#[doc(alias = "VCPUOP_stop_periodic_timer")]
pub fn stop_periodic_timer<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<(), Errno> {
    plain(hook, vcpu, STOP_PERIODIC_TIMER)
}

/// Takes back what [`set_singleshot_timer`] armed.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `VCPUOP_stop_singleshot_timer`; only on the processor itself.
#[doc(alias = "VCPUOP_stop_singleshot_timer")]
pub fn stop_singleshot_timer<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<(), Errno> {
    plain(hook, vcpu, STOP_SINGLESHOT_TIMER)
}

#[repr(C)]
struct SetSingleshotTimer {
    timeout_abs_ns: u64,
    flags: u32,
    pad: u32,
}

const_assert_eq!(size_of::<SetSingleshotTimer>(), 16);

// SAFETY: laid out as `vcpu_set_singleshot_timer`, with its padding named; Xen reads the block only.
unsafe impl Command for SetSingleshotTimer {
    const NUMBER: Number = Number::VCPU_OP;
    const CMD: usize = 8;
}

/// Has `VIRQ_TIMER` raised on the calling processor once, at `at`; at once if that is past.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `VCPUOP_set_singleshot_timer`, without `VCPU_SSHOTTMR_future`; only on the processor itself.
#[doc(alias = "VCPUOP_set_singleshot_timer")]
pub fn set_singleshot_timer<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu, at: SystemTime) -> Result<(), Errno> {
    exact(hook, vcpu, &mut SetSingleshotTimer { timeout_abs_ns: at.0, flags: 0, pad: 0 })
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

/// Moves the record of a processor to `place`, for as long as the domain lives.
///
/// To be called on that processor: older versions of Xen accept it from no other running one. Xen marks every event word
/// of the record as worth a look. A processor from [`LEGACY_VCPUS`](crate::LEGACY_VCPUS) on can do nothing without.
///
/// Does not compile: Xen writes there for ever, so the page is there for ever.
/// ```compile_fail,E0597
/// # use xen_hypercall::{SharedPage, Vcpu, VcpuInfo, op::vcpu};
/// # fn wrong(hook: &xen_mock::Hook, page: SharedPage) {
/// let record = VcpuInfo::new(&page, 0).expect("the first place");
/// vcpu::register_vcpu_info(hook, Vcpu(1), record);
/// # }
/// ```
///
/// # Errors
/// What Xen said; `EBUSY` (before Xen 4.17 also `EINVAL`) if it is registered already.
///
/// # Xen
/// `VCPUOP_register_vcpu_info`.
#[doc(alias("VCPUOP_register_vcpu_info", "xen_vcpu_setup"))]
pub fn register_vcpu_info<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu, place: VcpuInfo<'static>) -> Result<(), Errno> {
    let (page, offset) = place.0.location();
    let offset = u32::try_from(offset).map_err(|_| Errno::EINVAL)?;
    exact(hook, vcpu, &mut RegisterVcpuInfo { mfn: page.gfn().0, offset, rsvd: 0 })
}
