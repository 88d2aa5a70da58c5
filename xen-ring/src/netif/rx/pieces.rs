//! The answers of a packet that is received, in their order.

use xen_hypercall::GrantRef;
use zerocopy::transmute;

use super::{Flags, Request, Response, Rx, Slot};
use crate::netif::bad::BadPacket;
use crate::netif::chain::{Chain, FragmentLimit};
use crate::netif::extra::{Extra, ExtraInfo};
use crate::netif::order::{Step, steps};
use crate::netif::part::Part;

/// What is to be answered to the next buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A part is in it; this is its number among the parts.
    Fragment(usize, Part, Flags),
    /// Nothing is in it: the slot is an extra info.
    Extra(ExtraInfo),
}

impl Piece {
    /// Makes the answer to that buffer.
    #[must_use]
    pub fn to(self, request: &Request) -> Slot {
        match self {
            Self::Fragment(_, part, flags) => {
                let status = i16::try_from(part.length()).unwrap_or_else(|_| unreachable!("at most a page"));
                transmute!(Response { id: request.id, offset: part.offset(), flags: flags.bits(), status })
            }
            Self::Extra(info) => transmute!(info),
        }
    }
}

/// Makes the answers of a packet in their order, for a back; `flags` are those of the whole.
///
/// # Errors
/// If no front could take it: see [`BadPacket`].
pub fn packet<'a>(
    flags: Flags,
    parts: &'a [Part],
    extras: &'a [Extra],
    limit: FragmentLimit,
) -> Result<impl Iterator<Item = Piece> + use<'a>, BadPacket> {
    let flags = flags.difference(Flags::MORE_DATA | Flags::EXTRA_INFO);
    let pieces = move || steps(parts.len(), extras.len()).filter_map(move |step| piece(flags, parts, extras, step));
    Chain::<Rx>::judge(limit, pieces().map(|piece| piece.to(&Request::new(GrantRef(0)))))?;
    Ok(pieces())
}

fn piece(flags: Flags, parts: &[Part], extras: &[Extra], step: Step) -> Option<Piece> {
    Some(match step {
        Step::Fragment { index, more, extra } => {
            let own = if index == 0 { flags } else { Flags::empty() };
            let own = if more { own | Flags::MORE_DATA } else { own };
            let own = if extra { own | Flags::EXTRA_INFO } else { own };
            Piece::Fragment(index, *parts.get(index)?, own)
        }
        Step::Extra { index, more } => {
            let extra = extras.get(index)?;
            Piece::Extra(if more { ExtraInfo::followed(extra) } else { ExtraInfo::last(extra) })
        }
    })
}
