//! Pages that another guest maps, and pages of another guest.

use xen_grant::{Access, Backoff, Foreign, Mapping, Offer, Page, Read, Write};
use xen_hypercall::op::grant_table::{Copy, GrantError, GrantStatus, MapMode, Place};
use xen_hypercall::{DomId, Errno, GrantRef, Hole, Hypercall, IrqGate, PAGE_SIZE, SharedPage};
use xen_store::Nodes as _;

use super::{Bench, Failed, at, hold};
use crate::Machine;
use crate::peer::{self, Order, PageOrder, Pattern, Peer, Spot, sum, sum_by};
use crate::start::DOMID;

/// What is in the pages: ours at first, what the peer makes of it, and so on.
const OURS: Pattern = Pattern(1);
const THEIRS: Pattern = Pattern(2);
const LATER: Pattern = Pattern(3);

/// No domain has this number.
const NOBODY: DomId = DomId(0x7FE0);

/// The checksum of a page of ones: what is read where there is no memory.
const NOTHING: u32 = 0xF154_670A;

/// How often what is set aside is looked at.
const LOOKS: u32 = 4;

/// No table is so large.
const BEYOND: GrantRef = GrantRef(50_000);

const REFUSED: i32 = -1;
const BUSY: i32 = -16;

/// The table is of the version that was wanted.
pub(super) fn version<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, _: &mut Peer) -> Result<(), Failed> {
    hold(bench.table.version() == Some(bench.base.version), "another-version")
}

type OfferOf<'p, M> = Offer<'p, Write, <M as Machine>::Gate>;

type MappingOf<'p, 'b, A, M, H> = Mapping<'p, A, &'b H, <M as Machine>::Gate>;

/// A page of ours that the peer has mapped, and one of the peer's that we have.
pub(super) struct Pages<'p, 'b, M: Machine, H: Hypercall> {
    offer: OfferOf<'p, M>,
    spot: Spot,
    foreign: MappingOf<'p, 'b, Write, M, H>,
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

/// Maps a page for writing.
fn map_write<'p, 'b, M: Machine, H: Hypercall>(
    bench: &Bench<'_, 'p, 'b, M, H>,
    peer: &mut Peer,
    foreign: Foreign,
) -> Result<Result<MappingOf<'p, 'b, Write, M, H>, GrantError>, Failed> {
    let hole = hole(bench, peer)?;
    Ok(bench.table.map_write(hole, foreign, Backoff::none()).map_err(|refused| {
        peer.stock.keep_hole(refused.hole);
        refused.error
    }))
}

/// Maps a page for reading.
fn map_read<'p, 'b, M: Machine, H: Hypercall>(
    bench: &Bench<'_, 'p, 'b, M, H>,
    peer: &mut Peer,
    foreign: Foreign,
) -> Result<Result<MappingOf<'p, 'b, Read, M, H>, GrantError>, Failed> {
    let hole = hole(bench, peer)?;
    Ok(bench.table.map_read(hole, foreign, Backoff::none()).map_err(|refused| {
        peer.stock.keep_hole(refused.hole);
        refused.error
    }))
}

fn unmap<A: Access, H: Hypercall, G: IrqGate>(peer: &mut Peer, mapping: Mapping<'_, A, &H, G>) -> Result<(), Failed> {
    peer.stock.keep_hole(mapping.unmap().map_err(at("unmap"))?);
    Ok(())
}

/// The checksum of what is mapped; nothing's, if the mapping is void.
fn mapped<A: Access, H: Hypercall, G: IrqGate>(mapping: &Mapping<'_, A, &H, G>) -> u32 {
    sum_by(|at, bytes| mapping.copy_in(at, bytes).unwrap_or(()))
}

fn written<H: Hypercall, G: IrqGate>(mapping: &Mapping<'_, Write, &H, G>, pattern: Pattern) -> Result<(), Failed> {
    mapping.page().map(|page| pattern.fill(page)).map_err(at("stale"))
}

const fn status(status: GrantStatus) -> GrantError {
    GrantError::Status(status)
}

/// Has the peer grant a page of its own, full of what is theirs.
fn granted<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
    mode: MapMode,
) -> Result<Foreign, Failed> {
    let reference = GrantRef(peer.have(bench, Order::Page(PageOrder::Grant(mode, THEIRS)))?);
    Ok(Foreign { peer: peer.domain(), reference })
}

