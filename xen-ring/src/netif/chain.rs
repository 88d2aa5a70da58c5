//! The chain of slots that a packet is: what the next one must be, and what is wrong with it.

use core::marker::PhantomData;

use super::bad::BadPacket;
use super::extra::{Extra, ExtraInfo};
use super::extras::Extras;
use super::links::Link;
use super::part::Part;

/// Which way packets go: [`Tx`](super::tx::Tx) or [`Rx`](super::rx::Rx).
#[expect(private_bounds, reason = "nobody else implements it")]
pub trait Direction: Reads<Self::Slot, Self::Fragment> {
    /// A slot that is part of a packet.
    type Slot;
    /// What a slot says of a part.
    type Fragment;
}

/// What slots say, by direction.
pub(super) trait Reads<S, F> {
    /// Whether the first slot has the length of the packet in the place of its own.
    const TOTAL_FIRST: bool;

    fn extra(slot: &S) -> ExtraInfo;
    fn flow(slot: &S) -> Flow;
    /// Checks a part; of the first, whose length may be that of the packet, some is left to the end.
    fn fragment(slot: &S, position: Position) -> Result<F, BadPacket>;
}

/// Which part of a packet it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    First,
    Later,
}

/// What a slot says of a part before anything of it is checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) more: bool,
    pub(super) extra: bool,
    pub(super) offset: u16,
    pub(super) length: u16,
}

/// What the next slot of a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// A part, which has an id.
    Fragment,
    /// An extra info, which has none.
    Extra,
}

/// The most parts of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentLimit(u16);

impl FragmentLimit {
    /// What each end must bear.
    ///
    /// # Xen
    /// `XEN_NETIF_NR_SLOTS_MIN` of `io/netif.h`.
    pub const MIN: Self = Self(18);

    /// Makes another limit; packets of one part are within each.
    #[must_use]
    pub fn new(count: u8) -> Self {
        Self(u16::from(count).max(1))
    }
}

/// After so many slots of a packet that is malformed, what follows counts as another packet: as many as are in a page.
const EXCESS_MAX: u16 = 256;

/// A packet whose slots were all taken and are sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its first part.
    pub first: Part,
    /// How many parts it has.
    pub fragments: u16,
    /// Bytes of it; 0 only where addresses change.
    pub length: u32,
    /// What is said of it beside its bytes.
    pub extras: Extras,
}

/// A chain that is read.
#[derive(Debug)]
pub(super) struct Chain<D> {
    want: Option<Want>,
    limit: FragmentLimit,
    fragments: u16,
    excess: u16,
    /// Whether a part follows, behind the extra infos.
    more: bool,
    extras: Extras,
    /// Offset and length that the first slot has.
    first: (u16, u16),
    rest: u32,
    /// Whether the last part was empty.
    empty: bool,
    bad: Option<BadPacket>,
    direction: PhantomData<fn() -> D>,
}

impl<D: Direction> Chain<D> {
    pub(super) fn new(limit: FragmentLimit) -> Self {
        Self {
            want: Some(Want::Fragment),
            limit,
            fragments: 0,
            excess: 0,
            more: false,
            extras: Extras::default(),
            first: (0, 0),
            rest: 0,
            empty: false,
            bad: None,
            direction: PhantomData,
        }
    }

    /// Has slots that were made read as the other end reads them.
    pub(super) fn judge(limit: FragmentLimit, mut slots: impl Iterator<Item = D::Slot>) -> Result<Packet, BadPacket> {
        let mut chain = Self::new(limit);
        while let Some((want, slot)) = chain.want().zip(slots.next()) {
            let _ = chain.take(&slot, want);
        }
        chain.finish().unwrap_or(Err(BadPacket::Empty))
    }

    /// Returns what the next slot is, or `None` behind the last.
    pub(super) const fn want(&self) -> Option<Want> {
        self.want
    }

    /// Wants nothing more.
    pub(super) fn stop(&mut self) {
        if let Some(want) = self.want.take() {
            self.bad = self.bad.or(Some(BadPacket::CutShort(want)));
        }
    }

    /// Takes the slot that was wanted.
    pub(super) fn take(&mut self, slot: &D::Slot, want: Want) -> Result<Link<D::Fragment>, BadPacket> {
        let link = match want {
            Want::Fragment => self.fragment(slot).map(Link::Fragment),
            Want::Extra => self.extra(D::extra(slot)).map(Link::Extra),
        };
        // A chain that is malformed is followed on, so that the next packet is found.
        let link = self.bad.map_or(link, Err);
        if let Err(why) = link {
            self.bad = Some(why);
            self.excess = self.excess.saturating_add(1);
            if self.excess >= EXCESS_MAX {
                self.want = None;
            }
        }
        link
    }

    fn fragment(&mut self, slot: &D::Slot) -> Result<D::Fragment, BadPacket> {
        let Flow { more, extra, offset, length } = D::flow(slot);
        let is_first = self.fragments == 0;
        self.more = more;
        self.want = if extra && is_first { Some(Want::Extra) } else { self.after() };
        self.fragments = self.fragments.saturating_add(1);
        if extra && !is_first {
            return Err(BadPacket::LateExtra);
        }
        if self.fragments > self.limit.0 {
            return Err(BadPacket::TooManyFragments { most: self.limit.0 });
        }
        if core::mem::replace(&mut self.empty, length == 0) {
            return Err(BadPacket::EmptyFragment);
        }
        let fragment = D::fragment(slot, if is_first { Position::First } else { Position::Later })?;
        if is_first {
            self.first = (offset, length);
        } else {
            self.rest = self.rest.saturating_add(length.into());
        }
        Ok(fragment)
    }

    fn extra(&mut self, info: ExtraInfo) -> Result<Extra, BadPacket> {
        if !info.is_followed() {
            self.want = self.after();
        }
        let extra = info.check().map_err(BadPacket::Extra)?;
        self.extras.put(extra).map_err(BadPacket::Extra)?;
        Ok(extra)
    }

    /// What comes behind the extra infos.
    const fn after(&self) -> Option<Want> {
        if self.more { Some(Want::Fragment) } else { None }
    }

    /// Judges the whole; `None` if it has no slot at all.
    pub(super) fn finish(mut self) -> Option<Result<Packet, BadPacket>> {
        if self.fragments == 0 {
            return None;
        }
        self.stop();
        Some(self.bad.map_or_else(|| self.whole(), Err))
    }

    fn whole(&self) -> Result<Packet, BadPacket> {
        let (offset, said) = self.first;
        let length = if D::TOTAL_FIRST { u32::from(said) } else { self.rest.saturating_add(said.into()) };
        if length == 0 && !self.extras.changes_addresses() {
            return Err(BadPacket::Empty);
        }
        // What the first part has is what the others leave.
        let own = length.checked_sub(self.rest).and_then(|own| u16::try_from(own).ok());
        let own = own.ok_or(BadPacket::PartsExceedWhole { whole: said, parts: self.rest })?;
        if own == 0 && self.fragments > 1 {
            return Err(BadPacket::EmptyFragment);
        }
        let first = Part::new(offset, own).ok_or(BadPacket::BeyondPage { offset, length: own })?;
        let mut extras = self.extras;
        extras.gso = extras.gso.filter(|gso| u32::from(gso.size.get()) < length);
        Ok(Packet { first, fragments: self.fragments, length, extras })
    }
}
