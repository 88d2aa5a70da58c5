//! Several pages mapped, or none.

use xen_hypercall::op::grant_table;
use xen_hypercall::{DomId, GrantRef, Hole, Hypercall, IrqGate};

use super::one::judge;
use super::{Backoff, Foreign, MapError, MapManyError, Mapping};
use crate::Table;
use crate::offer::{Access, Read, Write};

impl<H: Hypercall, G: IrqGate> Table<'_, H, G> {
    /// Maps pages of another domain for reading: all of them, or none.
    ///
    /// # Errors
    /// [`MapManyError`] with the places.
    ///
    /// # Xen
    /// `GNTTABOP_map_grant_ref` of `grant_table.h`, all in one call, and one more for each that is tried again;
    /// `GNTTABOP_unmap_grant_ref` for each that is undone.
    #[doc(alias = "gnttab_map_refs")]
    pub fn map_all_read<const N: usize>(
        &self,
        peer: DomId,
        pages: [(Hole, GrantRef); N],
        mut backoff: Backoff<impl FnMut(u32)>,
    ) -> Result<[Mapping<'_, Read, H, G>; N], MapManyError<N>> {
        all_or_none(self.map_each(peer, pages, &mut backoff))
    }

    /// Maps pages of another domain for reading and writing: all of them, or none.
    ///
    /// # Errors
    /// As [`Table::map_all_read`].
    ///
    /// # Xen
    /// As [`Table::map_all_read`].
    #[doc(alias = "gnttab_map_refs")]
    pub fn map_all_write<const N: usize>(
        &self,
        peer: DomId,
        pages: [(Hole, GrantRef); N],
        mut backoff: Backoff<impl FnMut(u32)>,
    ) -> Result<[Mapping<'_, Write, H, G>; N], MapManyError<N>> {
        all_or_none(self.map_each(peer, pages, &mut backoff))
    }

    /// Maps each page by itself, and says what came of it.
    fn map_each<A: Access, const N: usize>(
        &self,
        peer: DomId,
        pages: [(Hole, GrantRef); N],
        backoff: &mut Backoff<impl FnMut(u32)>,
    ) -> [Result<Mapping<'_, A, H, G>, MapError>; N] {
        let mut blocks =
            pages.each_ref().map(|(hole, reference)| Foreign { peer, reference: *reference }.ask::<A>(hole));
        let (when, called) = self.timed(|| grant_table::map(&self.hook, &mut blocks));
        let mut found = blocks.map(|block| judge(called, block.finish())).into_iter();
        pages.map(|(hole, reference)| {
            let foreign = Foreign { peer, reference };
            match found.next() {
                Some(Ok(mapped)) => Ok(Mapping::new((&self.hook, &self.core), (hole, foreign), mapped, when)),
                Some(Err(error)) if backoff.again(error) => self.map(hole, foreign, backoff),
                Some(Err(error)) => Err(MapError { hole, error }),
                None => unreachable!("there are as many answers as questions"),
            }
        })
    }
}

/// Undoes what is mapped if something is not.
fn all_or_none<A: Access, H: Hypercall, G: IrqGate, const N: usize>(
    parts: [Result<Mapping<'_, A, H, G>, MapError>; N],
) -> Result<[Mapping<'_, A, H, G>; N], MapManyError<N>> {
    let failed = parts.iter().enumerate().find_map(|(at, part)| Some((at, part.as_ref().err()?.error)));
    let Some((at, error)) = failed else {
        return Ok(parts.map(|part| part.unwrap_or_else(|_| unreachable!("none of them failed"))));
    };
    let holes = parts.map(|part| match part {
        // Xen's refusal gives the guard back, and its end is counted as a loss.
        Ok(mapping) => mapping.unmap().ok(),
        Err(unmapped) => Some(unmapped.hole),
    });
    Err(MapManyError { holes, at, error })
}