/// Has the peer end what it granted.
fn taken_back<M: Machine, H: Hypercall>(
    bench: &Bench<'_, '_, '_, M, H>,
    peer: &mut Peer,
    foreign: Foreign,
) -> Result<(), Failed> {
    peer.have(bench, Order::Page(PageOrder::End(foreign.reference))).map(drop)
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
    let wanted = Foreign { peer: own, reference: offer.reference() };
    let mapping = map_write(bench, peer, wanted)?.map_err(at("map"))?;
    hold(mapped(&mapping) == OURS.sum(), "read-through-the-hole")?;
    written(&mapping, THEIRS)?;
    hold(mapped(&mapping) == THEIRS.sum(), "written-through-the-hole")?;
    let offer = match offer.end() {
        Ok(_) => return Err(Failed("ended-while-mapped")),
        Err(still) => still.offer,
    };
    unmap(peer, mapping)?;
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
    hold(into == Err(status(GrantStatus::GENERAL_ERROR)), "wrote-what-is-for-reading")?;
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
) -> Result<Result<(), GrantError>, Failed> {
    let mut blocks = [Copy::new(from, to, PAGE_SIZE).map_err(at("span"))?];
    Ok(bench.table.copy(&mut blocks, Backoff::none()).map_err(|refused| refused.error))
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
    let foreign = granted(bench, peer, MapMode::Write)?;
    let mapping = map_write(bench, peer, foreign)?.map_err(at("map"))?;
    hold(mapped(&mapping) == THEIRS.sum(), "we-read-something-else")?;
    written(&mapping, LATER)?;
    let look = Order::Page(PageOrder::Look(foreign.reference));
    hold(peer.have(bench, look)? == LATER.sum(), "we-wrote-elsewhere")?;
    let end = Order::Page(PageOrder::End(foreign.reference));
    hold(peer.ask(bench, end)? == Err(BUSY), "peer-ended-while-mapped")?;
    unmap(peer, mapping)?;
    taken_back(bench, peer, foreign)?;

    let foreign = granted(bench, peer, MapMode::Read)?;
    let refused = map_write(bench, peer, foreign)?;
    hold(refused.is_err_and(|error| error == status(GrantStatus::GENERAL_ERROR)), "mapped-for-writing")?;
    let mapping = map_read(bench, peer, foreign)?.map_err(at("map-to-read"))?;
    hold(mapped(&mapping) == THEIRS.sum(), "we-read-something-else")?;
    // Dropped, it unmaps too; the hole is not used again.
    drop(mapping);
    hold(bench.table.lost_mappings() == 0, "lost-a-mapping")?;
    taken_back(bench, peer, foreign)
}

/// Several pages in one hypercall: all or, with one among them that is not granted, none.
pub(super) fn batch<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, peer: &mut Peer) -> Result<(), Failed> {
    let (first, last) = (granted(bench, peer, MapMode::Read)?, granted(bench, peer, MapMode::Read)?);
    let mut references = [first.reference, BEYOND, last.reference].into_iter();
    let mut pages = || Ok((hole(bench, peer)?, references.next().unwrap_or(BEYOND)));
    let three = [pages()?, pages()?, pages()?];
    let Err(refused) = bench.table.map_all_read(first.peer, three, Backoff::none()) else {
        return Err(Failed("mapped-what-is-not-granted"));
    };
    let why = (refused.at, refused.error);
    hold(why == (1, status(GrantStatus::BAD_GNTREF)), "refused-for-another-reason")?;
    let [Some(one), Some(other), Some(spare)] = refused.holes else { return Err(Failed("a-hole-is-lost")) };
    hold([&one, &other, &spare].iter().all(|hole| sum(hole.page()) == NOTHING), "something-stayed-mapped")?;
    peer.stock.keep_hole(spare);
    let two = [(one, first.reference), (other, last.reference)];
    let mappings = bench.table.map_all_read(first.peer, two, Backoff::none()).map_err(at("map"))?;
    hold(mappings.iter().all(|mapping| mapped(mapping) == THEIRS.sum()), "we-read-something-else")?;
    for mapping in mappings {
        unmap(peer, mapping)?;
    }
    taken_back(bench, peer, first)?;
    taken_back(bench, peer, last)
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

    let foreign = granted(bench, peer, MapMode::Write)?;
    let theirs = Place::granted(foreign.peer, foreign.reference, 0);
    LATER.fill(&page);
    copy(bench, (theirs, Place::of(&page, 0)))?.map_err(at("copy-from"))?;
    hold(sum(&page) == THEIRS.sum(), "we-copied-something-else")?;
    OURS.fill(&page);
    copy(bench, (Place::of(&page, 0), theirs))?.map_err(at("copy-to"))?;
    let look = Order::Page(PageOrder::Look(foreign.reference));
    hold(peer.have(bench, look)? == OURS.sum(), "we-copied-elsewhere")?;
    taken_back(bench, peer, foreign)?;
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
    let beyond = map_read(bench, peer, Foreign { peer: peer.domain(), reference: BEYOND })?;
    hold(beyond.is_err_and(|error| error == status(GrantStatus::BAD_GNTREF)), "mapped-beyond-the-table")
}

