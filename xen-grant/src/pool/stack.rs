//! The entries that a pool has, the one that was kept last on top.

use xen_hypercall::GrantRef;

use crate::entry::V1;

/// An entry, and where it is in a table of version 1.
pub(super) type Kept<'t> = (GrantRef, Option<V1<'t>>);

/// Up to `N` entries of one table.
pub(super) struct Stack<'t, const N: usize> {
    kept: [Kept<'t>; N],
    len: usize,
}

impl<'t, const N: usize> Stack<'t, N> {
    pub(super) const fn new() -> Self {
        Self { kept: [(GrantRef(0), None); N], len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Takes the entry that was put here last.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Kept<'t>> {
        let at = self.len.wrapping_sub(1);
        let kept = *self.kept.get(at)?;
        self.len = at;
        Some(kept)
    }

    /// Returns the place on top, unless all are taken.
    #[inline(always)]
    pub(super) fn room(&mut self) -> Option<Room<'_, 't>> {
        Some(Room { place: self.kept.get_mut(self.len)?, len: &mut self.len })
    }

    /// Takes the lower half away, which is unused for the longest time, and hands over each.
    pub(super) fn drop_lower_half(&mut self, mut give: impl FnMut(GrantRef)) {
        let half = self.len / 2;
        self.kept.iter().take(half).for_each(|(reference, _)| give(*reference));
        self.kept.copy_within(half..self.len, 0);
        self.len = self.len.saturating_sub(half);
    }

    /// Forgets all of them.
    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }
}

/// A place that is free.
pub(super) struct Room<'a, 't> {
    place: &'a mut Kept<'t>,
    len: &'a mut usize,
}

impl<'t> Room<'_, 't> {
    #[inline(always)]
    pub(super) fn put(self, kept: Kept<'t>) {
        *self.place = kept;
        *self.len = self.len.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Stack<'static, 4> {
        let mut stack = Stack::new();
        (1..=4).for_each(|at| stack.room().unwrap().put((GrantRef(at), None)));
        stack
    }

    fn pop(stack: &mut Stack<'_, 4>) -> Option<u32> {
        stack.pop().map(|(reference, _)| reference.0)
    }

    #[test]
    fn the_last_comes_first() {
        let mut stack = filled();
        assert!(stack.room().is_none());
        assert_eq!((pop(&mut stack), stack.len()), (Some(4), 3));
        stack.room().unwrap().put((GrantRef(5), None));
        assert_eq!([(); 5].map(|()| pop(&mut stack)), [Some(5), Some(3), Some(2), Some(1), None]);
        assert_eq!(stack.len(), 0);
    }

    #[test]
    fn the_lower_half_are_the_oldest() {
        let (mut stack, mut given) = (filled(), 0);
        stack.drop_lower_half(|reference| given = given * 10 + reference.0);
        assert_eq!((given, stack.len()), (12, 2));
        assert_eq!([(); 3].map(|()| pop(&mut stack)), [Some(4), Some(3), None]);
        let mut stack = filled();
        stack.clear();
        assert_eq!((stack.len(), pop(&mut stack)), (0, None));
    }
}
