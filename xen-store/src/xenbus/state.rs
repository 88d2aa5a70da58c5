//! The states through which the two ends of a device greet each other.

use core::fmt;

use crate::{Reject, number};

/// The state of one end of a device, as its node `state` says.
///
/// # Xen
/// `enum xenbus_state` of `io/xenbus.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XenbusState {
    /// The end is not there, or not any more.
    #[doc(alias = "XenbusStateUnknown")]
    Unknown,
    /// It begins.
    #[doc(alias = "XenbusStateInitialising")]
    Initialising,
    /// It has begun, and waits for information from the other end or the toolstack.
    #[doc(alias = "XenbusStateInitWait")]
    InitWait,
    /// It waits for the other end to connect.
    #[doc(alias = "XenbusStateInitialised")]
    Initialised,
    /// It serves.
    #[doc(alias = "XenbusStateConnected")]
    Connected,
    /// It ends.
    #[doc(alias = "XenbusStateClosing")]
    Closing,
    /// It has ended.
    #[doc(alias = "XenbusStateClosed")]
    Closed,
    /// It changes.
    #[doc(alias = "XenbusStateReconfiguring")]
    Reconfiguring,
    /// It has changed.
    #[doc(alias = "XenbusStateReconfigured")]
    Reconfigured,
    /// A number that no header names.
    Other(u32),
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
    /// [`Reject::BadNumber`] if it is no number of 32 bits.
    pub fn parse(value: &[u8]) -> Result<Self, Reject> {
        let number = u32::try_from(number(value)?).map_err(|_| Reject::BadNumber)?;
        let known = usize::try_from(number).ok().and_then(|index| STATES.get(index));
        Ok(known.map_or(Self::Other(number), |(state, _)| *state))
    }
}

/// The value for a node `state`.
impl fmt::Display for XenbusState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(number) = self {
            return number.fmt(f);
        }
        let found = STATES.iter().find(|(state, _)| state == self);
        f.write_str(found.map_or("0", |(_, text)| *text))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn every_state_survives_its_node() {
        for (index, (state, text)) in STATES.iter().enumerate() {
            assert_eq!(state.to_string(), *text);
            assert_eq!(XenbusState::parse(text.as_bytes()), Ok(*state));
            assert_eq!(number(text.as_bytes()), Ok(u64::try_from(index).unwrap()));
        }
        for other in ["9", "4294967295"] {
            let state = XenbusState::parse(other.as_bytes()).unwrap();
            assert!(matches!(state, XenbusState::Other(_)) && state.to_string() == other);
        }
        for bad in ["", "-1", "4 ", "4294967296", "99999999999"] {
            assert_eq!(XenbusState::parse(bad.as_bytes()), Err(Reject::BadNumber));
        }
    }
}
