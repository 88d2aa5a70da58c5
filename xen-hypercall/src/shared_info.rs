//! The page by which Xen tells a domain of events and of the time.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::SharedPage;

/// Words of 64 bits in a bitmap of the 2-level event channels.
pub const EVENT_WORDS: usize = 64;

/// The `shared_info` page of a domain of 64 bits.
///
/// Xen sets pending bits and writes the time; the guest clears pending bits and writes masks.
///
/// # Xen
/// `shared_info` of `xen.h`, x86_64: 32 × `vcpu_info` (64 bytes each), 64 words pending, 64 words mask, wall clock.
#[derive(Debug)]
pub struct SharedInfo(SharedPage);

impl SharedInfo {
    /// Takes the page where Xen's `shared_info` is, or will be, mapped.
    #[must_use]
    pub const fn new(page: SharedPage) -> Self {
        Self(page)
    }

    /// Returns the page, to map it.
    #[must_use]
    pub const fn page(&self) -> &SharedPage {
        &self.0
    }

    /// Returns the bits of events that have come (`evtchn_pending`): set by Xen, cleared by the guest.
    #[must_use]
    pub fn pending(&self) -> &[AtomicU64; EVENT_WORDS] {
        self.0.u64s_at::<2048, EVENT_WORDS>()
    }

    /// Returns the bits of ports that shall not disturb (`evtchn_mask`): written by the guest.
    #[must_use]
    pub fn mask(&self) -> &[AtomicU64; EVENT_WORDS] {
        self.0.u64s_at::<2560, EVENT_WORDS>()
    }

    /// Returns the record of vCPU 0, the only one of this page that a guest of one processor uses.
    #[must_use]
    pub const fn vcpu0(&self) -> VcpuInfo<'_> {
        VcpuInfo(&self.0)
    }

    /// Returns `wc_version`, `wc_sec` (low), `wc_nsec` and `wc_sec_hi`: the wall clock at system time 0.
    #[must_use]
    pub fn wall_clock(&self) -> [&AtomicU32; 4] {
        let [version, sec, nsec, sec_hi] = self.0.u32s_at::<3072, 4>();
        [version, sec, nsec, sec_hi]
    }
}

/// The record of one processor, in the place that it has in [`SharedInfo`].
///
/// # Xen
/// `vcpu_info` of `xen.h`, x86_64.
#[derive(Debug, Clone, Copy)]
pub struct VcpuInfo<'a>(&'a SharedPage);

impl<'a> VcpuInfo<'a> {
    /// Returns `evtchn_upcall_pending`: set by Xen when there is a new event, cleared by the guest before it looks.
    #[must_use]
    pub fn upcall_pending(self) -> &'a AtomicU8 {
        self.0.u8_at::<0>()
    }

    /// Returns `evtchn_pending_sel`: a bit for each word of [`SharedInfo::pending`] that is worth a look.
    #[must_use]
    pub fn pending_sel(self) -> &'a AtomicU64 {
        self.0.u64_at::<8>()
    }

    /// Returns the 8 words of `vcpu_time_info`, which Xen writes under a version.
    #[must_use]
    pub fn time(self) -> &'a [AtomicU32; 8] {
        self.0.u32s_at::<32, 8>()
    }
}
