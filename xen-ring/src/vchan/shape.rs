//! How large the two rings are and where their bytes lie, which the server says once.

use core::fmt;

use xen_hypercall::{GrantRef, PAGE_SIZE};

use super::{
    AWAITED, CLI_LIVE, CLI_NOTIFY, GRANTS, HERE, LEFT_CONS, LEFT_ORDER, LEFT_PROD, NOTIFY_WRITE, RIGHT_CONS,
    RIGHT_PROD, SRV_LIVE, SRV_NOTIFY,
};
use crate::index::wide;
use crate::words::Flags;
use crate::{Layout, Words};

/// The smallest order: 1 KiB at byte 1024 of the page.
const SMALL: u16 = 10;
/// The next: 2 KiB at byte 2048.
const LARGE: u16 = 11;
/// From here on a ring has pages of its own.
const PAGE: u16 = 12;
/// The largest: 1 MiB. libxenvchan has the same limit.
const MAX: u16 = 20;

/// The orders of the two rings of a channel: binary logarithms of their bytes.
///
/// Order 10 and 11 are for a ring within the page, of which each may be one; the others have whole pages of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VchanShape {
    left: u16,
    right: u16,
}

/// Why there is no channel of these orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadShape {
    /// An order is less than 10 or more than 20.
    Order(u16),
    /// Both rings would lie in the same place of the page.
    SamePlace(u16),
    /// The list of grants would go beyond the page, or into a ring.
    Grants {
        /// How many grants the rings need.
        needed: usize,
        /// How many there is room for.
        room: usize,
    },
}

impl fmt::Display for BadShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order) => write!(f, "no ring has the order {order}"),
            Self::SamePlace(order) => write!(f, "both rings are of order {order} and in the same place"),
            Self::Grants { needed, room } => write!(f, "{needed} grants are needed, and there is room for {room}"),
        }
    }
}

impl core::error::Error for BadShape {}

impl VchanShape {
    /// Takes the orders of `left` (client to server) and `right` (server to client).
    ///
    /// # Errors
    /// [`BadShape`] if there is no such channel.
    pub fn new(left: u16, right: u16) -> Result<Self, BadShape> {
        for order in [left, right] {
            if !(SMALL..=MAX).contains(&order) {
                return Err(BadShape::Order(order));
            }
        }
        if left == right && left < PAGE {
            return Err(BadShape::SamePlace(left));
        }
        let shape = Self { left, right };
        let (needed, room) = (shape.pages().into_iter().sum(), shape.grants_room());
        if needed > room { Err(BadShape::Grants { needed, room }) } else { Ok(shape) }
    }

    /// Returns how many pages of their own the bytes of the left and of the right ring have; none if they are in the page.
    #[must_use]
    pub fn pages(self) -> [usize; 2] {
        [self.left, self.right].map(|order| if order < PAGE { 0 } else { size(order) / PAGE_SIZE })
    }

    /// Writes a whole interface, for a server that offers a page which no client has yet: both rings empty, the client
    /// awaited, the grants of the left ring's pages and then the right one's.
    ///
    /// # Panics
    /// If there are not as many grants as pages.
    ///
    /// # Xen
    /// `struct vchan_interface` of `io/libxenvchan.h`.
    pub fn offer<W: Flags>(self, page: &W, grants: &[GrantRef]) {
        assert!(grants.len() == self.pages().into_iter().sum(), "a grant for each page");
        for index in [LEFT_CONS, LEFT_PROD, RIGHT_CONS, RIGHT_PROD] {
            page.store(index, 0);
        }
        page.store(LEFT_ORDER, u32::from(self.right) << 16 | u32::from(self.left));
        for (at, grant) in (GRANTS..).step_by(4).zip(grants) {
            page.store(at, grant.0);
        }
        for (at, value) in [(SRV_NOTIFY, 0), (CLI_NOTIFY, NOTIFY_WRITE), (CLI_LIVE, AWAITED), (SRV_LIVE, HERE)] {
            page.set_byte(at, value);
        }
    }

    /// Reads what a server offers, each word once; what it writes there later does not matter.
    ///
    /// As many of `grants` as there are pages are written, those of the left ring first.
    ///
    /// # Errors
    /// [`BadShape`] if the orders are none of a channel, or if there is no room for its grants.
    ///
    /// # Xen
    /// `struct vchan_interface` of `io/libxenvchan.h`.
    pub fn accept<W: Words>(page: &W, grants: &mut [GrantRef]) -> Result<Self, BadShape> {
        let [left, right] = halves(page.load(LEFT_ORDER));
        let shape = Self::new(left, right)?;
        let (needed, room) = (shape.pages().into_iter().sum(), grants.len());
        let wanted = grants.get_mut(..needed).ok_or(BadShape::Grants { needed, room })?;
        for (at, grant) in (GRANTS..).step_by(4).zip(wanted) {
            *grant = GrantRef(page.load(at));
        }
        Ok(shape)
    }

    /// Returns the layouts of left and right, and whether each is in the page.
    pub(super) fn layouts(self) -> [(Layout, bool); 2] {
        let layout = |order: u16, cons, prod| {
            let in_page = order < PAGE;
            // In the page a ring begins at its own size.
            let data = if in_page { size(order) } else { 0 };
            (Layout::apart(data, 1 << order, cons, prod), in_page)
        };
        [layout(self.left, LEFT_CONS, LEFT_PROD), layout(self.right, RIGHT_CONS, RIGHT_PROD)]
    }

    /// Returns how many grants fit before the first ring of the page, or its end.
    fn grants_room(self) -> usize {
        let first = size(self.left.min(self.right).min(PAGE));
        first.saturating_sub(GRANTS) / 4
    }
}

/// Returns the bytes of a ring of a known order.
const fn size(order: u16) -> usize {
    wide(1 << order)
}

/// Takes a word of the page apart, whose first half comes first.
#[expect(clippy::as_conversions, reason = "the halves of a word")]
const fn halves(word: u32) -> [u16; 2] {
    [(word & 0xffff) as u16, (word >> 16) as u16]
}

const _: () = assert!(size(SMALL) == 1024 && size(LARGE) == 2048 && size(PAGE) == PAGE_SIZE, "as the header says");
