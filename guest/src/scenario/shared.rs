//! Pages that another guest maps, and pages of another guest.

use xen_grant::{Offer, Page, Write};
use xen_hypercall::op::grant_table::{self, Copy, GrantStatus, Map, MapMode, Place, Unmap};
use xen_hypercall::{DomId, Errno, GrantRef, Hole, Hypercall, PAGE_SIZE, SharedPage};
use xen_store::Nodes as _;

use super::{Bench, Failed, NOBODY, at, hold};
use crate::Machine;
use crate::peer::{self, Foreign, Order, PageOrder, Pattern, Peer, Spot, sum};
use crate::start::DOMID;

/// What is in the pages: ours at first, what the peer makes of it, and so on.
const OURS: Pattern = Pattern(1);
const THEIRS: Pattern = Pattern(2);
const LATER: Pattern = Pattern(3);

/// The checksum of a page of ones: what is read where there is no memory.
const NOTHING: u32 = 0xF154_670A;

/// How often what is set aside is looked at.
const LOOKS: u32 = 4;

const REFUSED: i32 = -1;
const BAD_REF: i32 = -3;
const BUSY: i32 = -16;

/// The table is of the version that was wanted.
pub(super) fn version<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, _: &mut Peer) -> Result<(), Failed> {
    hold(bench.table.version() == Some(bench.base.version), "another-version")
}

type OfferOf<'p, M> = Offer<'p, Write, <M as Machine>::Gate>;

/// A page of ours that the peer has mapped, and one of the peer's that we have.
pub(super) struct Pages<'p, M: Machine> {
    offer: OfferOf<'p, M>,
    spot: Spot,
    foreign: Foreign,
    reference: GrantRef,
}

fn page<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<SharedPage, Failed> {
    let page = peer.stock.page(bench.base.machine).ok_or(Failed("no-page"))?;
    OURS.fill(&page);
    Ok(page)
}

fn hole<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<Hole, Failed> {
    peer.stock.hole(bench.base.machine).ok_or(Failed("no-hole"))
}

/// Offers a page with our pattern to the peer, for writing.
fn offer<'p, M: Machine, H: Hypercall>(
    bench: &Bench<'_, 'p, '_, M, H>,
    peer: &mut Peer,
) -> Result<OfferOf<'p, M>, Failed> {
    let page = page(bench, peer)?;
    bench.table.offer_write(page, peer.domain()).map_err(at("offer"))
}

/// Maps a page of the peer's.
fn map<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
    (reference, mode): (GrantRef, MapMode),
) -> Result<Result<Foreign, i32>, Failed> {
    let hole = hole(bench, peer)?;
    Ok(Foreign::map(bench.base.hook, hole, (peer.domain(), reference, mode)).map_err(|(hole, code)| {
        peer.stock.keep_hole(hole);
        code
    }))
}

fn unmap<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
    foreign: Foreign,
) -> Result<(), Failed> {
    peer.stock.keep_hole(foreign.unmap(bench.base.hook).map_err(at("unmap"))?);
    Ok(())
}

/// A page that is granted to ourselves can be mapped, written and let go.
///
/// Xen gives a page of ours one place: mapped at another, it is gone from where it was, and from both when it is unmapped.
/// So it is not used again.
pub(super) fn own_map<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
) -> Result<(), Failed> {
    let own = own_domain(bench)?;
    let offer = bench.table.offer_write(page(bench, peer)?, own).map_err(at("offer"))?;
    let wanted = (own, offer.reference(), MapMode::Write);
    let foreign = Foreign::map(bench.base.hook, hole(bench, peer)?, wanted).map_err(at("map"))?;
    hold(sum(foreign.page()) == OURS.sum(), "read-through-the-hole")?;
    THEIRS.fill(foreign.page());
    hold(sum(foreign.page()) == THEIRS.sum(), "written-through-the-hole")?;
    let offer = match offer.end() {
        Ok(_) => return Err(Failed("ended-while-mapped")),
        Err(still) => still.offer,
    };
    unmap(bench, peer, foreign)?;
    offer.end().map(drop).map_err(at("end"))
}

