//! Flex rings: two byte rings whose indices have a page of their own, and whose bytes lie in as many pages as a power of two.

use core::fmt;

use xen_hypercall::{GrantRef, PAGE_SIZE};

use crate::index::wide;
use crate::{ByteReceiver, ByteSender, Bytes, Layout, Misbehaved, Words};

/// `in_cons` of the page of indices, `in_prod` behind it: from the backend to the frontend.
const IN_CONS: usize = 0;
/// `in_prod`.
const IN_PROD: usize = 4;
/// `out_cons`: from the frontend to the backend.
const OUT_CONS: usize = 64;
/// `out_prod`.
const OUT_PROD: usize = 68;
/// `ring_order`.
const RING_ORDER: usize = 128;
/// `ref`.
const REF: usize = 132;

/// The binary logarithm of how many pages the bytes of both rings have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlexOrder(u32);

impl FlexOrder {
    /// The largest whose grants fit the page of indices: 512 pages, rings of 1 MiB.
    pub const MAX: Self = Self(9);

    /// Takes an order up to [`FlexOrder::MAX`].
    #[must_use]
    pub const fn new(order: u32) -> Option<Self> {
        if order <= Self::MAX.0 { Some(Self(order)) } else { None }
    }

    /// Finds the order of so many pages, if there is one.
    #[must_use]
    pub const fn of(pages: usize) -> Option<Self> {
        if pages.is_power_of_two() { Self::new(pages.trailing_zeros()) } else { None }
    }

    /// Returns the order as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns how many pages the bytes have.
    #[must_use]
    pub const fn pages(self) -> usize {
        wide(1 << self.0)
    }

    /// Returns how many bytes each of the two rings has: half of the pages.
    ///
    /// # Xen
    /// `XEN_FLEX_RING_SIZE` of `io/ring.h`.
    #[must_use]
    pub const fn ring_size(self) -> u32 {
        RING_0 << self.0
    }
}

/// Bytes of a ring of order 0: half a page.
const RING_0: u32 = 2048;

/// The frontend's page names an order that its backend does not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedOrder(pub u32);

impl fmt::Display for UnsupportedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the frontend's rings are of order {}, which is not supported", self.0)
    }
}

impl core::error::Error for UnsupportedOrder {}

/// Writes the order and the grants of the bytes into the page of indices, which the frontend then grants too.
///
/// Returns `None`, and writes nothing, if their number is that of no order.
///
/// # Xen
/// `DEFINE_XEN_FLEX_RING_AND_INTF` of `io/ring.h`: `ring_order`, `ref`.
#[must_use = "nothing is written if there is no such order"]
pub fn flex_offer<W: Words>(indices: &W, grants: &[GrantRef]) -> Option<FlexOrder> {
    let order = FlexOrder::of(grants.len())?;
    for (at, grant) in (REF..).step_by(4).zip(grants) {
        indices.store(at, grant.0);
    }
    indices.store(RING_ORDER, order.0);
    Some(order)
}

/// Reads the order and the grants of a frontend's page, each once; what the frontend writes there later does not matter.
///
/// As many of `grants` as the order has pages are written.
///
/// # Errors
/// [`UnsupportedOrder`] if there are more pages than room in `grants`, or than there can be.
///
/// # Xen
/// `DEFINE_XEN_FLEX_RING_AND_INTF` of `io/ring.h`: `ring_order`, `ref`.
pub fn flex_accept<W: Words>(indices: &W, grants: &mut [GrantRef]) -> Result<FlexOrder, UnsupportedOrder> {
    let order = indices.load(RING_ORDER);
    let supported = FlexOrder::new(order).and_then(|known| Some((known, grants.get_mut(..known.pages())?)));
    let (known, grants) = supported.ok_or(UnsupportedOrder(order))?;
    for (at, grant) in (REF..).step_by(4).zip(grants) {
        *grant = GrantRef(indices.load(at));
    }
    Ok(known)
}

/// Takes the frontend's end of flex rings: it sends by `out` and receives by `in`.
///
/// # Errors
/// [`Misbehaved::Overrun`] if the indices in the page are impossible.
///
/// # Panics
/// If the pages of `data` are not as many as an order says.
///
/// # Xen
/// `DEFINE_XEN_FLEX_RING_AND_INTF` of `io/ring.h`; protocols with an interface of their own (PV calls) have the indices in the
/// same places.
#[doc(alias("DEFINE_XEN_FLEX_RING", "DEFINE_XEN_FLEX_RING_AND_INTF"))]
pub fn flex_front<'m, W, D>(indices: &'m W, data: &'m D) -> Result<Bytes<'m, W>, Misbehaved>
where
    W: Words,
    D: Words<Area<'m> = W::Area<'m>>,
{
    let [to_front, to_back] = layouts(data);
    Ok((ByteSender::attach_apart(indices, data, to_back)?, ByteReceiver::attach_apart(indices, data, to_front)?))
}

/// Takes the backend's end of flex rings: it sends by `in` and receives by `out`.
///
/// # Errors
/// [`Misbehaved::Overrun`] if the indices in the page are impossible.
///
/// # Panics
/// If the pages of `data` are not as many as an order says.
///
/// # Xen
/// As [`flex_front`].
pub fn flex_back<'m, W, D>(indices: &'m W, data: &'m D) -> Result<Bytes<'m, W>, Misbehaved>
where
    W: Words,
    D: Words<Area<'m> = W::Area<'m>>,
{
    let [to_front, to_back] = layouts(data);
    Ok((ByteSender::attach_apart(indices, data, to_front)?, ByteReceiver::attach_apart(indices, data, to_back)?))
}

/// Lays the two rings out: `in` is the first half of the bytes, `out` the second.
fn layouts<D: Words>(data: &D) -> [Layout; 2] {
    let order = FlexOrder::of(data.size() / PAGE_SIZE);
    assert!(order.is_some(), "the pages are as many as an order says");
    let size = order.map_or(0, FlexOrder::ring_size);
    [Layout::apart(0, size, IN_CONS, IN_PROD), Layout::apart(wide(size), size, OUT_CONS, OUT_PROD)]
}
