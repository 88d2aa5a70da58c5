//! One page mapped.

use xen_hypercall::op::grant_table::{self, GrantError, GrantStatus, Map, MapMode, Mapped};
use xen_hypercall::{DomId, Errno, GrantRef, Hole, Hypercall, IrqGate};

use super::{Backoff, MapError, Mapping};
use crate::entries::When;
use crate::offer::{Access, Read, Write};
use crate::{Flags, Table};

/// A page that another domain granted to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// The domain.
    pub peer: DomId,
    /// Its entry.
    pub reference: GrantRef,
}

impl Foreign {
    pub(super) fn ask<A: Access>(self, hole: &Hole) -> Map<'_> {
        let mode = if A::FLAGS.contains(Flags::READ_ONLY) { MapMode::Read } else { MapMode::Write };
        Map::new(hole, self.peer, self.reference, mode)
    }
}

/// What Xen said of one block of a call.
pub(super) fn judge<T>(called: Result<(), Errno>, block: Result<T, GrantStatus>) -> Result<T, GrantError> {
    block.map_err(|status| match called {
        Err(errno) if status == GrantStatus::UNWRITTEN => GrantError::Call(errno),
        _ => GrantError::Status(status),
    })
}

impl<H: Hypercall, G: IrqGate> Table<'_, H, G> {
    /// Maps a page of another domain for reading.
    ///
    /// # Errors
    /// [`MapError`] with the place.
    ///
    /// # Xen
    /// `GNTTABOP_map_grant_ref` of `grant_table.h`; HVM and PVH.
    #[doc(alias("GNTTABOP_map_grant_ref", "gnttab_map_refs", "xenbus_map_ring_valloc", "gntmap_map_grant_refs"))]
    pub fn map_read(
        &self,
        hole: Hole,
        foreign: Foreign,
        mut backoff: Backoff<impl FnMut(u32)>,
    ) -> Result<Mapping<'_, Read, H, G>, MapError> {
        self.map(hole, foreign, &mut backoff)
    }

    /// Maps a page of another domain for reading and writing.
    ///
    /// # Errors
    /// As [`Table::map_read`].
    ///
    /// # Xen
    /// As [`Table::map_read`].
    #[doc(alias("GNTTABOP_map_grant_ref", "gnttab_map_refs", "xenbus_map_ring_valloc", "gntmap_map_grant_refs"))]
    pub fn map_write(
        &self,
        hole: Hole,
        foreign: Foreign,
        mut backoff: Backoff<impl FnMut(u32)>,
    ) -> Result<Mapping<'_, Write, H, G>, MapError> {
        self.map(hole, foreign, &mut backoff)
    }

    /// Returns how many mappings Xen did not end when their guard was dropped: their places are not to be used again.
    pub fn lost_mappings(&self) -> u32 {
        self.core.shape.lost_mappings()
    }

    pub(super) fn map<A: Access>(
        &self,
        hole: Hole,
        foreign: Foreign,
        backoff: &mut Backoff<impl FnMut(u32)>,
    ) -> Result<Mapping<'_, A, H, G>, MapError> {
        loop {
            match self.try_map::<A>(&hole, foreign) {
                (when, Ok(mapped)) => {
                    return Ok(Mapping::new((&self.hook, &self.core), (hole, foreign), mapped, when));
                }
                (_, Err(error)) if !backoff.again(error) => return Err(MapError { hole, error }),
                (_, Err(_)) => {}
            }
        }
    }

    fn try_map<A: Access>(&self, hole: &Hole, foreign: Foreign) -> (When, Result<Mapped, GrantError>) {
        let mut block = [foreign.ask::<A>(hole)];
        let (when, called) = self.timed(|| grant_table::map(&self.hook, &mut block));
        let [block] = block;
        (when, judge(called, block.finish()))
    }

    /// Makes a hypercall in a section of the gate, and says in which life of the table.
    pub(super) fn timed<R>(&self, call: impl FnOnce() -> R) -> (When, R) {
        self.core.gate.run(|| {
            let when = self.core.now();
            (when, call())
        })
    }
}
