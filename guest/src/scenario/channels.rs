//! Event channels with another guest at their far ends.

use xen_evtchn::{BindError, BoundPort};
use xen_hypercall::op::event_channel::Binding;
use xen_hypercall::{Errno, Hypercall, IrqGate, Nanos, Port};

use super::{Bench, Failed, NOBODY, at, hold};
use crate::Machine;
use crate::peer::{self, Order, Peer};

/// Events one after the other; they may come as one, but not as none.
const STORM: u32 = 200;
/// An event that has not come by then does not come.
const LATE: Nanos = Nanos::from_secs(10);

/// A port of ours and the number of the peer's, bound to each other.
pub(super) struct Pair<'b, M: Machine, H: Hypercall> {
    pub(super) near: BoundPort<'b, &'b H, M::Gate>,
    pub(super) far: Port,
}

impl<'b, M: Machine, H: Hypercall> Pair<'b, M, H> {
    /// Makes a port to which the peer binds.
    pub(super) fn make(bench: &Bench<'_, '_, 'b, M, H>, peer: &mut Peer) -> Result<Self, Failed> {
        let near = bench.base.events.alloc_unbound(peer.domain()).map_err(at("alloc"))?;
        let far = Port(peer.have(bench, Order::Bind(near.number()))?);
        // Xen tells us that the other end is there now.
        near.take_pending().map_err(at("take"))?;
        Ok(Self { near, far })
    }

    /// Events go both ways, and none comes that was not sent.
    pub(super) fn works(&self, bench: &Bench<'_, '_, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        hold(peer.have(bench, Order::Heard(self.far))? == 0, "peer-heard-nothing-sent")?;
        self.near.notify().map_err(at("notify"))?;
        hold(peer.have(bench, Order::Heard(self.far))? == 1, "peer-did-not-hear")?;
        hold(peer.have(bench, Order::Heard(self.far))? == 0, "peer-heard-twice")?;
        hold(self.near.take_pending() == Ok(false), "pending-before")?;
        peer.have(bench, Order::Notify(self.far, 1))?;
        arrives(bench, &self.near)?;
        hold(self.near.take_pending() == Ok(false), "delivered-twice")
    }

    /// Closes both ends.
    pub(super) fn close(self, bench: &Bench<'_, '_, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        self.near.close().map_err(at("close"))?;
        peer.have(bench, Order::Close(self.far)).map(drop)
    }
}

/// Waits for an event, masked or not, and takes it.
fn arrives<M: Machine, H: Hypercall, G: IrqGate>(
    bench: &Bench<'_, '_, '_, M, H>,
    port: &BoundPort<'_, &H, G>,
) -> Result<(), Failed> {
    let until = bench.base.clock.now().after(LATE);
    while port.take_pending() != Ok(true) {
        hold(bench.base.clock.now() < until, "not-delivered")?;
        let deadline = Some(bench.base.clock.to_system(until));
        bench.base.events.wait(&[port.number()], deadline).map_err(at("wait"))?;
    }
    Ok(())
}

/// A port of ours that the peer binds to: both know it of each other, events go both ways, both ends close.
pub(super) fn offered<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
) -> Result<(), Failed> {
    let near = bench.base.events.alloc_unbound(peer.domain()).map_err(at("alloc"))?;
    hold(near.binding() == Ok(Binding::Unbound(peer.domain())), "not-waiting")?;
    near.close().map_err(at("close"))?;
    let pair = Pair::make(bench, peer)?;
    hold(pair.near.binding() == Ok(Binding::Interdomain(peer.domain(), pair.far)), "not-bound")?;
    pair.works(bench, peer)?;
    pair.close(bench, peer)
}

/// A port of the peer's that we bind to: the same, from the other side.
pub(super) fn taken<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let far = Port(peer.have(bench, Order::Open)?);
    let near = bench.base.events.bind_interdomain(peer.domain(), far).map_err(at("bind"))?;
    hold(near.take_pending() == Ok(true), "no-event-at-the-beginning")?;
    peer.have(bench, Order::Heard(far))?;
    let pair = Pair::<M, H> { near, far };
    pair.works(bench, peer)?;
    pair.close(bench, peer)
}

