//! Offers of every kind in one list, and what makes them.

use xen_grant::{Account, Grantable, Offer, OfferError, Owner, Page, Pool, Read, Refusal, Table, Write};
use xen_hypercall::{DomId, GrantRef, LentPage, NoGate, SharedPage};
use xen_mock::{Hook, MapMode};

/// Entries that a pool has room for.
pub(super) const ROOM: usize = 4;

pub(super) type Pooled<'t> = Pool<'t, NoGate, ROOM>;

/// An offer.
pub(super) enum Held<'t> {
    SharedRead(Offer<'t, Read>),
    SharedWrite(Offer<'t, Write>),
    LentRead(Offer<'t, Read, NoGate, LentPage>),
    LentWrite(Offer<'t, Write, NoGate, LentPage>),
}

/// The same with an offer, whichever it is.
macro_rules! each {
    ($held:expr, $offer:ident => $what:expr) => {
        match $held {
            Held::SharedRead($offer) => $what,
            Held::SharedWrite($offer) => $what,
            Held::LentRead($offer) => $what,
            Held::LentWrite($offer) => $what,
        }
    };
}

/// The same, with the offer back if the peer has the page mapped.
macro_rules! ended {
    ($held:expr, $offer:ident => $end:expr) => {
        match $held {
            Held::SharedRead($offer) => $end.map(Page::Shared).map_err(|refused| Held::SharedRead(refused.offer)),
            Held::SharedWrite($offer) => $end.map(Page::Shared).map_err(|refused| Held::SharedWrite(refused.offer)),
            Held::LentRead($offer) => $end.map(Page::Lent).map_err(|refused| Held::LentRead(refused.offer)),
            Held::LentWrite($offer) => $end.map(Page::Lent).map_err(|refused| Held::LentWrite(refused.offer)),
        }
    };
}

impl<'t> Held<'t> {
    pub(super) fn reference(&self) -> GrantRef {
        each!(self, offer => offer.reference())
    }

    pub(super) fn gfn(&self) -> u64 {
        each!(self, offer => Grantable::gfn(offer.page()).0)
    }

    pub(super) fn named(&self) -> (DomId, Owner) {
        each!(self, offer => (offer.peer(), offer.owner()))
    }

    pub(super) fn end(self) -> Result<Page, Self> {
        ended!(self, offer => offer.end())
    }

    pub(super) fn end_in(self, pool: &mut Pooled<'t>) -> Result<Page, Self> {
        ended!(self, offer => pool.end(offer))
    }
}

/// What offers pages.
pub(super) enum Maker<'a, 't> {
    Table(&'t Table<'t, &'t Hook>, DomId),
    Account(Account<'t>, DomId),
    Pool(&'a mut Pooled<'t>),
}

type Made<'t, A, P> = Result<Offer<'t, A, NoGate, P>, OfferError<P>>;

impl<'t> Maker<'_, 't> {
    fn read<P: Grantable>(&mut self, page: P) -> Made<'t, Read, P> {
        match self {
            Self::Table(table, peer) => table.offer_read(page, *peer),
            Self::Account(account, peer) => account.offer_read(page, *peer),
            Self::Pool(pool) => pool.offer_read(page),
        }
    }

    fn write<P: Grantable>(&mut self, page: P) -> Made<'t, Write, P> {
        match self {
            Self::Table(table, peer) => table.offer_write(page, *peer),
            Self::Account(account, peer) => account.offer_write(page, *peer),
            Self::Pool(pool) => pool.offer_write(page),
        }
    }

    pub(super) fn shared(&mut self, page: SharedPage, mode: MapMode) -> Result<Held<'t>, (Page, Refusal)> {
        let made = match mode {
            MapMode::Read => self.read(page).map(Held::SharedRead),
            MapMode::Write => self.write(page).map(Held::SharedWrite),
        };
        made.map_err(|error| (error.page.into(), error.refusal))
    }

    pub(super) fn lent(&mut self, page: LentPage, mode: MapMode) -> Result<Held<'t>, (Page, Refusal)> {
        let made = match mode {
            MapMode::Read => self.read(page).map(Held::LentRead),
            MapMode::Write => self.write(page).map(Held::LentWrite),
        };
        made.map_err(|error| (error.page.into(), error.refusal))
    }
}
