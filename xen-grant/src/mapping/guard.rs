//! The guard of a page of another domain.

use core::fmt;
use core::marker::PhantomData;

use xen_hypercall::op::grant_table::{self, BusAddr, Flush, GrantError, GrantHandle, Mapped, Unmap};
use xen_hypercall::{Hole, Hypercall, IrqGate, NoGate, PAGE_SIZE, SharedPage, Stale};

use super::{FlushError, Foreign, UnmapError};
use crate::entries::{Core, When};
use crate::offer::{Access, Write};

/// A page of another domain, mapped into a place of ours.
///
/// Its bytes are the other domain's to change at any moment: they are copied, once, and never lent out as a slice.
/// [`Mapping::unmap`] gives the place back. Dropping the guard unmaps too; where Xen refuses that, the place is lost and the
/// mapping counted ([`Table::lost_mappings`](crate::Table::lost_mappings)).
///
/// After [`Table::rebuild`](crate::Table::rebuild) it is void: the mapping was the old domain's. Where that was taken for a new one
/// and Xen has the page mapped still, the guard's end takes it away nevertheless, unless all its bytes are ones.
///
/// Does not compile: a page that is mapped for reading is not written.
/// ```compile_fail,E0599
/// # use xen_grant::{Mapping, Read};
/// # fn wrong(mapping: Mapping<'_, Read, xen_mock::Hook>) {
/// let page = mapping.page();
/// # }
/// ```
///
/// Does not compile: nothing of it is reached after it was unmapped.
/// ```compile_fail,E0505
/// # use xen_grant::{Mapping, Write};
/// # fn wrong(mapping: Mapping<'_, Write, xen_mock::Hook>) {
/// let page = mapping.page().unwrap();
/// let hole = mapping.unmap();
/// page.zero();
/// # }
/// ```
#[must_use = "dropping it unmaps the page"]
pub struct Mapping<'t, A: Access, H: Hypercall, G: IrqGate = NoGate> {
    hook: &'t H,
    core: &'t Core<'t, G>,
    /// The place and what ends the mapping: there until it has ended.
    held: Option<(Hole, GrantHandle)>,
    foreign: Foreign,
    bus: BusAddr,
    when: When,
    access: PhantomData<A>,
}

impl<'t, A: Access, H: Hypercall, G: IrqGate> Mapping<'t, A, H, G> {
    pub(super) fn new(
        (hook, core): (&'t H, &'t Core<'t, G>),
        (hole, foreign): (Hole, Foreign),
        Mapped { handle, bus }: Mapped,
        when: When,
    ) -> Self {
        Self { hook, core, held: Some((hole, handle)), foreign, bus, when, access: PhantomData }
    }

    /// Returns whose page it is, and by which reference.
    #[must_use]
    pub const fn foreign(&self) -> Foreign {
        self.foreign
    }

    /// Returns where the page is on the bus, for a device.
    #[must_use]
    pub const fn bus(&self) -> BusAddr {
        self.bus
    }

    /// Copies bytes of the page from byte `offset` on into private memory, once.
    ///
    /// # Errors
    /// [`Stale`] if the mapping is void; nothing is copied.
    ///
    /// # Panics
    /// If the bytes are not all within the page; `offset` and length are ours, never a peer's.
    pub fn copy_in(&self, offset: usize, to: &mut [u8]) -> Result<(), Stale> {
        self.there().map(|page| page.copy_in(offset, to))
    }

    /// Copies a short record of the page from byte `offset` on into private memory, each byte once.
    ///
    /// # Errors
    /// As [`Mapping::copy_in`].
    ///
    /// # Panics
    /// As [`Mapping::copy_in`].
    pub fn record_in(&self, offset: usize, to: &mut [u8]) -> Result<(), Stale> {
        self.there().map(|page| page.record_in(offset, to))
    }

    /// Has the processor's cache written back for bytes of the page, and read anew, where devices do not see it.
    ///
    /// # Errors
    /// [`FlushError`].
    ///
    /// # Xen
    /// `GNTTABOP_cache_flush` of `grant_table.h`; Arm.
    #[doc(alias = "GNTTABOP_cache_flush")]
    pub fn flush(&self, offset: usize, len: usize) -> Result<(), FlushError> {
        let flush = Flush::clean_and_invalidate(self.bus, offset, len).map_err(FlushError::Span)?;
        self.core.gate.run(|| {
            self.there().map_err(FlushError::Stale)?;
            grant_table::cache_flush(self.hook, &mut [flush]).map_err(FlushError::Call)
        })
    }

    /// Ends the mapping and returns the place; of one that is void, too.
    ///
    /// # Errors
    /// [`UnmapError`] with the guard, if Xen refuses.
    ///
    /// # Xen
    /// `GNTTABOP_unmap_grant_ref` of `grant_table.h`.
    #[doc(alias("GNTTABOP_unmap_grant_ref", "gnttab_unmap_refs", "xenbus_unmap_ring_vfree", "gntmap_munmap"))]
    pub fn unmap(mut self) -> Result<Hole, UnmapError<'t, A, H, G>> {
        match self.let_go() {
            Ok(Some(hole)) => Ok(hole),
            Ok(None) => unreachable!("the place is there until the guard is consumed"),
            Err(error) => Err(UnmapError { mapping: self, error }),
        }
    }

    fn is_void(&self) -> bool {
        self.when.life != self.core.shape.life()
    }

    fn there(&self) -> Result<&SharedPage, Stale> {
        match &self.held {
            Some((hole, _)) if !self.is_void() => Ok(hole.page()),
            _ => Err(Stale(self.when.epoch)),
        }
    }

    /// Ends it, unless it has ended; in one section of the gate, for a handle of the old domain is another's in the new.
    fn let_go(&mut self) -> Result<Option<Hole>, GrantError> {
        let (core, hook) = (self.core, self.hook);
        core.gate.run(|| {
            let Some((hole, handle)) = self.held.take() else { return Ok(None) };
            // Where the old domain was taken for a new one, the page is there still, and the handle names it.
            if self.is_void() && is_empty(&hole) {
                return Ok(Some(hole));
            }
            let mut block = [Unmap::new(&hole, handle)];
            let called = grant_table::unmap(hook, &mut block);
            let [block] = block;
            match block.finish() {
                Ok(()) => Ok(Some(hole)),
                Err((handle, status)) => {
                    self.held = Some((hole, handle));
                    Err(called.map_or_else(GrantError::Call, |()| GrantError::Status(status)))
                }
            }
        })
    }
}

/// Tells whether nothing is in a place, as far as can be seen: it reads as ones then, and so would a page of ones.
fn is_empty(hole: &Hole) -> bool {
    (0..PAGE_SIZE).step_by(64).all(|at| {
        let mut bytes = [0; 64];
        hole.page().copy_in(at, &mut bytes);
        bytes == [0xFF; 64]
    })
}

impl<A: Access, H: Hypercall, G: IrqGate> Drop for Mapping<'_, A, H, G> {
    fn drop(&mut self) {
        if self.let_go().is_err() {
            self.core.shape.lose_mapping();
        }
    }
}

impl<H: Hypercall, G: IrqGate> Mapping<'_, Write, H, G> {
    /// Returns the page, to be read and written as a shared one.
    ///
    /// # Errors
    /// [`Stale`] if the mapping is void.
    pub fn page(&self) -> Result<&SharedPage, Stale> {
        self.there()
    }
}

impl<A: Access, H: Hypercall, G: IrqGate> fmt::Debug for Mapping<'_, A, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping").field("foreign", &self.foreign).field("held", &self.held).finish_non_exhaustive()
    }
}
