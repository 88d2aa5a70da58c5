//! The slots of a packet that is sent, in their order.

use xen_hypercall::GrantRef;
use zerocopy::transmute;

use super::{ExtraSlot, Flags, Request, Slot, Tx};
use crate::netif::bad::BadPacket;
use crate::netif::chain::{Chain, FragmentLimit};
use crate::netif::extra::{Extra, ExtraInfo};
use crate::netif::order::{Step, steps};
use crate::netif::part::Part;

/// A slot of a packet that is to be staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A part, by [`Vacancy::stage`](crate::Vacancy::stage); this is its number among the parts.
    Fragment(usize, Slot),
    /// An extra info, by [`Vacancy::stage_unnamed`](crate::Vacancy::stage_unnamed).
    Extra(Slot),
}

impl Piece {
    const fn slot(self) -> Slot {
        match self {
            Self::Fragment(_, slot) | Self::Extra(slot) => slot,
        }
    }
}

/// Makes the slots of a packet in their order, for a front; `flags` are those of the whole.
///
/// # Errors
/// If no back could send it: see [`BadPacket`].
pub fn packet<'a>(
    flags: Flags,
    parts: &'a [(GrantRef, Part)],
    extras: &'a [Extra],
    limit: FragmentLimit,
) -> Result<impl Iterator<Item = Piece> + use<'a>, BadPacket> {
    let length = parts.iter().fold(0_u32, |sum, (_, part)| sum.saturating_add(part.length().into()));
    let whole = u16::try_from(length).map_err(|_| BadPacket::TooLong { length })?;
    let flags = flags.difference(Flags::MORE_DATA | Flags::EXTRA_INFO);
    let pieces =
        move || steps(parts.len(), extras.len()).filter_map(move |step| piece((flags, whole), parts, extras, step));
    Chain::<Tx>::judge(limit, pieces().map(Piece::slot))?;
    Ok(pieces())
}

fn piece((flags, whole): (Flags, u16), parts: &[(GrantRef, Part)], extras: &[Extra], step: Step) -> Option<Piece> {
    Some(match step {
        Step::Fragment { index, more, extra } => {
            let (page, part) = parts.get(index)?;
            let own = if index == 0 { flags } else { Flags::empty() };
            let own = if more { own | Flags::MORE_DATA } else { own };
            let own = if extra { own | Flags::EXTRA_INFO } else { own };
            let size = if index == 0 { whole } else { part.length() };
            let request = Request { gref: page.0, offset: part.offset(), flags: own.bits(), id: 0, size };
            Piece::Fragment(index, transmute!(request))
        }
        Step::Extra { index, more } => {
            let extra = extras.get(index)?;
            let info = if more { ExtraInfo::followed(extra) } else { ExtraInfo::last(extra) };
            Piece::Extra(transmute!(ExtraSlot { info, pad: [0; 4] }))
        }
    })
}
