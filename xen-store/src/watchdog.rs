//! When to look again at a connection that stands still.

use xen_hypercall::Nanos;

/// How often the server is told in vain.
const KICKS: u32 = 8;
/// How long nothing may move before it is told, unless set otherwise.
const PERIOD: Nanos = Nanos::from_secs(1);

/// Tells when the server is to be told once more that there is work: an event may have been lost.
#[derive(Debug)]
pub(crate) struct Watchdog {
    period: Nanos,
    /// Since when nothing has moved.
    since: Nanos,
    kicks: u32,
    /// Something has moved since time was told last.
    moved: bool,
    due: bool,
}

impl Watchdog {
    pub(crate) const fn new() -> Self {
        Self { period: PERIOD, since: Nanos::ZERO, kicks: 0, moved: true, due: false }
    }

    pub(crate) const fn set(&mut self, period: Nanos) {
        self.period = period;
    }

    /// Takes note that bytes went to and fro, or that there is new work.
    pub(crate) const fn moved(&mut self) {
        self.moved = true;
    }

    /// Returns when to look; each time in vain it takes twice as long, and in the end nothing helps.
    pub(crate) const fn next(&self) -> Option<Nanos> {
        if self.kicks >= KICKS {
            return None;
        }
        let patience = self.period.0.saturating_mul(1_u64.wrapping_shl(self.kicks));
        match self.since.after(Nanos(patience)) {
            Nanos::MAX => None,
            next => Some(next),
        }
    }

    /// Tells whether it is time to look, if there is work.
    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        !self.moved && self.next().is_some_and(|next| next <= now)
    }

    /// Takes note of the time.
    pub(crate) fn handle_time(&mut self, now: Nanos) {
        if core::mem::take(&mut self.moved) {
            self.since = now;
            self.kicks = 0;
            self.due = false;
        } else if self.is_due(now) {
            self.since = now;
            self.kicks = self.kicks.saturating_add(1);
            self.due = true;
        }
    }

    /// Tells once that the server is to be told.
    pub(crate) const fn take(&mut self) -> bool {
        core::mem::replace(&mut self.due, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s36_the_server_is_told_again_ever_more_rarely_and_not_for_ever() {
        let mut watchdog = Watchdog::new();
        watchdog.set(Nanos(10));
        let mut now = 100;
        watchdog.handle_time(Nanos(now));
        for patience in (0..8).map(|kick| 10 << kick) {
            assert_eq!(watchdog.next(), Some(Nanos(now + patience)));
            watchdog.handle_time(Nanos(now + patience - 1));
            assert!(!watchdog.take());
            now += patience;
            watchdog.handle_time(Nanos(now));
            assert!(watchdog.take() && !watchdog.take(), "once");
        }
        assert_eq!(watchdog.next(), None);
        watchdog.handle_time(Nanos::MAX);
        assert!(!watchdog.take());
        watchdog.moved();
        watchdog.handle_time(Nanos(now));
        assert_eq!(watchdog.next(), Some(Nanos(now + 10)), "from the beginning");
    }

    #[test]
    fn without_a_period_it_is_never_told() {
        let mut watchdog = Watchdog::new();
        watchdog.set(Nanos::MAX);
        watchdog.handle_time(Nanos(1));
        assert_eq!(watchdog.next(), None);
        watchdog.handle_time(Nanos::MAX);
        assert!(!watchdog.take());
    }
}
