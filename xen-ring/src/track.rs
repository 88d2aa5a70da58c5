//! What the two ends of a byte ring have in common: the bytes, both indices, and how far it is to go.
//!
//! An end remembers how far its peer lets it go, and looks at the peer's index only where that does not suffice.

use core::fmt;
use core::marker::PhantomData;

use crate::index::{Index, narrow, wide};
use crate::words::{Area, Word};
use crate::{Layout, Misbehaved, Words};

/// Which end it is.
pub(crate) trait End {
    /// Returns how far the limit is beyond the peer's index in a ring of `size` bytes.
    fn lead(size: u32) -> u32;
    /// Puts what is ours first.
    fn ours_first<T>(cons: T, prod: T) -> (T, T);
}

/// The end in front, which may be a ring's length ahead of its peer.
#[derive(Debug)]
pub(crate) struct Sends;

impl End for Sends {
    #[inline]
    fn lead(size: u32) -> u32 {
        size
    }

    fn ours_first<T>(cons: T, prod: T) -> (T, T) {
        (prod, cons)
    }
}

/// The end behind, which may be as far as its peer.
#[derive(Debug)]
pub(crate) struct Receives;

impl End for Receives {
    #[inline]
    fn lead(_: u32) -> u32 {
        0
    }

    fn ours_first<T>(cons: T, prod: T) -> (T, T) {
        (cons, prod)
    }
}

/// One end's view of a ring.
///
/// # Invariants
/// 1. From `own` to `limit` it is `size` steps at most; none once the peer misbehaved.
/// 2. The page is told of `own` and never asked.
pub(crate) struct Track<'m, W: Words + 'm, E> {
    area: W::Area<'m>,
    size: u32,
    /// The size less one: kept, since every copy needs it.
    mask: u32,
    ours: W::Word<'m>,
    theirs: W::Word<'m>,
    own: Index,
    /// Up to where we may go, by what was seen of the peer.
    limit: Index,
    fault: Option<Misbehaved>,
    end: PhantomData<E>,
}

impl<'m, W: Words, E: End> Track<'m, W, E> {
    /// Finds the words and bytes, and reads both indices, each once, which may hold anything.
    ///
    /// # Panics
    /// If a memory is smaller than the layout says.
    pub(crate) fn attach<D>(indices: &'m W, data: &'m D, layout: Layout) -> Result<Self, Misbehaved>
    where
        D: Words<Area<'m> = W::Area<'m>>,
    {
        let size = layout.size;
        let (cons, prod) = (indices.word(layout.cons), indices.word(layout.prod));
        let (Some(cons), Some(prod), Some(area)) = (cons, prod, data.area(layout.data, wide(size))) else { small() };
        let (seen, now) = (Index::new(cons.load()), Index::new(prod.load()));
        if now.since(seen) > size {
            return Err(Misbehaved::Overrun { seen: seen.raw(), now: now.raw(), allowed: size });
        }
        let (ours, theirs) = E::ours_first(cons, prod);
        let (own, seen) = E::ours_first(seen, now);
        let limit = seen.plus(E::lead(size));
        Ok(Self { area, size, mask: size.wrapping_sub(1), ours, theirs, own, limit, fault: None, end: PhantomData })
    }

    #[inline]
    pub(crate) const fn size(&self) -> u32 {
        self.size
    }

    /// Returns our index.
    pub(crate) const fn own(&self) -> u32 {
        self.own.raw()
    }

    /// Returns the reason, once the peer misbehaved.
    #[inline]
    pub(crate) fn sound(&self) -> Result<(), Misbehaved> {
        self.fault.map_or(Ok(()), Err)
    }

    /// Returns how far it is to the limit, by what is known of the peer.
    #[inline]
    pub(crate) const fn ahead(&self) -> usize {
        wide(self.limit.since(self.own))
    }

    /// Tells whether it is at least as far as `wanted`, and looks at the peer's index if what is known does not suffice.
    ///
    /// Who wants nothing still learns whether the peer misbehaved.
    #[inline]
    pub(crate) fn reaches(&mut self, wanted: usize) -> Result<bool, Misbehaved> {
        let known = wanted.wrapping_sub(1) < self.ahead();
        Ok(known || (self.look()? >= wanted && wanted > 0))
    }

