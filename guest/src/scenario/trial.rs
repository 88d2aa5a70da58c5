//! Scenarios with a peer: what needs no suspend, and what is held over one.

use xen_hypercall::Hypercall;
use xen_suspend::Class;

use super::channels::{self, Pair};
use super::shared::{self, Pages};
use super::{Bench, Count, Failed, event, grant, hold};
use crate::Machine;
use crate::options::Kind;
use crate::peer::Peer;
use crate::voice::Voice;

/// A scenario with a peer.
type Together<'s, 'p, 'b, M, H> = (&'static str, fn(&Bench<'s, 'p, 'b, M, H>, &mut Peer) -> Result<(), Failed>);

/// All that is gone through at the start and after each resume.
pub(crate) struct Trial<'p, 'b, M: Machine, H: Hypercall> {
    kind: Option<Kind>,
    peer: Option<Peer>,
    held: Option<Held<'p, 'b, M, H>>,
}

/// What both share, over a suspend or the peer's end.
enum Held<'p, 'b, M: Machine, H: Hypercall> {
    Pair(Pair<'b, M, H>),
    Pages(Pages<'p, M>),
}

impl<'p, 'b, M: Machine, H: Hypercall> Held<'p, 'b, M, H> {
    fn make(kind: Kind, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<Self, Failed> {
        match kind {
            Kind::Events => Pair::make(bench, peer).map(Self::Pair),
            Kind::Grants => Pages::share(bench, peer).map(Self::Pages),
        }
    }

    fn kept(self, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        match self {
            Self::Pair(pair) => pair.kept(bench, peer),
            Self::Pages(pages) => pages.kept(bench, peer),
        }
    }

    fn stale(self, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        match self {
            Self::Pair(pair) => pair.stale(bench, peer),
            Self::Pages(pages) => pages.stale(bench, peer),
        }
    }

    fn bereave(self, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        match self {
            Self::Pair(pair) => pair.bereave(bench, peer),
            Self::Pages(pages) => pages.bereave(bench, peer),
        }
    }
}

impl<'p, 'b, M: Machine, H: Hypercall> Trial<'p, 'b, M, H> {
    pub(crate) const fn new(kind: Option<Kind>) -> Self {
        Self { kind, peer: None, held: None }
    }

    /// Goes through everything, if there is a trial; `class` is that of the resume before it, if there was one.
    pub(crate) fn run(
        &mut self,
        bench: &Bench<'_, 'p, 'b, M, H>,
        (voice, class): (&Voice<'_, '_, M, H>, Option<Class>),
    ) {
        let Some(kind) = self.kind else { return };
        let mut count = Count::new(voice);
        if let Err(why) = self.stages((kind, class), bench, &mut count) {
            count.take("trial", Err(why));
        }
        match class {
            Some(class) => voice.say(format_args!("trial class={class} {count}")),
            None => voice.say(format_args!("trial class=none {count}")),
        }
    }

    /// Gives back what is still shared: a guest that ends leaves nothing.
    pub(crate) fn end(&mut self, bench: &Bench<'_, 'p, 'b, M, H>, voice: &Voice<'_, '_, M, H>) {
        if let (Some(held), Some(mut peer)) = (self.held.take(), self.peer.take())
            && let Err(why) = held.kept(bench, &mut peer)
        {
            voice.fail(format_args!("trial end why={why}"));
        }
    }

    fn stages(
        &mut self,
        (kind, class): (Kind, Option<Class>),
        bench: &Bench<'_, 'p, 'b, M, H>,
        count: &mut Count<'_, '_, '_, M, H>,
    ) -> Result<(), Failed> {
        let mut peer = match self.peer.take() {
            Some(peer) => peer,
            None => Peer::meet(bench, None)?,
        };
        let fresh = matches!(class, None | Some(Class::New));
        if class == Some(Class::New) {
            peer.meet_again(bench)?;
        }
        match (self.held.take(), class) {
            (Some(held), Some(Class::New)) => count.take("peer-held-new", held.stale(bench, &mut peer)),
            (Some(held), Some(_)) => count.take("peer-held", held.kept(bench, &mut peer)),
            _ => {}
        }
        cases(kind, bench, (&mut peer, count));
        if fresh {
            let held = Held::make(kind, bench, &mut peer)?;
            count.take("peer-dies", held.bereave(bench, &mut peer));
            count.voice.say(format_args!("bereft"));
            peer = Peer::meet(bench, Some(peer))?;
        }
        self.held = Some(Held::make(kind, bench, &mut peer)?);
        self.peer = Some(peer);
        Ok(())
    }
}

/// All that needs no suspend; nothing may be left of it.
fn cases<M: Machine, H: Hypercall>(
    kind: Kind,
    bench: &Bench<'_, '_, '_, M, H>,
    (peer, count): (&mut Peer, &mut Count<'_, '_, '_, M, H>),
) {
    let before = (bench.base.events.open(), bench.table.ledger());
    match kind {
        Kind::Events => {
            for (name, scenario) in own_events() {
                count.take(name, scenario(bench));
            }
            for (name, scenario) in events() {
                count.take(name, scenario(bench, peer));
            }
        }
        Kind::Grants => {
            for (name, scenario) in own_grants() {
                count.take(name, scenario(bench));
            }
            for (name, scenario) in grants() {
                count.take(name, scenario(bench, peer));
            }
        }
    }
    let after = (bench.base.events.open(), bench.table.ledger());
    count.take("balance", hold(before == after && bench.base.events.leaked() == 0, "something-is-left"));
}

/// About event channels, without the peer.
const fn own_events<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [super::Scenario<'s, 'p, 'b, M, H>; 5] {
    [
        ("loopback", event::loopback),
        ("ipi", event::ipi),
        ("upcall", event::upcall),
        ("timer", event::timer),
        ("event-errors", event::errors),
    ]
}

/// About event channels, with it.
const fn events<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [Together<'s, 'p, 'b, M, H>; 5] {
    [
        ("peer-offered", channels::offered),
        ("peer-taken", channels::taken),
        ("peer-storm", channels::storm),
        ("peer-strangers", channels::strangers),
        ("peer-closed", channels::closed),
    ]
}

/// About grants, without the peer.
const fn own_grants<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [super::Scenario<'s, 'p, 'b, M, H>; 2] {
    [("grant", grant::offer_and_end), ("grant-refused", grant::refused)]
}

/// About grants, with it, or at least with its pages.
const fn grants<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [Together<'s, 'p, 'b, M, H>; 10] {
    [
        ("version", shared::version),
        ("own-map", shared::own_map),
        ("own-copy", shared::own_copy),
        ("peer-maps", shared::maps),
        ("peer-reads", shared::reads),
        ("peer-grants", shared::grants),
        ("peer-batch", shared::batch),
        ("peer-copies", shared::copies),
        ("peer-keeps", shared::keeps),
        ("peer-strangers", shared::strangers),
    ]
}
