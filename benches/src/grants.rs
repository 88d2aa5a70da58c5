//! Our grants, offered and ended.

use core::mem;
use std::array;

use xen_grant::{Owner, Pool, Slot, Table};
use xen_hypercall::{DomId, EpochCell, SharedPage};

use crate::page::one;
use crate::yes::Yes;

/// Grants in use at a time, at most.
pub const BATCH: usize = 32;

/// A queue's grants: its pool of entries, and the pages that it offers, one after the other.
#[derive(Debug)]
pub struct OurGrants {
    pool: Pool<'static>,
    pages: [Option<SharedPage>; BATCH],
}

/// Makes a table of one frame, which is never freed.
///
/// # Panics
/// If the table is not made.
#[must_use]
pub fn table() -> &'static Table<'static, Yes> {
    let frames = Vec::leak(vec![one(0)]);
    let slots = Vec::leak((0..512).map(|_| Slot::new()).collect());
    let table = Table::new(Yes, Box::leak(Box::new(EpochCell::new())), frames, slots);
    table.rebuild().expect("nobody refuses");
    Box::leak(Box::new(table))
}

impl OurGrants {
    /// Makes a queue of a table.
    ///
    /// # Panics
    /// If the peer is refused.
    #[must_use]
    pub fn new(table: &'static Table<'static, Yes>) -> Self {
        let mut frame = 0;
        let pages = array::from_fn(|_| {
            frame += 1;
            Some(one(frame - 1))
        });
        Self { pool: table.account(Owner(1)).pool(DomId(1)).expect("a peer"), pages }
    }

    /// Offers a batch of pages and ends each offer, as often; returns the sum of the frames.
    pub fn rounds(&mut self, rounds: u32, batch: u32) -> Option<u64> {
        let mut sum = 0;
        let mut offers = [const { None }; BATCH];
        let batch = batch as usize;
        for _ in 0..rounds {
            for (place, page) in offers.iter_mut().zip(&mut self.pages).take(batch) {
                // Nothing is there, which the compiler does not know.
                mem::forget(place.replace(self.pool.offer_write(page.take()?).ok()?));
            }
            for (offer, place) in offers.iter_mut().zip(&mut self.pages).take(batch) {
                let page = self.pool.end(offer.take()?).ok()?;
                sum += page.gfn().0;
                *place = Some(page);
            }
        }
        Some(sum)
    }
}
