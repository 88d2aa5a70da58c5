//! Front and back of a slot ring by the macros.
#![expect(unsafe_code, reason = "calls C")]

use core::fmt;
use core::marker::PhantomData;

use xen_hypercall::SharedPage;
use zerocopy::{FromZeros, IntoBytes};

use super::state::State;
use super::{CWire, Compiled, Ops};
use crate::duel::{Asker, Phases, Server};
use crate::ends::{Answered, Asked, BackEnd, FrontEnd};

/// The front of `FRONT_RING_ATTACH`, with a free list of ids and a token an id, as Linux's drivers have them.
pub struct CFront<P> {
    ops: Ops,
    state: State,
    protocol: PhantomData<fn() -> P>,
}

/// The back of `BACK_RING_ATTACH`.
pub struct CBack<P> {
    ops: Ops,
    state: State,
    protocol: PhantomData<fn() -> P>,
}

impl<P: CWire> CFront<P> {
    /// Sets up a ring whose indices begin at `start`.
    #[must_use]
    pub fn starting_at(compiled: Compiled, page: &'static SharedPage, start: u32) -> Self {
        let ops = checked::<P>(compiled);
        let mut state = State::of(ops.0.front_size);
        // SAFETY: `state` has the size that C asks for, and the page is never freed.
        unsafe { (ops.0.front_init)(state.get(), page.as_ptr().as_ptr().cast(), start) }
        Self { ops, state, protocol: PhantomData }
    }

    /// Returns how often the back was to be notified in whole rounds.
    #[must_use]
    pub fn notified(&self) -> u64 {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.ops.0.front_notified)(self.state.look()) }
    }
}

impl<P: CWire> CBack<P> {
    /// Takes the back of a ring whose indices are at `start`.
    #[must_use]
    pub fn starting_at(compiled: Compiled, page: &'static SharedPage, start: u32) -> Self {
        let ops = checked::<P>(compiled);
        let mut state = State::of(ops.0.back_size);
        // SAFETY: `state` has the size that C asks for, and the page is never freed.
        unsafe { (ops.0.back_init)(state.get(), page.as_ptr().as_ptr().cast(), start) }
        Self { ops, state, protocol: PhantomData }
    }

    /// Returns how often the front was to be notified in whole rounds.
    #[must_use]
    pub fn notified(&self) -> u64 {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.ops.0.back_notified)(self.state.look()) }
    }
}

/// Finds the functions of a protocol, whose requests and responses are of the sizes that C has them.
fn checked<P: CWire>(compiled: Compiled) -> Ops {
    let ops = P::ops(compiled);
    let sizes = (ops.0.request_size, ops.0.response_size);
    assert_eq!(sizes, (size_of::<P::Request>(), size_of::<P::Response>()), "one layout");
    ops
}

/// One thread: all there, all back; returns the sum of the tokens, or `u64::MAX` if something is wrong.
pub fn rounds<P: CWire>(pair: &mut (CFront<P>, CBack<P>), rounds: u32, batch: u32, step: u32) -> u64 {
    let (front, back) = pair;
    // SAFETY: both are set up, and borrowed by this call alone.
    unsafe { (front.ops.0.rounds)(front.state.get(), back.state.get(), rounds, batch, step) }
}

impl<P: CWire> Phases for (CFront<P>, CBack<P>) {
    fn ask(&mut self, batch: u32) {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.0.ops.0.front_ask)(self.0.state.get(), batch) }
    }

    fn hold(&mut self) -> u32 {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.1.ops.0.back_hold)(self.1.state.get()) }
    }

    fn push_each(&mut self) {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.1.ops.0.back_push_each)(self.1.state.get()) }
    }

    fn collect(&mut self) -> u64 {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.0.ops.0.front_collect)(self.0.state.get()) }
    }
}

impl<P: CWire> Asker for CFront<P> {
    fn rounds(&mut self, rounds: u32, batch: u32) -> u64 {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.ops.0.front_rounds)(self.state.get(), rounds, batch) }
    }
}

impl<P: CWire> Server for CBack<P> {
    fn serve(&mut self, count: u32) {
        // SAFETY: set up in `starting_at`.
        let served = unsafe { (self.ops.0.back_serve)(self.state.get(), count) };
        assert_eq!(served, u64::from(count), "the front is in order");
    }
}

impl<P: CWire> FrontEnd for CFront<P> {
    fn stage(&mut self, value: u32, id: u64) -> Option<u64> {
        let mut request = P::ask(value);
        P::stamp(&mut request, xen_ring::RequestId(id));
        // SAFETY: set up in `starting_at`, which compared the sizes.
        let staged = unsafe { (self.ops.0.front_stage)(self.state.get(), request.as_bytes().as_ptr().cast()) };
        (staged == 1).then_some(id)
    }

    fn publish(&mut self) -> bool {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.ops.0.front_publish)(self.state.get()) != 0 }
    }

    fn take(&mut self) -> Option<Answered> {
        let mut response = P::Response::new_zeroed();
        let into = response.as_mut_bytes().as_mut_ptr().cast();
        // SAFETY: set up in `starting_at`, which compared the sizes.
        let taken = unsafe { (self.ops.0.front_take)(self.state.get(), into) };
        assert!(taken >= 0, "the back overran the ring");
        let id = P::id(&response)?.0;
        (taken == 1).then(|| Answered { id, status: P::status(&response) })
    }
}

impl<P: CWire> BackEnd for CBack<P> {
    fn take(&mut self) -> Option<Asked> {
        let mut request = P::Request::new_zeroed();
        let into = request.as_mut_bytes().as_mut_ptr().cast();
        // SAFETY: set up in `starting_at`, which compared the sizes.
        let taken = unsafe { (self.ops.0.back_take)(self.state.get(), into) };
        assert!(taken >= 0, "the front overran the ring");
        let (id, operation, value) = P::asked(&request);
        (taken == 1).then_some(Asked { id, operation, value })
    }

    fn stage(&mut self, asked: Asked, status: i16) {
        let response = P::reply(asked.id, asked.operation, status);
        // SAFETY: set up in `starting_at`, which compared the sizes.
        unsafe { (self.ops.0.back_stage)(self.state.get(), response.as_bytes().as_ptr().cast()) }
    }

    fn publish(&mut self) -> bool {
        // SAFETY: set up in `starting_at`.
        unsafe { (self.ops.0.back_publish)(self.state.get()) != 0 }
    }
}

impl<P> fmt::Debug for CFront<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CFront")
    }
}

impl<P> fmt::Debug for CBack<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CBack")
    }
}