/// Copies within the domain: from page to page, and from a page that is granted to ourselves.
pub(super) fn own_copy<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
) -> Result<(), Failed> {
    let own = own_domain(bench)?;
    let (from, to) = (page(bench, peer)?, page(bench, peer)?);
    THEIRS.fill(&to);
    copy(bench, (Place::of(&from, 0), Place::of(&to, 0)))?.map_err(at("copy"))?;
    hold(sum(&to) == OURS.sum(), "not-copied")?;
    LATER.fill(&from);
    let offer = bench.table.offer_read(from, own).map_err(at("offer"))?;
    copy(bench, (Place::granted(own, offer.reference(), 0), Place::of(&to, 0)))?.map_err(at("copy-granted"))?;
    hold(sum(&to) == LATER.sum(), "granted-not-copied")?;
    let into = copy(bench, (Place::of(&to, 0), Place::granted(own, offer.reference(), 0)))?;
    hold(into == Err(GrantStatus::GENERAL_ERROR), "wrote-what-is-for-reading")?;
    peer.stock.keep_page(offer.end().map_err(at("end"))?);
    peer.stock.keep_page(to);
    Ok(())
}

fn own_domain<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<DomId, Failed> {
    let number = bench.store.borrow_mut().read_number(DOMID).map_err(at("domid"))?;
    u16::try_from(number).map(DomId).map_err(at("domid-range"))
}

/// Copies a whole page.
fn copy<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    (from, to): (Place<'_>, Place<'_>),
) -> Result<Result<(), GrantStatus>, Failed> {
    let mut blocks = [Copy::new(from, to, PAGE_SIZE).map_err(at("span"))?];
    grant_table::copy(bench.base.hook, &mut blocks).map_err(at("copy-call"))?;
    Ok(blocks[0].result())
}

/// The peer maps a page of ours, reads and writes it; our access does not end before it lets go.
pub(super) fn maps<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let offer = offer(bench, peer)?;
    let order = |order| Order::Page(order);
    let spot = Spot(peer.have(bench, order(PageOrder::Map(offer.reference(), MapMode::Write)))?);
    hold(peer.have(bench, order(PageOrder::Sum(spot)))? == OURS.sum(), "peer-reads-something-else")?;
    peer.have(bench, order(PageOrder::Fill(spot, THEIRS)))?;
    hold(sum(offer.page()) == THEIRS.sum(), "peer-wrote-elsewhere")?;
    LATER.fill(offer.page());
    hold(peer.have(bench, order(PageOrder::Sum(spot)))? == LATER.sum(), "peer-does-not-see-a-change")?;
    let offer = match offer.end() {
        Ok(_) => return Err(Failed("ended-while-mapped")),
        Err(still) => still.offer,
    };
    peer.have(bench, order(PageOrder::Unmap(spot)))?;
    peer.stock.keep_page(offer.end().map_err(at("end"))?);
    Ok(())
}

/// A page for reading cannot be mapped for writing, and what is written to a mapping for reading is dropped.
pub(super) fn reads<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let offer = bench.table.offer_read(page(bench, peer)?, peer.domain()).map_err(at("offer"))?;
    let mapped = peer.ask(bench, Order::Page(PageOrder::Map(offer.reference(), MapMode::Write)))?;
    hold(mapped == Err(REFUSED), "mapped-for-writing")?;
    let spot = Spot(peer.have(bench, Order::Page(PageOrder::Map(offer.reference(), MapMode::Read)))?);
    hold(peer.have(bench, Order::Page(PageOrder::Sum(spot)))? == OURS.sum(), "peer-reads-something-else")?;
    peer.have(bench, Order::Page(PageOrder::Fill(spot, THEIRS)))?;
    hold(sum(offer.page()) == OURS.sum(), "written-by-a-reader")?;
    peer.have(bench, Order::Page(PageOrder::Unmap(spot)))?;
    peer.stock.keep_page(offer.end().map_err(at("end"))?);
    Ok(())
}

/// We map a page of the peer's, read and write it; the peer's access does not end before we let go.
pub(super) fn grants<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let reference = GrantRef(peer.have(bench, Order::Page(PageOrder::Grant(MapMode::Write, THEIRS)))?);
    let foreign = map(bench, peer, (reference, MapMode::Write))?.map_err(at("map"))?;
    hold(sum(foreign.page()) == THEIRS.sum(), "we-read-something-else")?;
    LATER.fill(foreign.page());
    hold(peer.have(bench, Order::Page(PageOrder::Look(reference)))? == LATER.sum(), "we-wrote-elsewhere")?;
    hold(peer.ask(bench, Order::Page(PageOrder::End(reference)))? == Err(BUSY), "peer-ended-while-mapped")?;
    unmap(bench, peer, foreign)?;
    peer.have(bench, Order::Page(PageOrder::End(reference)))?;
    let reference = GrantRef(peer.have(bench, Order::Page(PageOrder::Grant(MapMode::Read, THEIRS)))?);
    hold(map(bench, peer, (reference, MapMode::Write))?.is_err_and(|code| code == REFUSED), "mapped-for-writing")?;
    let foreign = map(bench, peer, (reference, MapMode::Read))?.map_err(at("map-to-read"))?;
    hold(sum(foreign.page()) == THEIRS.sum(), "we-read-something-else")?;
    unmap(bench, peer, foreign)?;
    peer.have(bench, Order::Page(PageOrder::End(reference))).map(drop)
}

