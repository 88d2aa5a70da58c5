//! The adversary: a peer that writes into the shared page between any two accesses of ours, and what must hold then.
//!
//! [`Memory`] is the page. [`step`] has a conversation struck before each of its accesses by each [`Stroke`] of a
//! dictionary, and by each pair of them where the conversation is short. The rules that `Memory` keeps itself are those
//! of every ring: no byte is read twice in one operation, no word of ours is read at all, no operation goes on for ever,
//! nothing private is in the page. What else must hold is for the conversation to say.

mod dictionary;
mod memory;
mod stepper;
#[cfg(test)]
mod tests;
mod watch;

pub use dictionary::{Shape, Stroke, bytes, channel, slots};
pub use memory::{Access, CANARY, Memory, put, word};
pub use stepper::{Figures, step, step_all, step_once};
pub use watch::Rules;
