//! Time for tasks, by Xen's virtual interrupt.

use core::cell::RefCell;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use xen_evtchn::{BindError, BoundPort, Events};
use xen_hypercall::op::event_channel::Virq;
use xen_hypercall::op::vcpu;
use xen_hypercall::{Clock, IrqGate as _, Nanos, Port, Vcpu};
use xen_suspend::{Class, CoreService, Dark, Fatal, Stage};

use crate::platform::{Cpu, Gate, Hook, Machine};

/// Tasks that wait for the clock at once: the driver of xenstore, the one that pokes, the one that suspends.
const PLACES: usize = 4;

/// The timer of vCPU 0, and who waits for it.
pub(crate) struct Alarm {
    events: &'static Events<'static, Hook, Gate>,
    clock: &'static Clock<'static, Cpu>,
    port: RefCell<Option<BoundPort<'static, Hook, Gate>>>,
    due: RefCell<[Option<(Nanos, Waker)>; PLACES]>,
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").finish_non_exhaustive()
    }
}

impl Alarm {
    /// Makes one that has not begun.
    pub(crate) const fn new(events: &'static Events<'static, Hook, Gate>, clock: &'static Clock<'static, Cpu>) -> Self {
        Self { events, clock, port: RefCell::new(None), due: RefCell::new([const { None }; PLACES]) }
    }

    /// Binds the virtual interrupt, or in the same domain finds it bound, and sets the timer.
    ///
    /// # Errors
    /// Why it could not be bound.
    pub(crate) fn start(&self) -> Result<(), BindError> {
        let port = self.events.rebind_virq(Virq::TIMER, Vcpu(0))?;
        port.unmask().expect("a port that was just bound");
        self.port.replace(Some(port));
        self.set();
        Ok(())
    }

    /// Takes the timer's event and wakes those whose time has come; tells whether it was one.
    pub(crate) fn take(&self, port: Port) -> bool {
        if self.port.borrow().as_ref().is_none_or(|timer| timer.number() != port) {
            return false;
        }
        let now = self.clock.now();
        for place in 0..PLACES {
            let due = self.due.borrow_mut().get_mut(place).and_then(|due| due.take_if(|(at, _)| *at <= now));
            due.into_iter().for_each(|(_, waker)| waker.wake());
        }
        self.set();
        true
    }

    /// Waits for a time.
    pub(crate) async fn sleep(&self, time: Nanos) {
        let deadline = self.clock.now().after(time);
        poll_fn(|cx| xen_store::future::Alarm::poll_until(self, cx, deadline)).await;
    }

    /// Sets the timer for the first of those who wait.
    fn set(&self) {
        let Some(first) = self.due.borrow().iter().flatten().map(|(at, _)| *at).min() else { return };
        Machine::GATE.run(|| {
            let at = self.clock.to_system(first);
            vcpu::set_singleshot_timer(self.events.hook(), Vcpu(0), at).expect("a timer");
        });
    }
}

impl xen_store::future::Alarm for Alarm {
    fn poll_until(&self, cx: &mut Context<'_>, deadline: Nanos) -> Poll<()> {
        if self.clock.now() >= deadline {
            return Poll::Ready(());
        }
        {
            let mut due = self.due.borrow_mut();
            let mine = due.iter().position(|due| due.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())));
            let place = mine.or_else(|| due.iter().position(Option::is_none)).and_then(|place| due.get_mut(place));
            *place.expect("a place for each task that waits for the clock") = Some((deadline, cx.waker().clone()));
        }
        self.set();
        Poll::Pending
    }
}

impl CoreService for &Alarm {
    fn rebuild(&mut self, stage: Stage, _class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage != Stage::Timers {
            return Ok(());
        }
        self.start().map_err(|error| Fatal { stage, errno: error.errno() })
    }
}
