//! A device that delays or fails a suspend where the options say so.

use core::task::Poll;

use xen_hypercall::{Clock, Cpu, Nanos};
use xen_suspend::{Class, DeviceSuspend, Refusal};

use crate::options::{Failing, Options};

/// A device without a backend, for the ways of a suspend that a good device does not show.
#[derive(Debug)]
pub(crate) struct Contrary<'a, 'i, C> {
    clock: &'a Clock<'i, C>,
    fail: Option<Failing>,
    delay: Nanos,
    until: Option<Nanos>,
}

impl<'a, 'i, C: Cpu> Contrary<'a, 'i, C> {
    /// Makes the device that the options ask for.
    pub(crate) const fn new(clock: &'a Clock<'i, C>, options: &Options) -> Self {
        Self { clock, fail: options.fail, delay: options.ack_delay, until: None }
    }

    fn unless(&self, step: Failing) -> Poll<Result<(), Refusal>> {
        Poll::Ready(if self.fail == Some(step) { Err(Refusal::Device) } else { Ok(()) })
    }
}

impl<C: Cpu> DeviceSuspend for Contrary<'_, '_, C> {
    fn prepare(&mut self) -> Poll<Result<(), Refusal>> {
        let now = self.clock.now();
        let until = *self.until.get_or_insert(now.after(self.delay));
        if now < until { Poll::Pending } else { self.unless(Failing::Prepare) }
    }

    fn unprepare(&mut self) {
        self.until = None;
    }

    fn freeze(&mut self) -> Poll<Result<(), Refusal>> {
        self.unless(Failing::Freeze)
    }

    fn thaw(&mut self, _class: Class) {}

    fn resume(&mut self, _class: Class) -> Poll<Result<(), Refusal>> {
        self.until = None;
        self.unless(Failing::Resume)
    }

    fn degrade(&mut self) {}
}