/// Several pages in one hypercall, with one among them that is not granted: each has a status of its own.
pub(super) fn batch<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let mut references = [GrantRef(50_000); 3];
    for reference in [0, 2] {
        references[reference] = GrantRef(peer.have(bench, Order::Page(PageOrder::Grant(MapMode::Read, THEIRS)))?);
    }
    let holes = [hole(bench, peer)?, hole(bench, peer)?, hole(bench, peer)?];
    let block = |at: usize| Map::new(&holes[at], peer.domain(), references[at], MapMode::Read);
    let mut blocks = [0, 1, 2].map(block);
    grant_table::map(bench.base.hook, &mut blocks).map_err(at("map"))?;
    let [first, bad, last] = blocks.map(Map::finish);
    hold(bad.err() == Some(GrantStatus::BAD_GNTREF), "mapped-what-is-not-granted")?;
    let (first, last) = (first.map_err(at("first"))?, last.map_err(at("last"))?);
    hold([0, 2].iter().all(|&at| sum(holes[at].page()) == THEIRS.sum()), "we-read-something-else")?;
    let mut blocks = [Unmap::new(&holes[0], first.handle), Unmap::new(&holes[2], last.handle)];
    grant_table::unmap(bench.base.hook, &mut blocks).map_err(at("unmap"))?;
    hold(blocks.into_iter().all(|block| block.finish().is_ok()), "not-unmapped")?;
    holes.into_iter().for_each(|hole| peer.stock.keep_hole(hole));
    [0, 2].iter().try_for_each(|&at| peer.have(bench, Order::Page(PageOrder::End(references[at]))).map(drop))
}

/// Copies from and to each other's pages, as far as they are granted.
pub(super) fn copies<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let offer = offer(bench, peer)?;
    let from = Order::Page(PageOrder::CopyFrom(offer.reference()));
    hold(peer.have(bench, from)? == OURS.sum(), "peer-copied-something-else")?;
    peer.have(bench, Order::Page(PageOrder::CopyTo(offer.reference(), THEIRS)))?;
    hold(sum(offer.page()) == THEIRS.sum(), "peer-copied-elsewhere")?;
    let page = offer.end().map_err(at("end"))?;
    let only_read = bench.table.offer_read(page, peer.domain()).map_err(at("offer-read"))?;
    let to = Order::Page(PageOrder::CopyTo(only_read.reference(), LATER));
    hold(peer.ask(bench, to)? == Err(REFUSED), "peer-copied-to-what-is-for-reading")?;
    let page = only_read.end().map_err(at("end-read"))?;

    let reference = GrantRef(peer.have(bench, Order::Page(PageOrder::Grant(MapMode::Write, LATER)))?);
    let theirs = Place::granted(peer.domain(), reference, 0);
    copy(bench, (theirs, Place::of(&page, 0)))?.map_err(at("copy-from"))?;
    hold(sum(&page) == LATER.sum(), "we-copied-something-else")?;
    OURS.fill(&page);
    copy(bench, (Place::of(&page, 0), theirs))?.map_err(at("copy-to"))?;
    hold(peer.have(bench, Order::Page(PageOrder::Look(reference)))? == OURS.sum(), "we-copied-elsewhere")?;
    peer.have(bench, Order::Page(PageOrder::End(reference)))?;
    peer.stock.keep_page(page);
    Ok(())
}

/// The peer keeps what we do not want to share any more: it is set aside, and comes back when the peer lets go.
pub(super) fn keeps<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let offer = offer(bench, peer)?;
    let gfn = offer.page().gfn();
    let spot = Spot(peer.have(bench, Order::Page(PageOrder::Map(offer.reference(), MapMode::Write)))?);
    drop(offer);
    hold(bench.table.quarantined() == 1, "not-set-aside")?;
    hold(bench.table.poll_quarantine(LOOKS).is_none(), "given-back-while-mapped")?;
    hold(peer.have(bench, Order::Page(PageOrder::Sum(spot)))? == OURS.sum(), "the-page-was-used-again")?;
    peer.have(bench, Order::Page(PageOrder::Unmap(spot)))?;
    let Some(Page::Shared(page)) = bench.table.poll_quarantine(LOOKS) else { return Err(Failed("not-given-back")) };
    hold(page.gfn() == gfn && bench.table.quarantined() == 0, "another-page")?;
    peer.stock.keep_page(page);
    Ok(())
}

