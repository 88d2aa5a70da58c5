//! Rings in the hands of the adversary: thin wrappers that know what was asked, hold each operation to its rules, and
//! balance the books at the end. The tests of the stepper, the random ones and the bodies of the fuzz targets share them.
#![expect(clippy::missing_panics_doc, reason = "that each panics if a rule is broken is what they are for")]
#![expect(clippy::result_large_err, reason = "both are the ring")]

mod asks;
mod channel;
mod held;
mod honest;
mod left;
mod serves;
mod stream;
mod talk;
mod way;

pub use asks::{Asks, Kept};
pub use channel::{CHANNEL, Channel, FLAGS, Orders, Rooms, Side, channel_shapes};
pub use left::Left;
pub use serves::Serves;
pub use stream::{Place, Receives, SMALL, Sends, byte_shape, level};
pub use talk::{Message, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, Talk, Token, message_at, shape, slot};

use crate::adversary::{Memory, Rules};
use xen_ring::Misbehaved;

/// What one end has found out about its peer.
#[derive(Debug, Default)]
pub(crate) struct Verdict(Option<Misbehaved>);

impl Verdict {
    /// Returns whether the peer was found out, which an honest one is not.
    pub(crate) fn found(&self, memory: &Memory) -> bool {
        assert!(self.0.is_none() || memory.lied(), "an honest peer is believed, and not {:?}", self.0);
        self.0.is_some()
    }

    /// Runs an operation under attack, if the peer is believed so far; else one that must not touch the page and must give
    /// the same reason again.
    pub(crate) fn run<R>(
        &mut self,
        memory: &Memory,
        rules: &Rules,
        act: impl FnOnce() -> Result<R, Misbehaved>,
    ) -> Option<R> {
        match (self.0, act) {
            (Some(known), act) => {
                let again = memory.untouched(act).err();
                assert_eq!(again, Some(known), "R30: the same reason for good");
                None
            }
            (None, act) => {
                let result = memory.attacked(rules, act);
                result.map_err(|reason| self.0 = Some(reason)).ok()
            }
        }
    }
}
