//! What may be done, by us and by others.

use xen_mock::MapMode;

/// One step. Numbers choose among what there is, modulo how much there is; where there is nothing, nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Offers a page.
    Offer(Ask),
    /// Offers a page to a number that is no domain's.
    OfferToNobody(Way),
    /// Offers, in version 1, a frame that is too high for it.
    OfferTooHigh(Way),
    /// Ends an offer.
    End(usize, How),
    /// Drops an offer.
    Drop(usize),
    /// Forgets an offer.
    Forget(usize),
    /// Looks for what peers have let go.
    PollQuarantine(u32),
    /// Does something with a pool.
    Pool(usize, Pooling),
    /// A peer maps by a reference.
    Map {
        /// Which peer.
        peer: usize,
        /// Which reference.
        reference: usize,
        /// What for.
        mode: MapMode,
    },
    /// A peer lets one page go.
    Unmap(usize),
    /// A peer never lets one page go.
    Pin(usize),
    /// A peer copies by a reference, out of the page and into it.
    Copy {
        /// Which peer.
        peer: usize,
        /// Which reference.
        reference: usize,
    },
    /// A peer writes to one page that it has mapped.
    Scribble(usize),
    /// Xen's marks of use appear, or go again, at an entry that is granted, and that nobody has mapped.
    Feign {
        /// Which reference.
        reference: usize,
        /// Which marks.
        bits: u16,
    },
    /// A peer dies, and another domain gets its number.
    Die(usize),
    /// A peer grants a page to the guest, which is not there for so many uses.
    Grant {
        /// Which peer.
        peer: usize,
        /// What for.
        mode: MapMode,
        /// How often it is not there.
        absent: u32,
    },
    /// The guest maps a page that was granted.
    MapForeign {
        /// Which.
        nth: usize,
        /// What for.
        mode: MapMode,
        /// How often it tries again.
        patience: u32,
    },
    /// The guest lets a page go.
    UnmapForeign(usize, Unmap),
    /// The guest copies out of a page that was granted.
    CopyForeign(usize),
    /// The guest suspends.
    Suspend(Resume),
    /// The table is made anew where it is.
    Rebuild(Fault),
    /// The table grows.
    Grow(Fault),
}

/// Through what a page is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The table.
    Table,
    /// The account of a peer's.
    Account,
    /// A pool.
    Pool(usize),
}

/// A page to be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Through what; a pool has its own peer.
    pub way: Way,
    /// To whom.
    pub peer: usize,
    /// What for.
    pub mode: MapMode,
    /// Whether it is lent.
    pub lent: bool,
}

/// How an offer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself.
    Alone,
    /// In a pool.
    Pool(usize),
}

/// What is done with a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// It is made.
    Make,
    /// It gets entries.
    Reserve(usize),
    /// It gives its entries back.
    Drop,
    /// It is forgotten, and its entries lost until the table is made anew.
    Forget,
}

/// How the guest lets a page of a peer's go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmap {
    /// By its guard.
    End,
    /// By its guard, and Xen refuses.
    Refused,
    /// It is dropped.
    Drop,
    /// It is dropped, and Xen refuses.
    DropRefused,
}

/// How a suspend ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// Cancelled, or a checkpoint: the same domain, and the guest knows.
    Cancelled,
    /// The same domain, in a later epoch; the guest knows that its grants stand.
    Slow,
    /// The same domain, which the guest takes for a new one.
    Mistaken,
    /// A new domain.
    New {
        /// Frames that the table may have there.
        frames: u16,
        /// The highest version there.
        version: u32,
        /// What goes wrong then.
        fault: Fault,
    },
}

/// What goes wrong while the table is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The size is not told.
    NoSize,
    /// Xen claims a size: frames that there may be.
    Size(u32),
    /// This one of the frames cannot be mapped, counted in the order in which they are asked for.
    Frame(u64),
    /// The wish for a version is refused, so many times, with this.
    Version(u64, isize),
}

impl Fault {
    /// Tells whether the table may be smaller for it, or another, or none.
    pub(super) const fn changes_the_table(self) -> bool {
        !matches!(self, Self::None | Self::NoSize)
    }
}
