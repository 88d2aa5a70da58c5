//! Xen's clock: system time by the TSC, and the wall clock.

mod kept;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use kept::Kept;

use crate::shared_info::TIME_WORDS;
use crate::{Cpu, Nanos, SharedInfo, SystemTime, VcpuInfo};

/// How often a record is read anew when Xen is just writing it, before one that was good is used.
const RETRIES: usize = 64;

// Where things lie in `vcpu_time_info`, in words of 32 bits; of the last, in its lowest byte.
const VERSION: usize = 0;
const TSC_TIMESTAMP: usize = 2;
const SYSTEM_TIME: usize = 4;
const TO_SYSTEM_MUL: usize = 6;
const TSC_SHIFT: usize = 7;

/// Xen's `vcpu_time_info`, copied out whole.
#[doc(alias("vcpu_time_info", "pvclock_vcpu_time_info"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeInfo {
    /// TSC at the record's time.
    pub tsc_timestamp: u64,
    /// Nanoseconds of the host's uptime at the record's time.
    pub system_time: u64,
    /// Nanoseconds per TSC tick after the shift, as a fraction of 2^32.
    pub tsc_to_system_mul: u32,
    /// Power of two by which ticks are multiplied first; negative divides.
    pub tsc_shift: i8,
}

impl TimeInfo {
    /// Returns the system time when the counter shows `tsc`.
    #[must_use]
    pub fn at(&self, tsc: u64) -> SystemTime {
        let ticks = u128::from(tsc.saturating_sub(self.tsc_timestamp));
        let shift = u32::from(self.tsc_shift.unsigned_abs()).min(63);
        let ticks = if self.tsc_shift < 0 { ticks >> shift } else { ticks << shift };
        let scaled = ticks.saturating_mul(u128::from(self.tsc_to_system_mul)) >> 32;
        SystemTime(self.system_time.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX)))
    }

    /// Copies the record out, or `None` while Xen writes it.
    ///
    /// # Xen
    /// `vcpu_time_info` of `xen.h`: an odd version means being written; equal versions before and after mean whole.
    fn read(words: &[AtomicU32; TIME_WORDS]) -> Option<Self> {
        let wide = |lo: &AtomicU32, hi: &AtomicU32| {
            u64::from(hi.load(Ordering::Relaxed)) << 32 | u64::from(lo.load(Ordering::Relaxed))
        };
        let version = &words[VERSION];
        let before = version.load(Ordering::Acquire);
        let [shift, ..] = words[TSC_SHIFT].load(Ordering::Relaxed).to_le_bytes();
        let found = Self {
            tsc_timestamp: wide(&words[TSC_TIMESTAMP], &words[TSC_TIMESTAMP + 1]),
            system_time: wide(&words[SYSTEM_TIME], &words[SYSTEM_TIME + 1]),
            tsc_to_system_mul: words[TO_SYSTEM_MUL].load(Ordering::Relaxed),
            tsc_shift: i8::from_le_bytes([shift]),
        };
        // Pairs with the write barriers between Xen's updates of the version and of the record.
        fence(Ordering::Acquire);
        let whole = before & 1 == 0 && version.load(Ordering::Relaxed) == before;
        whole.then_some(found)
    }
}

/// The guest's monotonic clock: Xen's system time, moved so that it never goes back, not even into another host.
///
/// Across a suspend it is held: [`Clock::hold`] before the call, then [`Clock::release`] in the same domain, or
/// [`Clock::rebuild`] in a new one. While held it goes on by the counter alone and does not look at `shared_info`, in whose
/// place a new domain has nothing. A guest that was moved without being asked looks there unaware, and finds a record that
/// Xen seems to write for ever; then, too, the clock goes on by the counter.
///
/// # Xen
/// `shared_info` is a page of Xen's own, which is not in an image; where nothing is, all ones are read.
#[derive(Debug)]
pub struct Clock<'a, C> {
    cpu: C,
    info: &'a SharedInfo,
    kept: Kept,
    /// Added to system time, wrapping.
    offset: AtomicU64,
    last: AtomicU64,
    /// Counts the changes of what time is computed from; made while all other processors are parked.
    changes: AtomicU32,
}

impl<'a, C: Cpu> Clock<'a, C> {
    /// Makes a clock of the mapped `shared_info`; it starts at the host's system time.
    #[must_use]
    pub const fn new(cpu: C, info: &'a SharedInfo) -> Self {
        let (offset, last, changes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU32::new(0));
        Self { cpu, info, kept: Kept::new(), offset, last, changes }
    }

    /// Returns Xen's system time, in which hypercalls take deadlines; `None` if Xen's record was in the making ever since.
    ///
    /// By the record of vCPU 0, on which this is to be called; another processor has one of its own, see
    /// [`Clock::now_on`].
    pub fn system_time(&self) -> Option<SystemTime> {
        self.system_time_on(self.info.vcpu0())
    }

