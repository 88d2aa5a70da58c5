//! The side that is tested: finds its peer and has it do things.

use core::cell::RefCell;

use xen_hypercall::{DomId, Hypercall, Nanos};
use xen_store::{Access, Link, Nodes, Permission, Store};

use super::{ANSWER, ASK, Answer, LONGEST, Message, Order, PEER, Stock};
use crate::Machine;
use crate::scenario::{Bench, Failed, at};
use crate::start::DOMID;
use crate::voice::Line;

/// How long a peer may take to appear, which another domain has to be made for; and to answer.
const PATIENCE: Nanos = Nanos::from_secs(60);
/// Time between the first two looks, which doubles from look to look, and at most.
const SOON: Nanos = Nanos::from_millis(5);
const LATER: Nanos = Nanos::from_millis(320);

/// The other guest, as the toolstack names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    domain: DomId,
    /// How many there have been with it: the number of a domain may be the same again.
    count: u32,
}

/// The peer of this guest.
#[derive(Debug)]
pub(crate) struct Peer {
    named: Named,
    /// Of the last order.
    number: u32,
    /// Pages and holes for the scenarios.
    pub(crate) stock: Stock,
}

impl Peer {
    /// Waits until the toolstack names a peer; another than `last`, if there was one.
    pub(crate) fn meet<M: Machine, H: Hypercall>(
        bench: &Bench<'_, '_, '_, M, H>,
        last: Option<Self>,
    ) -> Result<Self, Failed> {
        let before = last.as_ref().map(|last| last.named.count);
        let another = |named: &Named| before != Some(named.count);
        let named = wait(bench, || named(bench.store).filter(another)).ok_or(Failed("no-peer"))?;
        let (number, stock) = last.map_or((0, Stock::new()), |last| (last.number, last.stock));
        let peer = Self { named, number, stock };
        peer.furnish(bench.store)?;
        Ok(peer)
    }

    /// Makes the nodes anew that this domain, which is another now, does not have yet.
    pub(crate) fn meet_again<M: Machine, H: Hypercall>(&self, bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
        let same = |named: &Named| *named == self.named;
        wait(bench, || named(bench.store).filter(same)).ok_or(Failed("another-peer"))?;
        self.furnish(bench.store)
    }

    /// Returns the number of its domain.
    pub(crate) const fn domain(&self) -> DomId {
        self.named.domain
    }

    /// Has the peer do something that goes well.
    pub(crate) fn have<M: Machine, H: Hypercall>(
        &mut self,
        bench: &Bench<'_, '_, '_, M, H>,
        order: Order,
    ) -> Result<u32, Failed> {
        self.ask(bench, order)?.map_err(at("peer-was-refused"))
    }

    /// Has the peer do something, and returns what came of it.
    pub(crate) fn ask<M: Machine, H: Hypercall>(
        &mut self,
        bench: &Bench<'_, '_, '_, M, H>,
        order: Order,
    ) -> Result<Result<u32, i32>, Failed> {
        self.number += 1;
        let message = Message { number: self.number, to: self.named.domain, order };
        bench.store.borrow_mut().write(ASK, Line::bare(format_args!("{message}")).bytes()).map_err(at("ask"))?;
        let ours = |answer: &Answer| answer.number == self.number;
        let answer = wait(bench, || {
            let mut buffer = [0; LONGEST];
            Answer::parse(bench.store.borrow_mut().read(ANSWER, &mut buffer).ok()?).filter(ours)
        });
        Ok(answer.ok_or(Failed("peer-does-not-answer"))?.result)
    }

    /// Makes the nodes: one that the peer may read, and one that it may write.
    fn furnish<L: Link, const R: usize, const W: usize>(
        &self,
        store: &RefCell<Store<'_, L, R, W>>,
    ) -> Result<(), Failed> {
        let mut store = store.borrow_mut();
        let own = store.read_number(DOMID).map_err(at("domid"))?;
        let own = Permission { domain: DomId(u16::try_from(own).map_err(at("domid"))?), access: Access::None };
        for (node, access) in [(ASK, Access::Read), (ANSWER, Access::Both)] {
            store.write(node, b"").map_err(at("node"))?;
            let permissions = [own, Permission { domain: self.named.domain, access }];
            store.set_permissions(node, &permissions).map_err(at("permissions"))?;
        }
        Ok(())
    }
}

/// Whom the toolstack names.
fn named<L: Link, const R: usize, const W: usize>(store: &RefCell<Store<'_, L, R, W>>) -> Option<Named> {
    let mut buffer = [0; LONGEST];
    let mut store = store.borrow_mut();
    let mut words = core::str::from_utf8(store.read(PEER, &mut buffer).ok()?).ok()?.split_ascii_whitespace();
    let mut word = || words.next()?.parse().ok();
    let domain = u16::try_from(word()?).ok()?;
    Some(Named { domain: DomId(domain), count: word()? })
}

/// Looks again and again, until there is something or patience is at its end.
pub(crate) fn wait<M: Machine, H: Hypercall, T>(
    bench: &Bench<'_, '_, '_, M, H>,
    mut look: impl FnMut() -> Option<T>,
) -> Option<T> {
    let end = bench.base.clock.now().after(PATIENCE);
    let mut pause = SOON;
    loop {
        let found = look();
        let now = bench.base.clock.now();
        if found.is_some() || now >= end {
            return found;
        }
        bench.base.machine.pause(bench.crew);
        let link = *bench.store.borrow().link();
        link.wait(now.after(pause));
        pause = pause.after(pause).min(LATER);
    }
}
