//! What the guest itself saw of its hypercalls, to prove that a cancelled suspend does nothing.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use xen_hypercall::Number;

/// Counts of hypercalls since the guest's start, by what they do to Xen's objects.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    all: AtomicU64,
    bound: AtomicU64,
    closed: AtomicU64,
    mapped: AtomicU64,
    registered: AtomicU64,
}

/// The counts at one moment, or between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Hypercalls of any kind.
    pub(crate) hypercalls: u64,
    /// Event channels made.
    pub(crate) bound: u64,
    /// Event channels closed.
    pub(crate) closed: u64,
    /// Frames mapped.
    pub(crate) mapped: u64,
    /// Parameters set, processors, queues and tables registered.
    pub(crate) registered: u64,
    /// Messages to xenstore.
    pub(crate) xenstore: u64,
}

impl Trace {
    /// Notes a hypercall by its number and command.
    pub(crate) fn note(&self, number: Number, command: usize) {
        let bump = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        bump(&self.all);
        match (number, command) {
            // EVTCHNOP bind_interdomain, bind_virq, bind_pirq, alloc_unbound, bind_ipi.
            (Number::EVENT_CHANNEL_OP, 0..=2 | 6 | 7) => bump(&self.bound),
            // EVTCHNOP close, reset.
            (Number::EVENT_CHANNEL_OP, 3 | 10) => bump(&self.closed),
            // EVTCHNOP init_control, expand_array.
            (Number::EVENT_CHANNEL_OP, 11 | 12) => bump(&self.registered),
            (Number::MEMORY_OP, _) => bump(&self.mapped),
            // HVMOP set_param, set_evtchn_upcall_vector.
            (Number::HVM_OP, 0 | 23) => bump(&self.registered),
            // VCPUOP register_vcpu_info; timers are no objects that a suspend could lose.
            (Number::VCPU_OP, 10) => bump(&self.registered),
            (Number::GRANT_TABLE_OP, _) => bump(&self.registered),
            _ => {}
        }
    }

    /// Returns the counts of hypercalls so far; those of xenstore are the caller's to fill in.
    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            hypercalls: read(&self.all),
            bound: read(&self.bound),
            closed: read(&self.closed),
            mapped: read(&self.mapped),
            registered: read(&self.registered),
            xenstore: 0,
        }
    }
}

impl Counts {
    /// Returns what was counted since `earlier`.
    #[must_use]
    pub(crate) const fn since(self, earlier: Self) -> Self {
        Self {
            hypercalls: self.hypercalls.saturating_sub(earlier.hypercalls),
            bound: self.bound.saturating_sub(earlier.bound),
            closed: self.closed.saturating_sub(earlier.closed),
            mapped: self.mapped.saturating_sub(earlier.mapped),
            registered: self.registered.saturating_sub(earlier.registered),
            xenstore: self.xenstore.saturating_sub(earlier.xenstore),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hypercalls, bound, closed, mapped, registered, xenstore } = self;
        write!(
            f,
            "hypercalls={hypercalls} xenstore={xenstore} bound={bound} closed={closed} mapped={mapped} \
             registered={registered}"
        )
    }
}
