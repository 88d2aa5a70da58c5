//! The states through which the two ends of a device greet each other.

use crate::{Reject, number};

/// The state of one end of a device, as its node `state` says.
///
/// # Xen
/// `enum xenbus_state` of `io/xenbus.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XenbusState {
    /// The end is not there, or not any more.
    Unknown,
    /// It begins.
    Initialising,
    /// It has begun, and waits for information from the other end or the toolstack.
    InitWait,
    /// It waits for the other end to connect.
    Initialised,
    /// It serves.
    Connected,
    /// It ends.
    Closing,
    /// It has ended.
    Closed,
    /// It changes.
    Reconfiguring,
    /// It has changed.
    Reconfigured,
}

const STATES: [(XenbusState, &str); 9] = [
    (XenbusState::Unknown, "0"),
    (XenbusState::Initialising, "1"),
    (XenbusState::InitWait, "2"),
    (XenbusState::Initialised, "3"),
    (XenbusState::Connected, "4"),
    (XenbusState::Closing, "5"),
    (XenbusState::Closed, "6"),
    (XenbusState::Reconfiguring, "7"),
    (XenbusState::Reconfigured, "8"),
];

impl XenbusState {
    /// Reads the value of a node `state`.
    ///
    /// # Errors
    /// [`Reject::BadNumber`] if it is not the number of a state.
    pub fn parse(value: &[u8]) -> Result<Self, Reject> {
        let index = usize::try_from(number(value)?).map_err(|_| Reject::BadNumber)?;
        STATES.get(index).map(|(state, _)| *state).ok_or(Reject::BadNumber)
    }

    /// Returns the value for a node `state`.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        let found = STATES.iter().find(|(state, _)| *state == self);
        found.map_or(b"0", |(_, text)| text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_node() {
        for (index, (state, text)) in STATES.iter().enumerate() {
            assert_eq!(state.as_bytes(), text.as_bytes());
            assert_eq!(XenbusState::parse(text.as_bytes()), Ok(*state));
            assert_eq!(number(text.as_bytes()), Ok(u64::try_from(index).unwrap()));
        }
        for bad in ["", "9", "-1", "4 ", "99999999999"] {
            assert_eq!(XenbusState::parse(bad.as_bytes()), Err(Reject::BadNumber));
        }
    }
}
