//! The session across a suspend.

use super::{Core, Gate};
use crate::{Features, StoreError, WatchStatus};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Admits no new request until [`unfence`](Self::unfence); what is under way goes on.
    pub const fn fence(&mut self) {
        self.gate = Gate::Fenced;
    }

    /// Admits requests again.
    pub const fn unfence(&mut self) {
        self.gate = Gate::Open;
    }

    /// Tells whether nothing is under way: every request answered, given-up ones too, nothing half sent or half received.
    ///
    /// A request that was given up is no longer under way once a later one was answered: servers answer in order, if not by
    /// the letter of the protocol. Should its answer come after all, it still reaches nobody.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let slots = self.slots.iter().all(|slot| slot.exchange.is_over());
        let watches = self.watches.iter().all(|watch| watch.exchange.is_over());
        // What is half sent has an exchange that is not idle.
        slots && watches && self.parser.is_at_boundary()
    }

    /// Goes over to a new connection, after a resume in a new domain or on a ring that was made anew.
    ///
    /// Every request under way is completed with [`StoreError::EpochChanged`], a partial message is discarded, open
    /// transactions are over, and what poisoned the session, or what the server offered, is forgotten. Watches stay in the
    /// table, unknown to the server until [`rewatch`](Self::rewatch). Not after a cancelled suspend, where the server
    /// remembers everything.
    pub fn epoch_changed(&mut self) {
        self.abort(StoreError::EpochChanged);
        self.session = self.session.wrapping_add(1);
        self.poison = None;
        self.doomed = [0; 4];
        self.open = 0;
        self.features = Features::empty();
        self.counters.strays = 0;
    }

    /// Registers all watches again, in one batch and even while fenced.
    ///
    /// A watch that the server has already counts as registered, and gets an event of our making. What the new server
    /// offers is to be told before, by [`handle_features`](Self::handle_features). Not after a cancelled suspend.
    pub fn rewatch(&mut self) {
        for index in 0..WATCHES {
            let (order, offered) = (self.next_order(), self.features);
            if let Some(watch) = self.watches.get_mut(index).filter(|watch| watch.is_kept() && watch.exchange.is_over())
            {
                watch.register(order, offered);
            }
        }
    }

    /// Registers those watches again that the server refused, or of which its answer is lost; tells how many.
    pub fn rewatch_missing(&mut self) -> usize {
        let mut missing: usize = 0;
        for index in 0..WATCHES {
            let (order, offered) = (self.next_order(), self.features);
            if let Some(watch) = self.watches.get_mut(index).filter(|watch| watch.is_missing()) {
                watch.register(order, offered);
                missing = missing.saturating_add(1);
            }
        }
        missing
    }

    /// Tells how many watches wait for the server's word.
    #[must_use]
    pub fn registering(&self) -> usize {
        // Of one whose answer is lost nothing more is to come.
        let open = self.watches.iter().filter(|watch| watch.is_kept() && !watch.exchange.is_over());
        open.filter(|watch| watch.status() == WatchStatus::Registering).count()
    }
}
