//! The barrier of the processors, in one thread: who is waited for, what each is told, and who comes too late.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use std::cell::{Cell, RefCell};

use xen_hypercall::{Errno, Nanos, Vcpu};
use xen_suspend::services::{IpiPark, Reach};
use xen_suspend::{Class, Clock, Duty, Fatal, NoSeat, Order, Rendezvous, Seat, Stage, VcpuPark};

const ONE: Vcpu = Vcpu(1);
const TWO: Vcpu = Vcpu(2);
const NEW: Order = Order { stage: Stage::PerVcpu, class: Class::New };
const TIMERS: Order = Order { stage: Stage::Timers, class: Class::New };

fn seats() -> [Seat; 4] {
    [const { Seat::new() }; 4]
}

#[test]
fn all_that_have_joined_are_waited_for_and_nobody_else() {
    let seats = seats();
    let barrier = Rendezvous::new(&seats);
    barrier.join(ONE).unwrap();
    barrier.join(TWO).unwrap();
    assert_eq!(barrier.duty(ONE), Duty::Go);
    barrier.call();
    assert_eq!(barrier.absent().collect::<Vec<_>>(), [ONE, TWO]);
    assert_eq!(barrier.duty(TWO), Duty::Stay);
    assert_eq!(barrier.absent().collect::<Vec<_>>(), [ONE]);
    barrier.leave(ONE);
    assert!(barrier.all_here(), "one that went down is not waited for");
    barrier.dismiss();
    assert_eq!(barrier.duty(TWO), Duty::Go);
}

#[test]
fn who_joins_while_it_is_dark_waits_before_anything_else() {
    let seats = seats();
    let barrier = Rendezvous::new(&seats);
    barrier.call();
    assert!(barrier.all_here());
    barrier.join(ONE).unwrap();
    assert_eq!(barrier.duty(ONE), Duty::Stay);
    barrier.dismiss();
    assert_eq!(barrier.duty(ONE), Duty::Go);
}

#[test]
fn an_order_is_carried_out_once_by_each() {
    let seats = seats();
    let barrier = Rendezvous::new(&seats);
    [ONE, TWO].into_iter().for_each(|vcpu| {
        barrier.join(vcpu).unwrap();
    });
    for _ in 0..3 {
        barrier.call();
        [ONE, TWO].into_iter().for_each(|vcpu| {
            assert_eq!(barrier.duty(vcpu), Duty::Stay, "nothing of an earlier round");
        });
        for order in [NEW, TIMERS, NEW] {
            barrier.order(order);
            assert_eq!(barrier.duty(ONE), Duty::Do(order));
            barrier.done(ONE, Ok(()));
            assert_eq!(barrier.duty(ONE), Duty::Stay);
            assert_eq!(barrier.all_done(order), None, "the other has not done it");
            assert_eq!(barrier.duty(TWO), Duty::Do(order));
            barrier.done(TWO, Ok(()));
            assert_eq!(barrier.all_done(order), Some(Ok(())));
        }
        barrier.dismiss();
    }
}

#[test]
fn who_comes_too_late_goes_on() {
    let seats = seats();
    let barrier = Rendezvous::new(&seats);
    barrier.join(ONE).unwrap();
    barrier.call();
    barrier.dismiss();
    assert_eq!(barrier.duty(ONE), Duty::Go);
    barrier.call();
    assert!(!barrier.all_here(), "it has not come for this round");
}

#[test]
fn a_failure_is_told_with_xens_word() {
    let seats = seats();
    let barrier = Rendezvous::new(&seats);
    [ONE, TWO].into_iter().for_each(|vcpu| {
        barrier.join(vcpu).unwrap();
    });
    barrier.call();
    [ONE, TWO].into_iter().for_each(|vcpu| {
        barrier.duty(vcpu);
    });
    for errno in [Some(Errno::ENOMEM), None] {
        barrier.order(NEW);
        barrier.done(ONE, Ok(()));
        barrier.done(TWO, Err(Fatal { stage: Stage::PerVcpu, errno }));
        assert_eq!(barrier.all_done(NEW), Some(Err(Fatal { stage: Stage::PerVcpu, errno })));
    }
    barrier.order(TIMERS);
    [ONE, TWO].into_iter().for_each(|vcpu| {
        barrier.done(vcpu, Ok(()));
    });
    assert_eq!(barrier.all_done(TIMERS), Some(Ok(())), "an old failure is forgotten");
}

#[test]
fn without_a_seat_none_may_run() {
    let seats = seats();
    assert_eq!(Rendezvous::new(&seats).join(Vcpu(4)), Err(NoSeat(Vcpu(4))));
}

/// Virtual time, which goes on by a millisecond with each look.
#[derive(Default)]
struct Ticking(Cell<u64>);

impl Clock for Ticking {
    fn now(&self) -> Nanos {
        self.0.set(self.0.get() + 1);
        Nanos::from_millis(self.0.get())
    }

    fn wall(&self) -> Option<Nanos> {
        None
    }
}

/// Two processors, of which the second comes after so many interrupts; 0: never.
struct Crew<'a> {
    barrier: &'a Rendezvous<'a>,
    comes_after: usize,
    interrupts: RefCell<Vec<Vcpu>>,
}

impl Reach for &Crew<'_> {
    fn interrupt(&self, vcpu: Vcpu) {
        self.interrupts.borrow_mut().push(vcpu);
        let times = self.interrupts.borrow().iter().filter(|known| **known == vcpu).count();
        if vcpu == ONE || times == self.comes_after {
            self.barrier.duty(vcpu);
        }
    }

    fn pause(&self) {}
}

fn park(comes_after: usize) -> (bool, usize) {
    let seats = seats();
    let barrier = Rendezvous::new(&seats);
    [ONE, TWO].into_iter().for_each(|vcpu| {
        barrier.join(vcpu).unwrap();
    });
    let crew = Crew { barrier: &barrier, comes_after, interrupts: RefCell::default() };
    let clock = Ticking::default();
    let mut park = IpiPark::new(&barrier, &crew, &clock);
    let came = park.park(Nanos::from_millis(100));
    park.release();
    assert_eq!([ONE, TWO].map(|vcpu| barrier.duty(vcpu)), [Duty::Go; 2], "released, whether they came or not");
    let second = crew.interrupts.borrow().iter().filter(|vcpu| **vcpu == TWO).count();
    (came, second)
}

#[test]
fn a_lost_interrupt_is_sent_again() {
    assert_eq!(park(1), (true, 1));
    assert_eq!(park(3), (true, 3));
}

#[test]
fn one_that_does_not_come_ends_the_attempt_at_its_deadline() {
    let (came, interrupts) = park(0);
    assert!(!came && (5..=11).contains(&interrupts), "{interrupts}");
}
