//! What a caller does next: notify, come back, or wait.

use crate::Misbehaved;
use crate::index::Index;

/// Says whether the peer asked for an event; this crate sends none.
///
/// Does not compile: it is not forgotten where warnings are errors.
/// ```compile_fail
/// # use xen_ring::blkif::Blkif;
/// # use xen_ring::*;
/// # fn wrong(front: &mut Front<'_, Blkif, (), 32>) -> Result<(), Misbehaved> {
/// #![deny(unused_must_use)]
/// front.publish()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a peer that asked for an event and gets none sleeps for ever"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Send an event on the ring's port.
    Yes,
    /// Send nothing.
    No,
}

impl Notify {
    /// Decides as `RING_PUSH_…_AND_CHECK_NOTIFY`: was `event` among the indices passed on the way from `old` to `new`?
    pub(crate) const fn due(old: Index, new: Index, event: Index) -> Self {
        if new.passed(old, event) { Self::Yes } else { Self::No }
    }
}

/// What one operation on a byte ring has moved.
#[must_use = "a peer that asked for an event and gets none sleeps for ever"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// How many bytes; none means that it is time to wait.
    pub bytes: usize,
    /// Whether the peer is to know.
    pub notify: Notify,
}

impl Moved {
    /// Decides by the rule of a ring without events: the peer is told of each move.
    pub(crate) const fn new(bytes: usize) -> Self {
        Self { bytes, notify: if bytes > 0 { Notify::Yes } else { Notify::No } }
    }
}

/// Says whether a batch ended for want of budget.
#[must_use = "who waits for an event although there is more may wait for ever"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// The budget ran out: call again before waiting.
    Maybe,
    /// Nothing is left and the peer will send an event: wait.
    No,
}

/// Has rounds made until one finds nothing more or the budget is used up, which each is told the rest of.
///
/// A round says how much of it it used, and whether there is more.
#[inline]
pub(crate) fn within(
    budget: u32,
    mut round: impl FnMut(u32) -> Result<(u32, More), Misbehaved>,
) -> Result<More, Misbehaved> {
    let mut left = budget;
    while left > 0 {
        let (used, more) = round(left)?;
        left = left.saturating_sub(used);
        if more == More::No {
            return Ok(More::No);
        }
    }
    Ok(More::Maybe)
}

#[cfg(test)]
mod tests {
    use super::{Index, Notify};

    #[test]
    fn r05_an_event_is_due_if_it_was_passed_wherever_the_indices_are() {
        for start in (0..6).map(|step| (u32::MAX - 2).wrapping_add(step)) {
            let old = Index::new(start);
            for steps in 0..8 {
                for ahead in 0..20_u32 {
                    let event = old.plus(ahead.wrapping_sub(5));
                    let passed = (6..6 + steps).contains(&ahead);
                    let expected = if passed { Notify::Yes } else { Notify::No };
                    assert_eq!(Notify::due(old, old.plus(steps), event), expected, "{start} {steps} {ahead}");
                }
            }
        }
    }
}