impl<'p, 'b, M: Machine, H: Hypercall> Pages<'p, 'b, M, H> {
    /// Shares a page each way.
    pub(super) fn share(bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<Self, Failed> {
        let offer = offer(bench, peer)?;
        let spot = Spot(peer.have(bench, Order::Page(PageOrder::Map(offer.reference(), MapMode::Write)))?);
        let foreign = granted(bench, peer, MapMode::Write)?;
        let foreign = map_write(bench, peer, foreign)?.map_err(at("map"))?;
        Ok(Self { offer, spot, foreign })
    }

    /// The domain went on: all is shared as before.
    pub(super) fn kept(self, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        let Self { offer, spot, foreign: mapping } = self;
        let offer = match offer.end() {
            Ok(_) => return Err(Failed("ended-while-mapped")),
            Err(still) => still.offer,
        };
        LATER.fill(offer.page());
        hold(peer.have(bench, Order::Page(PageOrder::Sum(spot)))? == LATER.sum(), "peer-does-not-see-a-change")?;
        peer.have(bench, Order::Page(PageOrder::Unmap(spot)))?;
        peer.stock.keep_page(offer.end().map_err(at("end"))?);
        hold(mapped(&mapping) == THEIRS.sum(), "foreign-page-lost")?;
        written(&mapping, LATER)?;
        let foreign = mapping.foreign();
        let look = Order::Page(PageOrder::Look(foreign.reference));
        hold(peer.have(bench, look)? == LATER.sum(), "we-wrote-elsewhere")?;
        unmap(peer, mapping)?;
        taken_back(bench, peer, foreign)
    }

    /// The domain is another: our page is ours alone, what the peer has is the old domain's, and its page is gone from here.
    pub(super) fn stale(self, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        let Self { offer, spot, foreign: mapping } = self;
        let page = offer.end().map_err(at("end"))?;
        hold(sum(&page) == OURS.sum(), "memory")?;
        LATER.fill(&page);
        hold(peer.have(bench, Order::Page(PageOrder::Sum(spot)))? == OURS.sum(), "peer-sees-the-new-domain")?;
        peer.have(bench, Order::Page(PageOrder::Unmap(spot)))?;
        peer.stock.keep_page(page);
        hold(mapping.page().is_err() && mapping.copy_in(0, &mut [0]).is_err(), "mapping-is-not-void")?;
        let foreign = mapping.foreign();
        // No hypercall: the handle would be another's here.
        let hole = mapping.unmap().map_err(at("unmap"))?;
        hold(sum(hole.page()) == NOTHING, "foreign-page-came-along")?;
        peer.stock.keep_hole(hole);
        taken_back(bench, peer, foreign)
    }

    /// The peer dies: our page comes back, and its page stays until we let go.
    pub(super) fn bereave(self, bench: &Bench<'_, 'p, 'b, M, H>, peer: &mut Peer) -> Result<(), Failed> {
        let Self { offer, foreign: mapping, .. } = self;
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
        hold(mapped(&mapping) == THEIRS.sum(), "foreign-page-lost")?;
        unmap(peer, mapping)
    }
}

/// Errors of Xen's as numbers on the wire.
const _: () = assert!(Errno::EBUSY.raw() == -16);
