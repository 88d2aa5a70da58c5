//! How long each part may take.

use xen_hypercall::Nanos;

/// The limits of one operation. The toolstack's own are 60 s for the acknowledgement and 60 s from there to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    d0: Nanos,
    d1: Nanos,
    dr: Nanos,
    dc: Nanos,
}

impl Default for Deadlines {
    /// D0 = 20 s, D1 = 45 s, Dr = 2 s, Dc = 30 s.
    fn default() -> Self {
        let secs = Nanos::from_secs;
        Self { d0: secs(20), d1: secs(45), dr: secs(2), dc: secs(30) }
    }
}

impl Deadlines {
    /// The largest D0: later the toolstack may cancel before we acknowledge.
    pub const D0_MAX: Nanos = Nanos::from_secs(50);
    /// The largest D1: later nobody may be waiting for us any more, and the guest would sleep for ever.
    pub const D1_MAX: Nanos = Nanos::from_secs(54);

    /// Sets D0, from a request to its acknowledgement; at most [`Deadlines::D0_MAX`].
    #[must_use]
    pub fn with_d0(self, d0: Nanos) -> Self {
        Self { d0: d0.min(Self::D0_MAX), ..self }
    }

    /// Sets D1, from the acknowledgement to the call; at most [`Deadlines::D1_MAX`].
    #[must_use]
    pub fn with_d1(self, d1: Nanos) -> Self {
        Self { d1: d1.min(Self::D1_MAX), ..self }
    }

    /// Sets Dr, for all processors to be parked.
    #[must_use]
    pub const fn with_dr(self, dr: Nanos) -> Self {
        Self { dr, ..self }
    }

    /// Sets Dc, for a device to reconnect, and for xenstore to answer, after a resume.
    #[must_use]
    pub const fn with_dc(self, dc: Nanos) -> Self {
        Self { dc, ..self }
    }

    /// Returns D0.
    #[must_use]
    pub const fn d0(self) -> Nanos {
        self.d0
    }

    /// Returns D1.
    #[must_use]
    pub const fn d1(self) -> Nanos {
        self.d1
    }

    /// Returns Dr.
    #[must_use]
    pub const fn dr(self) -> Nanos {
        self.dr
    }

    /// Returns Dc.
    #[must_use]
    pub const fn dc(self) -> Nanos {
        self.dc
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadlines, Nanos};

    #[test]
    fn no_deadline_outlives_the_toolstacks() {
        let long = Deadlines::default().with_d0(Nanos::MAX).with_d1(Nanos::MAX);
        assert_eq!((long.d0(), long.d1()), (Nanos::from_secs(50), Nanos::from_secs(54)));
    }
}
