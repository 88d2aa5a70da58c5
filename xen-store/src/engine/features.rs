//! What the server offers.

use super::Core;
use crate::{Features, StoreError};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Takes note of what the server offers, by the word in the page or by the answer to
    /// [`Request::Features`](crate::Request::Features).
    ///
    /// What was offered once counts as offered until the connection is replaced; unknown bits are passed over.
    pub fn handle_features(&mut self, offered: Features) {
        self.features |= offered & Features::all();
    }

    /// Returns what the server is known to offer.
    #[must_use]
    pub const fn features(&self) -> Features {
        self.features
    }

    /// Refuses what needs more than the server offers.
    pub(super) const fn offered(&self, needed: Features) -> Result<(), StoreError> {
        let missing = needed.difference(self.features);
        if missing.is_empty() { Ok(()) } else { Err(StoreError::NotOffered(missing)) }
    }
}
