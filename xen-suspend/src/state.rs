//! The states of the coordinator.

use core::fmt;

/// Where the coordinator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Normal service.
    Running,
    /// A request is latched.
    Requested,
    /// Reservations are made and devices prepare; not yet acknowledged.
    Preparing,
    /// The acknowledgement is committed; D1 runs.
    Acked,
    /// Producers of I/O stop.
    Freezing,
    /// xenstore is fenced.
    Fencing,
    /// The other processors are being parked.
    Rendezvous,
    /// One processor, interrupts off.
    Dark,
    /// Within the hypercall.
    InCall,
    /// The result is known; the witnesses are heard.
    Classify,
    /// Core services are made anew, in their fixed order.
    Rebuild,
    /// What was done in the dark is undone.
    Return,
    /// Processors leave the barrier.
    Releasing,
    /// xenstore comes back: unfenced, or connected anew with its watches.
    StoreUp,
    /// Devices reconnect.
    Reconnecting,
    /// Everything is thawed and published again, and `control/shutdown` is read once more.
    Settling,
    /// A request to stop is being acknowledged, or served.
    Stopping,
    /// A core service cannot be rebuilt: the guest crashes with a message.
    Fatal,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Requested => "requested",
            Self::Preparing => "preparing",
            Self::Acked => "acked",
            Self::Freezing => "freezing",
            Self::Fencing => "fencing",
            Self::Rendezvous => "rendezvous",
            Self::Dark => "dark",
            Self::InCall => "in-call",
            Self::Classify => "classify",
            Self::Rebuild => "rebuild",
            Self::Return => "return",
            Self::Releasing => "releasing",
            Self::StoreUp => "store-up",
            Self::Reconnecting => "reconnecting",
            Self::Settling => "settling",
            Self::Stopping => "stopping",
            Self::Fatal => "fatal",
        })
    }
}
