//! The chain of slots that a packet is: what the next one must be, and what is wrong with it.

use core::fmt;
use core::marker::PhantomData;

use super::extra::{BadExtra, Extra, ExtraInfo, Gso, Mac, MulticastChange, Xdp};
use super::hash::Hash;
use super::links::Link;
use super::part::Part;
use super::status::Lost;

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

/// Why slots are no packet. All of them count as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPacket {
    /// It is not all there: this is what comes next, and nothing does.
    CutShort(Want),
    /// It has more parts than the limit.
    TooManyFragments {
        /// The limit.
        most: u16,
    },
    /// A part has no bytes and is not the last.
    EmptyFragment,
    /// It has no bytes, and nothing is said but that.
    Empty,
    /// It is longer than a number of 16 bits says.
    TooLong {
        /// Bytes of it.
        length: u32,
    },
    /// A part is not within its page.
    BeyondPage {
        /// Where in the page it begins.
        offset: u16,
        /// How long it is.
        length: u16,
    },
    /// The parts behind the first are longer than the whole.
    PartsExceedWhole {
        /// Bytes of the whole.
        whole: u16,
        /// Bytes of those parts.
        parts: u32,
    },
    /// Extra infos are announced by a part that is not the first.
    LateExtra,
    /// An extra info is none.
    Extra(BadExtra),
    /// The back lost it.
    Lost(Lost),
}

impl fmt::Display for BadPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort(Want::Fragment) => f.write_str("a packet that goes on, and nothing follows"),
            Self::CutShort(Want::Extra) => f.write_str("a packet with an extra info, and none follows"),
            Self::TooManyFragments { most } => write!(f, "a packet of more than {most} parts"),
            Self::EmptyFragment => f.write_str("a packet with an empty part before its end"),
            Self::Empty => f.write_str("an empty packet"),
            Self::TooLong { length } => write!(f, "a packet of {length} bytes"),
            Self::BeyondPage { offset, length } => write!(f, "{length} bytes from byte {offset} of a page on"),
            Self::PartsExceedWhole { whole, parts } => {
                write!(f, "a packet of {whole} bytes with {parts} behind its first part")
            }
            Self::LateExtra => f.write_str("extra infos behind a part that is not the first"),
            Self::Extra(why) => why.fmt(f),
            Self::Lost(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for BadPacket {}

/// The extra infos of a packet, one of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// How it is to be cut; only if it is longer than one segment.
    pub gso: Option<Gso>,
    /// An address to listen to.
    pub add: Option<Mac>,
    /// An address not to listen to.
    pub delete: Option<Mac>,
    /// Its hash.
    pub hash: Option<Hash>,
    /// How much room is in front of it.
    pub xdp: Option<Xdp>,
}

impl Extras {
    fn put(&mut self, extra: Extra) -> Result<(), BadExtra> {
        let repeated = match extra {
            Extra::Gso(gso) => self.gso.replace(gso).is_some(),
            Extra::Multicast(MulticastChange::Add, address) => self.add.replace(address).is_some(),
            Extra::Multicast(MulticastChange::Delete, address) => self.delete.replace(address).is_some(),
            Extra::Hash(hash) => self.hash.replace(hash).is_some(),
            Extra::Xdp(xdp) => self.xdp.replace(xdp).is_some(),
        };
        if repeated { Err(BadExtra::Repeated(extra.kind())) } else { Ok(()) }
    }

    const fn changes_addresses(&self) -> bool {
        self.add.is_some() || self.delete.is_some()
    }
}

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