    /// Looks at the peer's index, once, and returns how far it is to the limit.
    ///
    /// Acquire: pairs with the release of the peer's [`Track::advance`].
    #[inline]
    pub(crate) fn look(&mut self) -> Result<usize, Misbehaved> {
        self.sound()?;
        let (size, own, known) = (self.size, self.own, self.limit.since(self.own));
        let now = Index::new(self.theirs.load());
        let limit = now.plus(E::lead(size));
        // Unmasked, so that nothing hides behind the mask; neither back nor past the ring.
        let ahead = limit.since(own);
        if ahead > size || ahead < known {
            return Err(self.poison(now));
        }
        self.limit = limit;
        Ok(wide(ahead))
    }

    #[cold]
    fn poison(&mut self, now: Index) -> Misbehaved {
        let seen = self.limit.raw().wrapping_sub(E::lead(self.size));
        let allowed = self.size.wrapping_sub(self.limit.since(self.own));
        self.limit = self.own;
        *self.fault.insert(Misbehaved::Overrun { seen, now: now.raw(), allowed })
    }

    /// Moves our index by so many bytes, which were ahead.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.go_to(self.own.plus(narrow(bytes)));
    }

    /// Release: the bytes are written, or read, before; pairs with the acquire of the peer's [`Track::look`].
    #[inline]
    fn go_to(&mut self, own: Index) {
        self.own = own;
        self.ours.store(own.raw());
    }

    /// Copies bytes into the ring and moves our index, if it is as far and they do not go across the end; else does neither.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<bool, Misbehaved> {
        // Kept, since neither the peer's index nor the copy changes it, which the compiler cannot know.
        let own = self.own;
        let straight = self.reaches(bytes.len())? && self.area.copy_out(self.place(own), bytes);
        if straight {
            self.go_to(own.plus(narrow(bytes.len())));
        }
        Ok(straight)
    }

    /// Copies bytes out of the ring and moves our index, if it is as far and they do not go across the end; else does neither.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &mut [u8]) -> Result<bool, Misbehaved> {
        let own = self.own;
        let straight = self.reaches(bytes.len())? && self.area.copy_in(self.place(own), bytes);
        if straight {
            self.go_to(own.plus(narrow(bytes.len())));
        }
        Ok(straight)
    }

    /// Copies bytes, at least one, into the ring from so far behind our index on, across the end.
    pub(crate) fn put_across(&self, behind: usize, bytes: &[u8]) {
        let at = self.own.plus(narrow(behind));
        let (head, tail) = bytes.split_at(self.before_end(at, bytes.len()));
        let middle = at.plus(narrow(head.len()));
        let whole = self.area.copy_out(self.place(at), head)
            && (tail.is_empty() || self.area.copy_out(self.place(middle), tail));
        debug_assert!(whole, "the caller knows that they fit");
    }

    /// Copies bytes, at least one, out of the ring from so far behind our index on, across the end.
    pub(crate) fn take_across(&self, behind: usize, bytes: &mut [u8]) {
        let at = self.own.plus(narrow(behind));
        let (head, tail) = bytes.split_at_mut(self.before_end(at, bytes.len()));
        let middle = at.plus(narrow(head.len()));
        let whole =
            self.area.copy_in(self.place(at), head) && (tail.is_empty() || self.area.copy_in(self.place(middle), tail));
        debug_assert!(whole, "the caller knows that they are there");
    }

    #[inline]
    const fn place(&self, at: Index) -> u32 {
        at.raw() & self.mask
    }

    /// Returns how many of so many bytes from index `at` on lie before the ring's end.
    fn before_end(&self, at: Index, len: usize) -> usize {
        len.min(wide(self.size.wrapping_sub(at.place(self.size))))
    }
}

impl<W: Words, E> fmt::Debug for Track<'_, W, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, own, limit, fault, .. } = self;
        f.debug_struct("Track")
            .field("size", size)
            .field("own", own)
            .field("limit", limit)
            .field("fault", fault)
            .finish_non_exhaustive()
    }
}

#[cold]
fn small() -> ! {
    unreachable!("the memory is as large as the layout says")
}
