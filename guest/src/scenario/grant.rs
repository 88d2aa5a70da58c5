//! Grants.

use xen_hypercall::{DomId, Hypercall};

use super::{Bench, Failed, at, hold};
use crate::Machine;

/// A page that nobody maps can be offered, and comes back whole.
pub(super) fn offer_and_end<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let before = bench.table.ledger();
    let page = bench.base.machine.page().ok_or(Failed("no-page"))?;
    let gfn = page.gfn();
    let offer = bench.table.offer_write(page, DomId::DOM0).map_err(at("offer"))?;
    hold(bench.table.ledger() != before, "not-on-the-ledger")?;
    let page = offer.end().map_err(at("end"))?;
    hold(page.gfn() == gfn, "another-page")?;
    let page = bench.table.offer_read(page, DomId::DOM0).map_err(at("offer-read"))?.end().map_err(at("end-read"))?;
    hold(page.gfn() == gfn && bench.table.ledger() == before, "ledger")
}

/// A domain that cannot be a peer gets nothing, and the page comes back.
pub(super) fn refused<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let before = bench.table.ledger();
    let page = bench.base.machine.page().ok_or(Failed("no-page"))?;
    let gfn = page.gfn();
    let Err(refused) = bench.table.offer_write(page, DomId::SELF) else { return Err(Failed("offered-to-no-peer")) };
    hold(refused.page.gfn() == gfn && bench.table.ledger() == before, "ledger")
}