/// Many events, of which the scan finds at least one and none when all are taken.
pub(super) fn storm<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let pair = Pair::make(bench, peer)?;
    pair.near.unmask().map_err(at("unmask"))?;
    peer.have(bench, Order::Notify(pair.far, STORM))?;
    let until = bench.base.clock.now().after(LATE);
    while !bench.base.events.poll_some(64).any(|found| found == pair.near.number()) {
        hold(bench.base.clock.now() < until, "not-found")?;
        let deadline = Some(bench.base.clock.to_system(until));
        bench.base.events.wait(&[pair.near.number()], deadline).map_err(at("wait"))?;
    }
    hold(!bench.base.events.poll_some(64).any(|found| found == pair.near.number()), "found-without-an-event")?;
    pair.near.mask().map_err(at("mask"))?;
    peer.have(bench, Order::Notify(pair.far, STORM))?;
    hold(!bench.base.events.poll_some(64).any(|found| found == pair.near.number()), "found-although-masked")?;
    arrives(bench, &pair.near)?;
    pair.close(bench, peer)
}

/// What was not offered to the peer it does not get, and we do not get what it does not offer.
pub(super) fn strangers<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
) -> Result<(), Failed> {
    const EINVAL: i32 = -22;
    let port = bench.base.events.alloc_unbound(NOBODY).map_err(at("alloc"))?;
    hold(peer.ask(bench, Order::Bind(port.number()))? == Err(EINVAL), "peer-got-what-is-another's")?;
    port.close().map_err(at("close"))?;
    let none = bench.base.events.bind_interdomain(peer.domain(), Port(4000));
    hold(matches!(none, Err(BindError::Xen(Errno::EINVAL))), "bound-to-what-is-not-offered")
}

/// The peer closes its end: ours waits for it again, what we send goes to nobody, and it may come back.
pub(super) fn closed<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let mut pair = Pair::make(bench, peer)?;
    peer.have(bench, Order::Close(pair.far))?;
    hold(pair.near.binding() == Ok(Binding::Unbound(peer.domain())), "still-bound")?;
    pair.near.notify().map_err(at("notify-nobody"))?;
    pair.far = Port(peer.have(bench, Order::Bind(pair.near.number()))?);
    pair.near.take_pending().map_err(at("take"))?;
    pair.works(bench, peer)?;
    pair.close(bench, peer)
}

impl<'b, M: Machine, H: Hypercall> Pair<'b, M, H> {
    /// The domain went on: so did the channel.
    pub(super) fn kept(self, bench: &Bench<'_, '_, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        hold(self.near.binding() == Ok(Binding::Interdomain(peer.domain(), self.far)), "not-bound")?;
        self.works(bench, peer)?;
        self.close(bench, peer)
    }

    /// The domain is another: the guard is inert, and what the peer sends by its end reaches nobody.
    pub(super) fn stale(self, bench: &Bench<'_, '_, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        hold(self.near.notify().is_err() && self.near.binding().is_err(), "not-stale")?;
        let strays = bench.base.events.strays();
        peer.have(bench, Order::Notify(self.far, 1))?;
        hold(bench.base.events.poll_some(64).all(|found| found != self.near.number()), "found")?;
        hold(bench.base.events.strays() == strays, "a-stray-event")?;
        self.close(bench, peer)
    }

    /// The peer dies: our end waits for it, as after a close, sends to nobody, and closes.
    pub(super) fn bereave(self, bench: &Bench<'_, '_, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        peer.have(bench, Order::Die)?;
        let gone = || (self.near.binding() == Ok(Binding::Unbound(peer.domain()))).then_some(());
        peer::wait(bench, gone).ok_or(Failed("still-bound"))?;
        self.near.notify().map_err(at("notify-nobody"))?;
        self.near.close().map_err(at("close"))
    }
}
