//! The control ring: how the back is to hash packets, and which pages it may keep.

mod ask;
mod kind;
mod page;
mod slot;

use crate::{Protocol, RequestId};

pub use ask::{Ask, BadAsk};
pub use kind::{Kind, Status};
pub use page::{InPage, PageEntry, Queue};
pub use slot::{Answer, Slot};

/// The protocol of the control ring: ids of 16 bits, answers in any order.
#[derive(Debug)]
pub struct Control;

impl Protocol for Control {
    type Request = Slot;
    type Response = Answer;
    type Kind = Kind;
    const ID_BITS: u32 = 16;

    #[inline]
    fn stamp(slot: &mut Slot, id: RequestId) {
        slot.set_id(id);
    }

    #[inline]
    fn kind(slot: &Slot) -> Kind {
        slot.kind()
    }

    #[inline]
    fn id(answer: &Answer) -> Option<RequestId> {
        Some(answer.id())
    }

    #[inline]
    fn answers(answer: &Answer, asked: Kind) -> bool {
        answer.kind() == asked
    }
}
