//! Event channels.

use xen_evtchn::{BindError, BoundPort, Events};
use xen_hypercall::op::event_channel::{self, Binding, Virq};
use xen_hypercall::op::vcpu;
use xen_hypercall::{DomId, Errno, Hypercall, IrqGate, Nanos, Port, Vcpu};

use super::{Bench, Failed, NOBODY, at, hold};
use crate::{Machine, Upcall};

/// An event sent into one end of a channel to ourselves comes out of the other, once, and both ends close.
pub(super) fn loopback<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let open = bench.base.events.open();
    let near = bench.base.events.alloc_unbound(DomId::SELF).map_err(at("alloc"))?;
    let far = bench.base.events.bind_interdomain(DomId::SELF, near.number()).map_err(at("bind"))?;
    // A new channel may begin with an event: it is no message.
    near.take_pending().map_err(at("take"))?;
    far.take_pending().map_err(at("take"))?;
    near.notify().map_err(at("notify"))?;
    hold(far.take_pending() == Ok(true), "not-delivered")?;
    hold(far.take_pending() == Ok(false), "delivered-twice")?;
    hold(near.take_pending() == Ok(false), "delivered-to-the-sender")?;
    let number = near.number();
    near.close().map_err(at("close"))?;
    far.close().map_err(at("close"))?;
    let status = event_channel::status(bench.base.hook, number).map_err(at("status"))?;
    hold(status.binding == Binding::Closed, "still-open")?;
    hold(bench.base.events.open() == open, "ports-leaked")
}

/// A port by which the processor calls itself: found by the scan when unmasked, not when masked.
pub(super) fn ipi<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let port = bench.base.events.bind_ipi(Vcpu(0)).map_err(at("bind"))?;
    port.notify().map_err(at("notify"))?;
    hold(!scanned(bench.base.events, &port), "found-although-masked")?;
    port.unmask().map_err(at("unmask"))?;
    hold(scanned(bench.base.events, &port), "not-found")?;
    hold(!scanned(bench.base.events, &port), "found-twice")?;
    port.close().map_err(at("close"))
}

/// The timer of a processor goes off when it is due, not before, and each time that it is set.
pub(super) fn timer<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let base = bench.base;
    let port = base.events.bind_virq(Virq::TIMER, Vcpu(0)).map_err(at("bind"))?;
    let again = base.events.bind_virq(Virq::TIMER, Vcpu(0));
    hold(matches!(again, Err(BindError::Xen(Errno::EEXIST))), "bound-twice")?;
    for _ in 0..2 {
        let due = base.clock.now().after(SHORT);
        vcpu::set_singleshot_timer(base.hook, Vcpu(0), base.clock.to_system(due)).map_err(at("set"))?;
        let until = due.after(LATE);
        while port.take_pending() != Ok(true) {
            hold(base.clock.now() < until, "never-went-off")?;
            base.events.wait(&[port.number()], Some(base.clock.to_system(until))).map_err(at("wait"))?;
        }
        hold(base.clock.now() >= due, "too-early")?;
    }
    port.close().map_err(at("close"))
}

/// When the timer is set to go off, and when it is given up.
const SHORT: Nanos = Nanos::from_millis(5);
const LATE: Nanos = Nanos::from_secs(5);

/// An event by an open port interrupts vCPU 0, if it wants to be interrupted.
pub(super) fn upcall<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let base = bench.base;
    let before = base.machine.interrupts(Vcpu(0));
    let port = base.events.bind_ipi(Vcpu(0)).map_err(at("bind"))?;
    port.unmask().map_err(at("unmask"))?;
    port.notify().map_err(at("notify"))?;
    let until = base.clock.now().after(LONG);
    while base.machine.interrupts(Vcpu(0)) == before && base.clock.now() < until {
        base.machine.pause(bench.crew);
    }
    let interrupted = base.machine.interrupts(Vcpu(0)) != before;
    hold(port.take_pending() == Ok(true), "event-lost")?;
    port.close().map_err(at("close"))?;
    match base.upcall {
        Upcall::Poll => hold(!interrupted, "interrupted-unasked"),
        _ => hold(interrupted, "not-interrupted"),
    }
}

/// An interrupt that has not come by then does not come.
const LONG: Nanos = Nanos::from_millis(20);

fn scanned<H: Hypercall, G: IrqGate>(events: &Events<'_, &H, G>, port: &BoundPort<'_, &H, G>) -> bool {
    events.poll_some(64).any(|found| found == port.number())
}

/// What cannot be is refused by its own name.
pub(super) fn errors<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let nowhere = Port(4095);
    hold(event_channel::status(bench.base.hook, nowhere) == Err(Errno::EINVAL), "status-of-no-port")?;
    hold(event_channel::bind_ipi(bench.base.hook, Vcpu(4096)) == Err(Errno::ENOENT), "ipi-to-no-processor")?;
    let bound = bench.base.events.bind_interdomain(NOBODY, Port(1));
    hold(matches!(bound, Err(BindError::Xen(Errno::ESRCH))), "bound-to-no-domain")
}
