//! The clock never goes back, whatever becomes of the host below it.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fake;

use core::sync::atomic::Ordering::Relaxed;

use fake::{Leaves, page};
use proptest::prelude::*;
use xen_hypercall::{Clock, Nanos, SharedInfo, SystemTime};

/// Writes Xen's record: one nanosecond a tick.
fn record(info: &SharedInfo, tsc: u64, system: u64) {
    let [version, _, ts_lo, ts_hi, st_lo, st_hi, mul, shift] = info.vcpu0().time();
    version.fetch_add(1, Relaxed);
    for (value, [lo, hi]) in [(tsc, [ts_lo, ts_hi]), (system, [st_lo, st_hi])] {
        lo.store(u32::try_from(value & 0xFFFF_FFFF).unwrap(), Relaxed);
        hi.store(u32::try_from(value >> 32).unwrap(), Relaxed);
    }
    mul.store(1 << 31, Relaxed);
    shift.store(1, Relaxed);
    version.fetch_add(1, Relaxed);
}

#[test]
fn a_restore_on_another_host_does_not_move_the_time() {
    for uptime in [0, 17, 1 << 50] {
        let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
        let clock = Clock::new(&cpu, &info);
        record(&info, 0, 5_000_000);
        cpu.tsc.set(100);
        assert_eq!(clock.now(), Nanos(5_000_100));
        clock.hold();
        record(&info, 100, uptime);
        assert_eq!(clock.now(), Nanos(5_000_100), "old memory is not looked at");
        clock.rebuild();
        cpu.tsc.set(150);
        assert_eq!(clock.now(), Nanos(5_000_150));
        assert_eq!(clock.system_time(), Some(SystemTime(uptime + 50)));
        assert_eq!(clock.to_system(Nanos(5_000_250)), SystemTime(uptime + 150), "a deadline for the new host");
    }
}

#[test]
fn in_the_same_domain_the_clock_ran_on() {
    let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
    let clock = Clock::new(&cpu, &info);
    record(&info, 0, 1000);
    clock.hold();
    record(&info, 500, 9000);
    cpu.tsc.set(500);
    assert_eq!(clock.now(), Nanos(1500));
    clock.release();
    assert_eq!(clock.now(), Nanos(9000));
}

/// H15: a record that is never whole ends the search, and the clock goes on by one that was.
#[test]
fn a_record_in_the_making_for_ever_is_no_loop() {
    let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
    let clock = Clock::new(&cpu, &info);
    record(&info, 0, 7000);
    assert_eq!(clock.now(), Nanos(7000));
    let [version, ..] = info.vcpu0().time();
    version.fetch_add(1, Relaxed);
    cpu.tsc.set(30);
    assert_eq!((clock.system_time(), clock.now()), (Some(SystemTime(7030)), Nanos(7030)));
    let [version, ..] = info.wall_clock();
    version.store(1, Relaxed);
    assert_eq!(clock.wall_clock(), None);
}

#[test]
fn without_any_record_there_is_no_time() {
    let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
    let clock = Clock::new(&cpu, &info);
    let [version, ..] = info.vcpu0().time();
    version.store(1, Relaxed);
    clock.hold();
    cpu.tsc.set(30);
    assert_eq!((clock.system_time(), clock.now()), (None, Nanos::ZERO));
}

/// Moved without being asked: where `shared_info` was is a hole, before the clock is held, and in the hold.
#[test]
fn a_hole_does_not_move_the_time() {
    for uptime in [0, 1 << 50] {
        let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
        let clock = Clock::new(&cpu, &info);
        record(&info, 0, 5_000_000);
        assert_eq!(clock.now(), Nanos(5_000_000));
        info.vcpu0().time().iter().for_each(|word| word.store(u32::MAX, Relaxed));
        cpu.tsc.set(100);
        assert_eq!(clock.now(), Nanos(5_000_100));
        clock.hold();
        info.vcpu0().time().iter().for_each(|word| word.store(0, Relaxed));
        record(&info, 100, uptime);
        clock.rebuild();
        cpu.tsc.set(150);
        assert_eq!((clock.now(), clock.system_time()), (Nanos(5_000_150), Some(SystemTime(uptime + 50))));
    }
}

/// H16: nanoseconds beyond a second, and seconds beyond all time.
#[test]
fn the_wall_clock_saturates() {
    let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
    let clock = Clock::new(&cpu, &info);
    record(&info, 0, 5);
    let [_, sec, nsec, sec_hi] = info.wall_clock();
    sec.store(3, Relaxed);
    nsec.store(u32::MAX, Relaxed);
    assert_eq!(clock.wall_clock(), Some(Nanos(3_000_000_000 + u64::from(u32::MAX) + 5)));
    sec_hi.store(u32::MAX, Relaxed);
    assert_eq!(clock.wall_clock(), Some(Nanos::MAX));
}

proptest! {
    /// H15: whatever Xen writes and the counter shows, without a resume or with: never back.
    #[test]
    fn never_goes_back(steps in prop::collection::vec((0_u8..4, any::<u64>(), any::<u64>()), 0..40)) {
        let (cpu, info) = (Leaves::default(), SharedInfo::new(page(1)));
        let clock = Clock::new(&cpu, &info);
        let mut last = Nanos::ZERO;
        for (step, a, b) in steps {
            match step {
                0 => record(&info, a, b),
                1 => cpu.tsc.set(a),
                2 => clock.hold(),
                _ => clock.rebuild(),
            }
            let now = clock.now();
            prop_assert!(now >= last);
            last = now;
        }
    }
}
