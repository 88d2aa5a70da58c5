//! Scenarios with a peer: what needs no suspend, and what is held over one.

use xen_hypercall::Hypercall;
use xen_hypercall::op::event_channel::Binding;
use xen_suspend::Class;

use super::together::{self, Pair};
use super::{Bench, Failed, at, event, hold};
use crate::Machine;
use crate::options::Kind;
use crate::peer::{self, Order, Peer};
use crate::voice::Voice;

/// A scenario with a peer.
type Together<'s, 'p, 'b, M, H> = (&'static str, fn(&Bench<'s, 'p, 'b, M, H>, &mut Peer) -> Result<(), Failed>);

/// All that is gone through at the start and after each resume.
pub(crate) struct Trial<'b, M: Machine, H: Hypercall> {
    kind: Option<Kind>,
    peer: Option<Peer>,
    /// Bound to the peer, and kept over the suspend.
    held: Option<Pair<'b, M, H>>,
}

/// How many went well and how many did not.
struct Count<'a, 'v, 'c, M: Machine, H: Hypercall> {
    voice: &'a Voice<'v, 'c, M, H>,
    all: u32,
    failed: u32,
}

impl<M: Machine, H: Hypercall> Count<'_, '_, '_, M, H> {
    /// Says how a scenario went.
    fn take(&mut self, name: &str, result: Result<(), Failed>) {
        self.all += 1;
        match result {
            Ok(()) => self.voice.say(format_args!("scenario name={name} result=ok")),
            Err(why) => {
                self.failed += 1;
                self.voice.fail(format_args!("scenario name={name} why={why}"));
            }
        }
    }
}

impl<'b, M: Machine, H: Hypercall> Trial<'b, M, H> {
    pub(crate) const fn new(kind: Option<Kind>) -> Self {
        Self { kind, peer: None, held: None }
    }

    /// Goes through everything, if there is a trial; `class` is that of the resume before it, if there was one.
    pub(crate) fn run(
        &mut self,
        bench: &Bench<'_, '_, 'b, M, H>,
        (voice, class): (&Voice<'_, '_, M, H>, Option<Class>),
    ) {
        let Some(Kind::Events) = self.kind else { return };
        let mut count = Count { voice, all: 0, failed: 0 };
        if let Err(why) = self.stages(bench, (&mut count, class)) {
            count.take("trial", Err(why));
        }
        let Count { all, failed, .. } = count;
        let result = if failed == 0 { "ok" } else { "fail" };
        match class {
            Some(class) => {
                voice.say(format_args!("trial result={result} class={class} scenarios={all} failed={failed}"));
            }
            None => voice.say(format_args!("trial result={result} class=none scenarios={all} failed={failed}")),
        }
    }

    fn stages(
        &mut self,
        bench: &Bench<'_, '_, 'b, M, H>,
        (count, class): (&mut Count<'_, '_, '_, M, H>, Option<Class>),
    ) -> Result<(), Failed> {
        let mut peer = match self.peer.take() {
            Some(peer) => peer,
            None => Peer::meet(bench, None)?,
        };
        let fresh = matches!(class, None | Some(Class::New));
        if class == Some(Class::New) {
            peer.meet_again(bench)?;
        }
        if let (Some(pair), Some(class)) = (self.held.take(), class) {
            let (name, result) = match class {
                Class::New => ("peer-held-new", stale(bench, &mut peer, pair)),
                _ => ("peer-held", kept(bench, &mut peer, pair)),
            };
            count.take(name, result);
        }
        let open = bench.base.events.open();
        for (name, scenario) in own() {
            count.take(name, scenario(bench));
        }
        for (name, scenario) in with_peer() {
            count.take(name, scenario(bench, &mut peer));
        }
        count.take("ports", hold(bench.base.events.open() == open && bench.base.events.leaked() == 0, "ports-leaked"));
        if fresh {
            count.take("peer-dies", dies(bench, &mut peer));
            count.voice.say(format_args!("bereft"));
            peer = Peer::meet(bench, Some(&peer))?;
        }
        self.held = Some(Pair::make(bench, &mut peer)?);
        self.peer = Some(peer);
        Ok(())
    }
}

/// Without the peer.
const fn own<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [super::Scenario<'s, 'p, 'b, M, H>; 5] {
    [
        ("loopback", event::loopback),
        ("ipi", event::ipi),
        ("upcall", event::upcall),
        ("timer", event::timer),
        ("event-errors", event::errors),
    ]
}

/// With it.
const fn with_peer<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [Together<'s, 'p, 'b, M, H>; 5] {
    [
        ("peer-offered", together::offered),
        ("peer-taken", together::taken),
        ("peer-storm", together::storm),
        ("peer-strangers", together::strangers),
        ("peer-closed", together::closed),
    ]
}

/// The domain went on: so did the channel.
fn kept<'b, M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, 'b, M, H>,
    peer: &mut Peer,
    pair: Pair<'b, M, H>,
) -> Result<(), Failed> {
    hold(pair.near.binding() == Ok(Binding::Interdomain(peer.domain(), pair.far)), "not-bound")?;
    pair.works(bench, peer)?;
    pair.close(bench, peer)
}

/// The domain is another: the guard is inert, and what the peer sends by its end reaches nobody.
fn stale<'b, M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, 'b, M, H>,
    peer: &mut Peer,
    pair: Pair<'b, M, H>,
) -> Result<(), Failed> {
    hold(pair.near.notify().is_err() && pair.near.binding().is_err(), "not-stale")?;
    let strays = bench.base.events.strays();
    peer.have(bench, Order::Notify(pair.far, 1))?;
    hold(bench.base.events.poll_some(64).all(|found| found != pair.near.number()), "found")?;
    hold(bench.base.events.strays() == strays, "a-stray-event")?;
    pair.close(bench, peer)
}

/// The peer dies with a channel to us: our end waits for it, as after a close, sends to nobody, and closes.
fn dies<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let pair = Pair::make(bench, peer)?;
    peer.have(bench, Order::Die)?;
    let gone = || (pair.near.binding() == Ok(Binding::Unbound(peer.domain()))).then_some(());
    peer::wait(bench, gone).ok_or(Failed("still-bound"))?;
    pair.near.notify().map_err(at("notify-nobody"))?;
    pair.near.close().map_err(at("close"))
}
