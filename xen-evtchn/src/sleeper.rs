//! Waiting for the event of one port: by a sleep, or as a future.

use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};

use xen_hypercall::{Errno, Hypercall, IrqGate, Nanos, NoGate, Port, Stale, SystemTime};

use crate::sync::{AtomicBool, Mutex};
use crate::{BoundPort, Events};

/// The storage by which one port's event is awaited; the one at index `n` is that of port `n`.
#[derive(Debug, Default)]
pub struct Sleeper {
    came: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Sleeper {
    /// Makes one that nobody waits by.
    #[must_use]
    pub const fn new() -> Self {
        Self { came: AtomicBool::new(false), waker: Mutex::new(None) }
    }

    /// Puts a waker in, or takes it out; the lock is held for no more than that.
    fn exchange(&self, gate: &impl IrqGate, waker: Option<Waker>) -> Option<Waker> {
        gate.run(|| self.swap(waker))
    }

    /// Does as [`exchange`](Self::exchange), within a section of the gate.
    fn swap(&self, waker: Option<Waker>) -> Option<Waker> {
        mem::replace(&mut *self.waker.lock(), waker)
    }

    /// Says that an event has come, and wakes who waits.
    fn wake(&self, gate: &impl IrqGate) {
        // Before the waker is looked for: who puts one in later looks here afterwards.
        self.came.store(true, Ordering::Release);
        if let Some(waker) = self.exchange(gate, None) {
            waker.wake();
        }
    }

    fn take(&self) -> bool {
        self.came.swap(false, Ordering::AcqRel)
    }
}

/// The steps of a future one by one, for a model's twin to take them in another order.
#[cfg(loom)]
impl Sleeper {
    #[doc(hidden)]
    pub fn put(&self, waker: Option<Waker>) -> Option<Waker> {
        self.exchange(&NoGate, waker)
    }

    #[doc(hidden)]
    pub fn take_mark(&self) -> bool {
        self.take()
    }
}

/// How the embedder sleeps.
pub trait Sleep {
    /// Returns the time, of any clock that goes on without a pause.
    fn now(&self) -> Nanos;

    /// Sleeps until an event may have come by `port`, or until `deadline`.
    ///
    /// It may return early. It must not sleep on if the event, or the interrupt that tells of it, came before it began: a
    /// halt is preceded by a look with interrupts off.
    fn sleep(&self, port: Port, deadline: Nanos);
}

impl<'s, H: Hypercall, G: IrqGate> Events<'s, H, G> {
    /// Adds the storage by which events are awaited, of ports that are also dispatched.
    #[must_use]
    pub fn with_sleepers(self, sleepers: &'s [Sleeper]) -> Self {
        Self { sleepers, ..self }
    }

    /// Wakes who waits for the event of a port: for the handler of [`Events::dispatch`].
    pub fn wake(&self, port: Port) {
        if let Some(sleeper) = self.sleeper(port) {
            sleeper.wake(&self.gate);
        }
    }

    /// Wakes everybody who waits: after a resume, for they wait for ports that are gone.
    pub fn wake_all(&self) {
        self.sleepers.iter().for_each(|sleeper| sleeper.wake(&self.gate));
    }

    #[cfg(loom)]
    #[doc(hidden)]
    pub fn model_sleeper(&self, port: Port) -> Option<&'s Sleeper> {
        self.sleeper(port)
    }

    fn sleeper(&self, port: Port) -> Option<&'s Sleeper> {
        self.sleepers.get(usize::try_from(port.0).ok()?)
    }

    /// Forgets what came for an earlier owner of the number.
    pub(crate) fn calm(&self, port: Port) {
        if let Some(sleeper) = self.sleeper(port) {
            sleeper.take();
        }
    }
}

impl<'e, H: Hypercall, G: IrqGate> BoundPort<'e, H, G> {
    /// Sleeps until the port has an event, which is taken, or until `deadline`, and tells which.
    ///
    /// The event is found whether the port is masked, or dispatched to a handler that calls [`Events::wake`].
    ///
    /// # Errors
    /// [`Stale`] as soon as the port is of an earlier epoch.
    pub fn wait(&self, sleep: &impl Sleep, deadline: Nanos) -> Result<bool, Stale> {
        loop {
            if self.take_event()? {
                return Ok(true);
            }
            if sleep.now() >= deadline {
                return Ok(false);
            }
            sleep.sleep(self.number(), deadline);
        }
    }

