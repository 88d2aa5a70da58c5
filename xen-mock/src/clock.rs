//! Virtual time.

use xen_hypercall::Nanos;

use crate::memory::Frame;

/// Ticks of the TSC in a nanosecond.
const TICKS: u64 = 2;
/// `tsc_to_system_mul` for that frequency, with a shift of 0: 2^32 / 2.
const MUL: u32 = 1 << 31;
/// `wc_version` and the three words after it, in `shared_info`.
const WALL: usize = 3072;
/// `vcpu_time_info` in `vcpu_info`.
const TIME: usize = 32;

/// Time passes only when the guest does something, or sleeps.
#[derive(Debug)]
pub(crate) struct Clock {
    now: Nanos,
    /// Uptime of the host when the test began, wrapping.
    uptime: u64,
    /// Time of day when the test began.
    wall: Nanos,
    tsc: u64,
}

impl Clock {
    pub(crate) const fn new(uptime: Nanos, wall: Nanos) -> Self {
        Self { now: Nanos::ZERO, uptime: uptime.0, wall, tsc: 1_000_000 }
    }

    pub(crate) const fn now(&self) -> Nanos {
        self.now
    }

    pub(crate) const fn advance(&mut self, by: Nanos) {
        self.now = self.now.after(by);
    }

    pub(crate) fn jump(&mut self, to: Nanos) {
        self.now = self.now.max(to);
    }

    /// Returns Xen's system time: the host's uptime.
    pub(crate) const fn system(&self) -> u64 {
        self.uptime.wrapping_add(self.now.0)
    }

    /// Returns when system time will be `system`.
    pub(crate) const fn when(&self, system: u64) -> Nanos {
        self.now.after(Nanos(system.saturating_sub(self.system())))
    }

    pub(crate) const fn tsc(&self) -> u64 {
        self.tsc.wrapping_add(self.now.0.wrapping_mul(TICKS))
    }

    /// Goes on on a host that has now been up for `uptime`. The guest's TSC goes on.
    pub(crate) const fn move_to_host(&mut self, uptime: Nanos) {
        self.uptime = uptime.0.wrapping_sub(self.now.0);
    }

    /// Writes the record of one processor, `at` which its `vcpu_info` starts.
    pub(crate) fn write_time(&self, (frame, at): (Frame, usize)) {
        let at = at + TIME;
        let version = frame.u32(at) & !1;
        frame.set_u32(at, version.wrapping_add(1));
        frame.set_u64(at + 8, self.tsc());
        frame.set_u64(at + 16, self.system());
        frame.set_u32(at + 24, MUL);
        // tsc_shift 0; flag 0: the TSC is stable.
        frame.write(at + 28, &[0, 1, 0, 0]);
        frame.set_u32(at, version.wrapping_add(2));
    }

    /// Writes the time of day at system time 0 into `shared_info`.
    pub(crate) fn write_wall(&self, shared: Frame) {
        let base = self.wall.0.wrapping_sub(self.uptime);
        let (secs, nanos) = (base / 1_000_000_000, (base % 1_000_000_000) as u32);
        let version = shared.u32(WALL) & !1;
        shared.set_u32(WALL, version.wrapping_add(1));
        shared.set_u32(WALL + 4, secs as u32);
        shared.set_u32(WALL + 8, nanos);
        shared.set_u32(WALL + 12, (secs >> 32) as u32);
        shared.set_u32(WALL, version.wrapping_add(2));
    }
}