    fn system_time_on(&self, vcpu: VcpuInfo<'_>) -> Option<SystemTime> {
        // One processor keeps the first record: another might be parked in the middle of it.
        let keeps = core::ptr::eq(vcpu.time(), self.info.vcpu0().time());
        let keep = |info: &TimeInfo| {
            if keeps {
                self.kept.keep_first(info)
            }
        };
        let info = match self.kept.held() {
            Some(held) => Some(held),
            None => record(vcpu).inspect(keep).or_else(|| self.kept.load()),
        };
        info.map(|info| info.at(self.cpu.tsc()))
    }

    /// Keeps a private copy of Xen's record, and uses it until the clock is released or rebuilt: on vCPU 0, when the other
    /// processors are parked.
    pub fn hold(&self) {
        if let Some(info) = record(self.info.vcpu0()) {
            self.kept.keep(&info);
        }
        self.kept.hold();
        self.changed();
    }

    /// Looks at Xen's record again, in the same domain.
    pub fn release(&self) {
        self.kept.release();
    }

    /// Returns the guest's monotonic time. Works with interrupts off.
    #[doc(alias("pvclock_clocksource_read", "xen_clocksource_read", "monotonic_clock"))]
    pub fn now(&self) -> Nanos {
        self.now_on(self.info.vcpu0())
    }

    /// Returns the guest's monotonic time on the processor whose record this is. What one processor has read, no other
    /// reads an earlier time after.
    ///
    /// A suspend may come at any moment of it, and put another host's uptime in the place of this one's.
    pub fn now_on(&self, vcpu: VcpuInfo<'_>) -> Nanos {
        let mut now = 0;
        for _ in 0..RETRIES {
            let before = self.changes.load(Ordering::Acquire);
            let offset = self.offset.load(Ordering::Relaxed);
            now = self.system_time_on(vcpu).map_or(0, |system| system.0.wrapping_add(offset));
            // Pairs with `changed`: with an offset of before and a record of after, the count has changed too.
            fence(Ordering::Acquire);
            if self.changes.load(Ordering::Relaxed) == before {
                break;
            }
        }
        Nanos(self.last.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Takes note of a change, in the middle of which no other processor reads.
    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Returns the deadline in Xen's system time that is `at` in the guest's.
    ///
    /// With several processors this and the hypercall that takes the deadline are one section of the gate: after a suspend
    /// in between, the deadline would be another host's.
    #[must_use]
    pub fn to_system(&self, at: Nanos) -> SystemTime {
        SystemTime(at.0.wrapping_sub(self.offset.load(Ordering::Relaxed)))
    }

    /// Goes on from the present time, in a new domain whose host has another uptime and maps `shared_info` again.
    pub fn rebuild(&self) {
        let last = self.now().0;
        self.kept.release();
        if let Some(info) = record(self.info.vcpu0()) {
            self.kept.keep(&info);
        }
        let system = self.system_time().map_or(last, |system| system.0);
        self.offset.store(last.wrapping_sub(system), Ordering::Relaxed);
        self.changed();
    }

    /// Returns the time of day, since 1970; `None` if Xen's record stays in the making.
    #[doc(alias = "pvclock_read_wallclock")]
    pub fn wall_clock(&self) -> Option<Nanos> {
        let base = (0..RETRIES).find_map(|_| self.wall_clock_base())?;
        Some(base.after(Nanos(self.system_time()?.0)))
    }

    fn wall_clock_base(&self) -> Option<Nanos> {
        let [version, sec, nsec, sec_hi] = self.info.wall_clock();
        let before = version.load(Ordering::Acquire);
        let secs = u64::from(sec_hi.load(Ordering::Relaxed)) << 32 | u64::from(sec.load(Ordering::Relaxed));
        let nanos = u64::from(nsec.load(Ordering::Relaxed));
        // Pairs with the write barriers between Xen's updates of the version and of the record.
        fence(Ordering::Acquire);
        let whole = before & 1 == 0 && version.load(Ordering::Relaxed) == before;
        whole.then_some(Nanos::from_secs(secs).after(Nanos(nanos)))
    }
}

fn record(vcpu: VcpuInfo<'_>) -> Option<TimeInfo> {
    (0..RETRIES).find_map(|_| TimeInfo::read(vcpu.time()))
}

#[cfg(test)]
mod tests {
    use super::TimeInfo;
    use crate::SystemTime;

    fn info(mul: u32, shift: i8) -> TimeInfo {
        TimeInfo { tsc_timestamp: 1000, system_time: 5000, tsc_to_system_mul: mul, tsc_shift: shift }
    }

    #[test]
    fn scales_ticks() {
        assert_eq!(info(1 << 31, 0).at(1200), SystemTime(5100), "2 GHz");
        assert_eq!(info(1 << 31, 1).at(1200), SystemTime(5200), "1 GHz");
        assert_eq!(info(1 << 31, -1).at(1200), SystemTime(5050), "4 GHz");
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert_eq!(info(u32::MAX, 127).at(u64::MAX), SystemTime(u64::MAX));
        assert_eq!(info(u32::MAX, -128).at(u64::MAX), SystemTime(5000));
        assert_eq!(info(1 << 31, 0).at(0), SystemTime(5000), "a counter behind the record");
    }
}