    /// Sleeps by Xen until the port has an event, which is taken, or until `deadline`; `true` if there was one.
    ///
    /// It may return early and without an event. The processor does nothing else meanwhile, not even interrupts, if they are off.
    ///
    /// # Errors
    /// What Xen said; a port of an earlier epoch has no event.
    ///
    /// # Xen
    /// `SCHEDOP_poll`, which sees events on masked ports, and such as came before. It does not see one that a handler takes at the
    /// moment when the sleep begins: of a port that is dispatched, that is told at `deadline`.
    #[doc(alias("SCHEDOP_poll", "xen_poll_irq_timeout"))]
    pub fn poll_until(&self, deadline: SystemTime) -> Result<bool, Errno> {
        match self.take_event() {
            Ok(false) => self.events().wait(&[self.number()], Some(deadline))?,
            done => return Ok(done == Ok(true)),
        }
        Ok(self.take_event() == Ok(true))
    }

    /// Returns a future of the port's next event, which it takes; `None` if there is no [`Sleeper`] for the port.
    ///
    /// One at a time: of two futures of one port, the one that was polled last is woken.
    pub fn event(&self) -> Option<Event<'_, 'e, H, G>> {
        self.events().sleeper(self.number())?;
        Some(Event { port: self })
    }

    /// Polls for the port's next event, as its [future](Self::event) does.
    ///
    /// Pending for ever without a [`Sleeper`] for the port.
    pub fn poll_event(&self, context: &Context<'_>) -> Poll<Result<(), Stale>> {
        // What goes is dropped outside of the gate and the lock: what a waker does is not ours.
        self.poll_event_with(context.waker().clone()).0
    }

    /// Does as [`poll_event`](Self::poll_event), and hands out the wakers that are of no use any more: for those who have the
    /// port behind a lock, and drop them after it.
    pub fn poll_event_with(&self, waker: Waker) -> (Poll<Result<(), Stale>>, [Option<Waker>; 2]) {
        let sleeper = self.events().sleeper(self.number());
        let mut waker = Some(waker);
        // One section: its number may be another port's in a new domain, for which somebody else waits.
        let looked = self.fresh(|| {
            // Before the look: an event that comes after it finds the waker.
            let old = sleeper.and_then(|sleeper| sleeper.swap(waker.take()));
            let came = self.events().take_pending(self.number());
            let woken = sleeper.is_some_and(Sleeper::take);
            let own = if came || woken { sleeper.and_then(|sleeper| sleeper.swap(None)) } else { None };
            (came || woken, [old, own])
        });
        match looked {
            Ok((came, [old, own])) => {
                let poll = if came { Poll::Ready(Ok(())) } else { Poll::Pending };
                (poll, [old.or(waker), own])
            }
            Err(stale) => (Poll::Ready(Err(stale)), [waker, None]),
        }
    }

    /// Takes the port's event, if there is one: it is pending, or was dispatched to a handler that called [`Events::wake`].
    ///
    /// # Errors
    /// [`Stale`] if the port is of an earlier epoch.
    pub fn take_event(&self) -> Result<bool, Stale> {
        let pending = self.take_pending()?;
        let woken = self.events().sleeper(self.number()).is_some_and(Sleeper::take);
        Ok(pending || woken)
    }
}

/// A future of one port's next event.
///
/// The port is masked, and somebody polls the future; or its upcall handler calls [`Events::wake`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Event<'p, 'e, H: Hypercall, G: IrqGate = NoGate> {
    port: &'p BoundPort<'e, H, G>,
}

impl<H: Hypercall, G: IrqGate> Future for Event<'_, '_, H, G> {
    /// [`Stale`] if the domain was resumed as a new one meanwhile.
    type Output = Result<(), Stale>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.port.poll_event(context)
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for Event<'_, '_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(self.port).finish()
    }
}