/// What is granted to another the peer does not get, and we do not get what is not granted to us.
pub(super) fn strangers<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
) -> Result<(), Failed> {
    let offer = bench.table.offer_write(page(bench, peer)?, NOBODY).map_err(at("offer"))?;
    let mapped = peer.ask(bench, Order::Page(PageOrder::Map(offer.reference(), MapMode::Read)))?;
    hold(mapped == Err(REFUSED), "peer-mapped-what-is-another's")?;
    let copied = peer.ask(bench, Order::Page(PageOrder::CopyFrom(offer.reference())))?;
    hold(copied == Err(REFUSED), "peer-copied-what-is-another's")?;
    let reference = offer.reference();
    peer.stock.keep_page(offer.end().map_err(at("end"))?);
    let mapped = peer.ask(bench, Order::Page(PageOrder::Map(reference, MapMode::Read)))?;
    hold(mapped == Err(REFUSED), "peer-mapped-what-has-ended")?;
    let beyond = map(bench, peer, (GrantRef(50_000), MapMode::Read))?;
    hold(beyond.is_err_and(|code| code == BAD_REF), "mapped-beyond-the-table")
}

impl<'p, M: Machine> Pages<'p, M> {
    /// Shares a page each way.
    pub(super) fn share<H: Hypercall>(bench: &Bench<'_, 'p, '_, M, H>, peer: &mut Peer) -> Result<Self, Failed> {
        let offer = offer(bench, peer)?;
        let spot = Spot(peer.have(bench, Order::Page(PageOrder::Map(offer.reference(), MapMode::Write)))?);
        let reference = GrantRef(peer.have(bench, Order::Page(PageOrder::Grant(MapMode::Write, THEIRS)))?);
        let foreign = map(bench, peer, (reference, MapMode::Write))?.map_err(at("map"))?;
        Ok(Self { offer, spot, foreign, reference })
    }

    /// The domain went on: all is shared as before.
    pub(super) fn kept<H: Hypercall>(self, bench: &Bench<'_, 'p, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        let Self { offer, spot, foreign, reference } = self;
        let offer = match offer.end() {
            Ok(_) => return Err(Failed("ended-while-mapped")),
            Err(still) => still.offer,
        };
        LATER.fill(offer.page());
        hold(peer.have(bench, Order::Page(PageOrder::Sum(spot)))? == LATER.sum(), "peer-does-not-see-a-change")?;
        peer.have(bench, Order::Page(PageOrder::Unmap(spot)))?;
        peer.stock.keep_page(offer.end().map_err(at("end"))?);
        hold(sum(foreign.page()) == THEIRS.sum(), "foreign-page-lost")?;
        LATER.fill(foreign.page());
        hold(peer.have(bench, Order::Page(PageOrder::Look(reference)))? == LATER.sum(), "we-wrote-elsewhere")?;
        unmap(bench, peer, foreign)?;
        peer.have(bench, Order::Page(PageOrder::End(reference))).map(drop)
    }

    /// The domain is another: our page is ours alone, what the peer has is the old domain's, and its page is gone from here.
    pub(super) fn stale<H: Hypercall>(self, bench: &Bench<'_, 'p, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        let Self { offer, spot, foreign, reference } = self;
        let page = offer.end().map_err(at("end"))?;
        hold(sum(&page) == OURS.sum(), "memory")?;
        LATER.fill(&page);
        hold(peer.have(bench, Order::Page(PageOrder::Sum(spot)))? == OURS.sum(), "peer-sees-the-new-domain")?;
        peer.have(bench, Order::Page(PageOrder::Unmap(spot)))?;
        peer.stock.keep_page(page);
        hold(sum(foreign.page()) == NOTHING, "foreign-page-came-along")?;
        peer.stock.keep_hole(foreign.forget());
        peer.have(bench, Order::Page(PageOrder::End(reference))).map(drop)
    }

    /// The peer dies: our page comes back, and its page stays until we let go.
    pub(super) fn bereave<H: Hypercall>(self, bench: &Bench<'_, 'p, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        let Self { offer, foreign, .. } = self;
        peer.have(bench, Order::Die)?;
        let mut held = Some(offer);
        let end = || match held.take()?.end() {
            Ok(page) => Some(page),
            Err(still) => {
                held = Some(still.offer);
                None
            }
        };
        let page = peer::wait(bench, end).ok_or(Failed("held-by-the-dead"))?;
        hold(sum(&page) == OURS.sum(), "memory")?;
        peer.stock.keep_page(page);
        hold(sum(foreign.page()) == THEIRS.sum(), "foreign-page-lost")?;
        unmap(bench, peer, foreign)
    }
}

/// Errors of Xen's as numbers on the wire.
const _: () = assert!(Errno::EBUSY.raw() == -16);
