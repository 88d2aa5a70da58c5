//! Names of Xen's objects, each a type of its own.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A domain.
    ///
    /// # Xen
    /// `domid_t` of `xen.h`.
    #[doc(alias = "domid_t")]
    DomId(u16)
}
id! {
    /// An event channel port of this domain.
    ///
    /// Does not compile: no other number is taken for it.
    /// ```compile_fail,E0308
    /// use xen_hypercall::{GrantRef, Port};
    /// let port: Port = GrantRef(9);
    /// ```
    ///
    /// # Xen
    /// `evtchn_port_t` of `event_channel.h`.
    #[doc(alias = "evtchn_port_t")]
    Port(u32)
}
id! {
    /// An entry of this domain's grant table.
    ///
    /// # Xen
    /// `grant_ref_t` of `grant_table.h`.
    #[doc(alias = "grant_ref_t")]
    GrantRef(u32)
}
id! {
    /// A guest frame: a page of 4096 bytes of this domain's physical memory, by number.
    ///
    /// # Xen
    /// `xen_pfn_t` of `xen.h`.
    #[doc(alias = "xen_pfn_t")]
    Gfn(u64)
}
id! {
    /// A virtual processor of this domain, by Xen's number.
    Vcpu(u32)
}
id! {
    /// Nanoseconds, of a time or a duration as the place says.
    Nanos(u64)
}
id! {
    /// A moment in Xen's system time: nanoseconds of this host's uptime. Another host's are other ones.
    ///
    /// Does not compile: a deadline in the guest's own time, which goes on over a move, is turned into Xen's first.
    /// ```compile_fail,E0308
    /// # fn sleep(hook: &impl xen_hypercall::Hypercall, clock: &xen_hypercall::Clock<'_, impl xen_hypercall::Cpu>) {
    /// use xen_hypercall::{Nanos, op::sched};
    /// let deadline = clock.now().after(Nanos::from_millis(5));
    /// let _ = sched::poll(hook, &[], Some(deadline)); // to_system(deadline)
    /// # }
    /// ```
    SystemTime(u64)
}

impl DomId {
    /// The control domain.
    pub const DOM0: Self = Self(0);
    /// The calling domain.
    pub const SELF: Self = Self(0x7FF0);
    /// The first of the reserved numbers: a real domain's is below.
    pub const FIRST_RESERVED: Self = Self(0x7FF0);

    /// Every domain, in the permissions of xenstore's nodes.
    ///
    /// # Xen
    /// `DOMID_ANY` of `xen.h`, since Xen 4.22.
    pub const ANY: Self = Self(0x7FF5);

    /// Tells whether the number can be that of a real domain.
    #[must_use]
    pub const fn is_real(self) -> bool {
        self.0 < Self::FIRST_RESERVED.0
    }
}

impl SystemTime {
    /// Returns the moment so much later; the last one if it is too far.
    #[must_use]
    pub const fn after(self, time: Nanos) -> Self {
        Self(self.0.saturating_add(time.0))
    }

    /// Returns how much later this is than `earlier`; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Default for Nanos {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Nanos {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// The end of time: never reached.
    pub const MAX: Self = Self(u64::MAX);

    /// Makes whole seconds; the largest time if there are too many.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Makes whole milliseconds; the largest time if there are too many.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns the time `other` later; the largest time if it is too far.
    #[must_use]
    pub const fn after(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns how much later this is than `earlier`; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}
