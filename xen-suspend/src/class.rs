//! What a resume is: by the result of the call *and* by asking the hypervisor.

use core::fmt;

use xen_hypercall::Errno;

/// How the guest came back. Decides what is redone; passed to every hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// In a new domain (R-NEW): restored, migrated, failed over. Every object of the hypervisor and of xenstore is void.
    New,
    /// In the same domain (R-CANCEL): checkpointed, or the save failed. Everything goes on; nothing is redone.
    Cancel,
    /// In the same domain, but told as if it were new (R-INPLACE): objects exist and are reconciled, devices reconnect.
    InPlace,
    /// Frozen without having been asked (R-FROZEN), and still in the same domain.
    Frozen,
    /// Never left (R-ABORT): a step before the call failed, or the call returned an error.
    Abort,
}

impl Class {
    /// Tells whether handles of before are void, and the epoch advances.
    #[must_use]
    pub const fn rebuilds(self) -> bool {
        matches!(self, Self::New | Self::InPlace)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Cancel => "cancel",
            Self::InPlace => "inplace",
            Self::Frozen => "frozen",
            Self::Abort => "abort",
        })
    }
}

/// What one witness says of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// It is the one of before.
    Same,
    /// It is a new one.
    New,
    /// The witness could not be heard: not set up, or the hypercall failed.
    Silent,
}

/// The two witnesses of a resume.
///
/// # Xen
/// `EVTCHNOP_status` of a canary, an IPI port bound for this purpose only: tools create no IPI in a new domain. And
/// `HVM_PARAM_CALLBACK_IRQ` read back: it is not saved with a guest (x86 only; on Arm Xen may preset it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witnesses {
    /// The canary port.
    pub canary: Witness,
    /// The callback parameter.
    pub callback: Witness,
}

/// What the result of the suspend call says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    /// 1: cancelled, in the same domain.
    Cancelled,
    /// A negative code: nothing happened.
    Failed(Errno),
    /// 0, or a value that nobody defines: ask the witnesses.
    Unclear,
}

impl CallResult {
    /// Takes the raw result of `SCHEDOP_shutdown`.
    #[must_use]
    pub const fn of(raw: isize) -> Self {
        match Errno::value(raw) {
            Ok(1) => Self::Cancelled,
            Ok(_) => Self::Unclear,
            Err(errno) => Self::Failed(errno),
        }
    }
}

impl Witnesses {
    /// Tells whether the domain is the one of before: only if one witness says so and none contradicts.
    ///
    /// In doubt it is new: rebuilding what exists already is met with "exists", using what is gone is not.
    #[must_use]
    pub const fn same_domain(self) -> bool {
        match (self.canary, self.callback) {
            (Witness::New, _) | (_, Witness::New) | (Witness::Silent, Witness::Silent) => false,
            (Witness::Same, _) | (_, Witness::Same) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CallResult, Errno, Witness, Witnesses};

    #[test]
    fn the_result_alone_decides_only_where_it_is_clear() {
        assert_eq!(CallResult::of(1), CallResult::Cancelled);
        assert_eq!(CallResult::of(-22), CallResult::Failed(Errno::EINVAL));
        for raw in [0, 2, isize::MAX] {
            assert_eq!(CallResult::of(raw), CallResult::Unclear, "{raw}");
        }
    }

    #[test]
    fn doubt_means_new() {
        use Witness::{New, Same, Silent};
        let same = |canary, callback| Witnesses { canary, callback }.same_domain();
        assert!(same(Same, Same) && same(Same, Silent) && same(Silent, Same));
        assert!(!same(New, New) && !same(New, Same) && !same(Same, New));
        assert!(!same(Silent, Silent) && !same(New, Silent) && !same(Silent, New));
    }
}
