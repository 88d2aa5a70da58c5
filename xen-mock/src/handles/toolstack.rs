//! The toolstack.

use xen_hypercall::DomId;

use super::handle;
use crate::domain::State;
use crate::toolstack::{Operation, Outcome, Save};

handle! {
    /// The toolstack: begins what `xl` does. What takes time goes on at the host's turns, see [`Toolstack::outcome`].
    Toolstack
}

impl Toolstack {
    /// Begins to suspend the guest: `xl save`, `xl save -c`, `xl migrate`.
    ///
    /// # Panics
    /// If another operation is under way, or the domain does not run.
    pub fn save(&self, save: Save) -> Operation {
        self.host.world().begin_save(save)
    }

    /// Begins a save that writes no word, and only waits 60 s for the guest to suspend: the guest was asked in another
    /// way, or by its test. Lower layers are tested so, without the protocol of `control/shutdown`.
    ///
    /// # Panics
    /// If another operation is under way, or the domain does not run.
    pub fn await_suspend(&self, save: Save) -> Operation {
        self.host.world().begin_wait(save)
    }

    /// Freezes the guest wherever it is, without asking, and lets it go on as `save` says: what libxl does with a guest in
    /// ACPI S3, or one that it takes for a guest without drivers. The guest comes out of a hypercall that is no suspend.
    ///
    /// # Panics
    /// If another operation is under way.
    pub fn freeze(&self, save: Save) -> Operation {
        self.host.world().begin_freeze(save)
    }

    /// Begins `xl shutdown -w`.
    ///
    /// # Panics
    /// If another operation is under way, or the domain does not run.
    pub fn poweroff(&self) -> Operation {
        self.host.world().begin_stop("poweroff")
    }

    /// Begins `xl reboot`. When the guest has stopped, [`Toolstack::create`] is the test's to call.
    ///
    /// # Panics
    /// If another operation is under way, or the domain does not run.
    pub fn reboot(&self) -> Operation {
        self.host.world().begin_stop("reboot")
    }

    /// Returns how an operation ended, `None` while it is under way.
    #[must_use]
    pub fn outcome(&self, operation: Operation) -> Option<Outcome> {
        self.host.world().operations.outcome(operation)
    }

    /// Tells whether an operation is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.host.world().operations.is_busy()
    }

    /// Writes a word to `control/shutdown`, and waits for nothing.
    pub fn word(&self, word: &str) {
        self.host.world().write_word(word);
    }

    /// Resumes a suspended domain that no operation cares for, the fast way: what an operator can do by hand.
    ///
    /// # Panics
    /// If the domain is not shut down, or an operation is under way.
    pub fn resume(&self) {
        let mut world = self.host.world();
        assert!(!world.operations.is_busy(), "an operation is under way");
        assert!(matches!(world.domain.state, State::Shutdown(_)), "only a domain that shut down can be resumed");
        let _outcome: Outcome = world.resume_fast();
    }

    /// Destroys the domain at once: `xl destroy`. A guest that runs is unwound out of its hypercall, see
    /// [`Host::run`](crate::Host::run).
    pub fn destroy(&self) {
        self.host.world().destroy();
    }

    /// Creates the domain anew, with fresh memory and the next number.
    ///
    /// # Panics
    /// If it still runs.
    pub fn create(&self) -> DomId {
        self.host.world().create()
    }
}
