//! What the peer does with pages.

use xen_grant::{Offer, Read, Write};
use xen_hypercall::op::grant_table::{self, Copy, MapMode, Place};
use xen_hypercall::{DomId, Errno, GrantRef, Hypercall, SharedPage};

use super::Result;
use crate::Machine;
use crate::crew::TableOf;
use crate::peer::pages::{Foreign, Pattern, Stock, code, sum};
use crate::peer::{PageOrder, Spot};

/// How many pages it may have mapped, and offered.
const PAGES: usize = 8;

/// A page that it has offered.
enum Offered<'p, G: xen_hypercall::IrqGate> {
    Read(Offer<'p, Read, G>),
    Write(Offer<'p, Write, G>),
}

impl<G: xen_hypercall::IrqGate> Offered<'_, G> {
    const fn reference(&self) -> GrantRef {
        match self {
            Self::Read(offer) => offer.reference(),
            Self::Write(offer) => offer.reference(),
        }
    }

    fn page(&self) -> &SharedPage {
        match self {
            Self::Read(offer) => offer.page(),
            Self::Write(offer) => offer.page(),
        }
    }

    fn end(self) -> core::result::Result<SharedPage, Self> {
        match self {
            Self::Read(offer) => offer.end().map_err(|still| Self::Read(still.offer)),
            Self::Write(offer) => offer.end().map_err(|still| Self::Write(still.offer)),
        }
    }
}

/// The pages of others that it has, and its own that others have.
pub(super) struct Sharing<'p, 'b, M: Machine, H: Hypercall> {
    machine: &'b M,
    hook: &'b H,
    table: &'p TableOf<'p, 'b, M, H>,
    mapped: [Option<Foreign>; PAGES],
    offered: [Option<Offered<'p, M::Gate>>; PAGES],
    stock: Stock,
}

impl<'p, 'b, M: Machine, H: Hypercall> Sharing<'p, 'b, M, H> {
    pub(super) const fn new(machine: &'b M, hook: &'b H, table: &'p TableOf<'p, 'b, M, H>) -> Self {
        let (mapped, offered) = ([const { None }; PAGES], [const { None }; PAGES]);
        Self { machine, hook, table, mapped, offered, stock: Stock::new() }
    }

    pub(super) fn obey(&mut self, asker: DomId, order: PageOrder) -> Result {
        match order {
            PageOrder::Map(reference, mode) => self.map(asker, reference, mode),
            PageOrder::Unmap(spot) => {
                let foreign = self.place(spot)?.take().ok_or(code(Errno::ENOENT.raw()))?;
                self.stock.keep_hole(foreign.unmap(self.hook)?);
                Ok(0)
            }
            PageOrder::Sum(spot) => Ok(sum(self.foreign(spot)?.page())),
            PageOrder::Fill(spot, pattern) => {
                pattern.fill(self.foreign(spot)?.page());
                Ok(0)
            }
            PageOrder::Grant(mode, pattern) => self.grant(asker, mode, pattern),
            PageOrder::End(reference) => self.end(reference),
            PageOrder::Look(reference) => {
                let offered = self.offered.iter().flatten().find(|offered| offered.reference() == reference);
                offered.map(|offered| sum(offered.page())).ok_or(code(Errno::ENOENT.raw()))
            }
            PageOrder::CopyFrom(reference) => self.copy_from(asker, reference),
            PageOrder::CopyTo(reference, pattern) => self.copy_to(asker, reference, pattern),
        }
    }

    fn place(&mut self, Spot(number): Spot) -> Result<&mut Option<Foreign>> {
        usize::try_from(number).ok().and_then(|at| self.mapped.get_mut(at)).ok_or(code(Errno::ENOENT.raw()))
    }

    fn foreign(&mut self, spot: Spot) -> Result<&Foreign> {
        self.place(spot)?.as_ref().ok_or(code(Errno::ENOENT.raw()))
    }

    fn map(&mut self, asker: DomId, reference: GrantRef, mode: MapMode) -> Result {
        let at = self.mapped.iter().position(Option::is_none).ok_or(code(Errno::ENOSPC.raw()))?;
        let hole = self.stock.hole(self.machine).ok_or(code(Errno::ENOMEM.raw()))?;
        match Foreign::map(self.hook, hole, (asker, reference, mode)) {
            Ok(foreign) => {
                self.mapped[at] = Some(foreign);
                u32::try_from(at).map_err(|_| i32::MIN)
            }
            Err((hole, code)) => {
                self.stock.keep_hole(hole);
                Err(code)
            }
        }
    }

    fn page(&mut self) -> Result<SharedPage> {
        self.stock.page(self.machine).ok_or(code(Errno::ENOMEM.raw()))
    }

    fn grant(&mut self, asker: DomId, mode: MapMode, pattern: Pattern) -> Result {
        let at = self.offered.iter().position(Option::is_none).ok_or(code(Errno::ENOSPC.raw()))?;
        let page = self.page()?;
        pattern.fill(&page);
        let offered = match mode {
            MapMode::Read => self.table.offer_read(page, asker).map(Offered::Read),
            MapMode::Write => self.table.offer_write(page, asker).map(Offered::Write),
        };
        let offered = offered.map_err(|_| code(Errno::ENOSPC.raw()))?;
        Ok(self.offered[at].insert(offered).reference().0)
    }

    fn end(&mut self, reference: GrantRef) -> Result {
        let is = |place: &&mut Option<Offered<'_, _>>| place.as_ref().is_some_and(|held| held.reference() == reference);
        let place = self.offered.iter_mut().find(is).ok_or(code(Errno::ENOENT.raw()))?;
        match place.take().map(Offered::end) {
            Some(Err(still)) => {
                *place = Some(still);
                Err(code(Errno::EBUSY.raw()))
            }
            Some(Ok(page)) => {
                self.stock.keep_page(page);
                Ok(0)
            }
            None => Ok(0),
        }
    }

    fn copy_from(&mut self, asker: DomId, reference: GrantRef) -> Result {
        let page = self.page()?;
        let copied = self.copy((Place::granted(asker, reference, 0), Place::of(&page, 0)));
        let sum = sum(&page);
        self.stock.keep_page(page);
        copied.map(|()| sum)
    }

    fn copy_to(&mut self, asker: DomId, reference: GrantRef, pattern: Pattern) -> Result {
        let page = self.page()?;
        pattern.fill(&page);
        let copied = self.copy((Place::of(&page, 0), Place::granted(asker, reference, 0)));
        self.stock.keep_page(page);
        copied.map(|()| 0)
    }

    /// Copies a whole page.
    fn copy(&self, (from, to): (Place<'_>, Place<'_>)) -> Result<()> {
        let mut blocks = [Copy::new(from, to, 4096).map_err(|_| i32::MIN)?];
        grant_table::copy(self.hook, &mut blocks).map_err(|errno| code(errno.raw()))?;
        blocks[0].result().map_err(|status| code(status.0))
    }
}
