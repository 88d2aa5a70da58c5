//! The page by which Xen tells a domain of events and of the time.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::memory::Memory as _;
use crate::place::Place;
use crate::{SharedPage, Vcpu};

/// Words of 64 bits in a bitmap of the 2-level event channels.
pub const EVENT_WORDS: usize = 64;

/// Bytes of a `vcpu_info`.
pub(crate) const VCPU_INFO_SIZE: usize = 64;
/// Processors whose record has a place in [`SharedInfo`].
pub const LEGACY_VCPUS: usize = 32;

// Where things lie in `shared_info`.
const PENDING: usize = 2048;
const MASK: usize = 2560;
const WC_VERSION: usize = 3072;
const WC_SEC: usize = 3076;
const WC_NSEC: usize = 3080;
const WC_SEC_HI: usize = 3084;

// Where things lie in `vcpu_info`.
const UPCALL_PENDING: usize = 0;
const PENDING_SEL: usize = 8;
const TIME: usize = 32;
/// Words of 32 bits in a `vcpu_time_info`.
pub(crate) const TIME_WORDS: usize = 8;

/// The `shared_info` page of a domain of 64 bits.
///
/// Xen sets pending bits and writes the time; the guest clears pending bits and writes masks.
///
/// # Xen
/// `shared_info` of `xen.h`, x86_64: 32 × `vcpu_info` (64 bytes each), 64 words pending, 64 words mask, wall clock.
#[doc(alias("shared_info", "HYPERVISOR_shared_info"))]
#[derive(Debug)]
pub struct SharedInfo(SharedPage);

impl SharedInfo {
    /// Takes the page where Xen's `shared_info` is, or will be, mapped.
    #[inline]
    #[must_use]
    pub const fn new(page: SharedPage) -> Self {
        Self(page)
    }

    /// Returns the page, to map it.
    #[inline]
    #[must_use]
    pub const fn page(&self) -> &SharedPage {
        &self.0
    }

    /// Returns the bits of events that have come (`evtchn_pending`): set by Xen, cleared by the guest.
    #[doc(alias = "evtchn_pending")]
    #[inline]
    #[must_use]
    pub fn pending(&self) -> &[AtomicU64; EVENT_WORDS] {
        self.0.array_at(PENDING)
    }

    /// Returns the bits of ports that shall not disturb (`evtchn_mask`): written by the guest.
    #[doc(alias = "evtchn_mask")]
    #[inline]
    #[must_use]
    pub fn mask(&self) -> &[AtomicU64; EVENT_WORDS] {
        self.0.array_at(MASK)
    }

    /// Returns the record of vCPU 0, the only one of this page that a guest of one processor uses.
    #[inline]
    #[must_use]
    pub const fn vcpu0(&self) -> VcpuInfo<'_> {
        VcpuInfo(Place::first(&self.0))
    }

    /// Returns the record that a processor has in this page as long as it has registered none elsewhere; `None` for those
    /// from [`LEGACY_VCPUS`] on, which have no place here.
    #[inline]
    #[must_use]
    pub fn vcpu(&self, vcpu: Vcpu) -> Option<VcpuInfo<'_>> {
        let place = usize::try_from(vcpu.0).ok().filter(|&place| place < LEGACY_VCPUS)?;
        VcpuInfo::new(&self.0, place)
    }

    /// Returns `wc_version`, `wc_sec` (low), `wc_nsec` and `wc_sec_hi`: the wall clock at system time 0.
    #[inline]
    #[must_use]
    pub fn wall_clock(&self) -> [&AtomicU32; 4] {
        let page = &self.0;
        [page.u32_at::<WC_VERSION>(), page.u32_at::<WC_SEC>(), page.u32_at::<WC_NSEC>(), page.u32_at::<WC_SEC_HI>()]
    }
}

/// The record of one processor: in its place in [`SharedInfo`], or where it was registered.
///
/// # Xen
/// `vcpu_info` of `xen.h`, x86_64.
#[doc(alias = "vcpu_info")]
#[derive(Debug, Clone, Copy)]
pub struct VcpuInfo<'a>(pub(crate) Place<'a, VCPU_INFO_SIZE>);

impl<'a> VcpuInfo<'a> {
    /// Places of 64 bytes for records in one page.
    pub const PLACES: usize = Place::<VCPU_INFO_SIZE>::ALL;

    /// Names a place in a page of records, to register it; `None` from [`VcpuInfo::PLACES`] on.
    #[inline]
    #[must_use]
    pub fn new(page: &'a SharedPage, place: usize) -> Option<Self> {
        Place::new(page, place).map(Self)
    }

    /// Returns `evtchn_upcall_pending`: set by Xen when there is a new event, cleared by the guest before it looks.
    #[doc(alias = "evtchn_upcall_pending")]
    #[inline]
    #[must_use]
    pub fn upcall_pending(self) -> &'a AtomicU8 {
        let [byte] = self.0.at(UPCALL_PENDING);
        byte
    }

    /// Returns `evtchn_pending_sel`: a bit for each word of [`SharedInfo::pending`] that is worth a look.
    #[doc(alias = "evtchn_pending_sel")]
    #[inline]
    #[must_use]
    pub fn pending_sel(self) -> &'a AtomicU64 {
        let [word] = self.0.at(PENDING_SEL);
        word
    }

    /// Returns the 8 words of `vcpu_time_info`, which Xen writes under a version.
    #[inline]
    #[must_use]
    pub fn time(self) -> &'a [AtomicU32; TIME_WORDS] {
        self.0.at(TIME)
    }
}
