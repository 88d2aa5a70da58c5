//! What the owner of a port is owed.

/// When something happens to a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing is under way.
    #[default]
    Between,
    /// Amid a dispatch, which may have claimed events.
    Amid,
}

/// Whether a port is to be handed out, as far as the script tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Debt {
    /// An event has come, and was not handed out.
    must: bool,
    /// One may be there: of an earlier life of the number, or of a storm.
    may: bool,
    /// One came while another was perhaps claimed, so that it may be handed out by itself.
    again: bool,
}

impl Debt {
    /// Notes an event; one that comes amid a dispatch may come after what was claimed.
    pub(super) fn raised(&mut self, when: When) {
        self.again |= when == When::Amid && (self.must || self.may);
        self.must = true;
    }

    /// Notes that there may be an event, or not.
    pub(super) fn perhaps(&mut self) {
        self.may = true;
    }

    /// Tells whether an event must be there.
    pub(super) const fn is_sure(self) -> bool {
        self.must
    }

    /// Notes that nothing is certain any more.
    pub(super) fn doubt(&mut self) {
        *self = Self { must: false, may: true, again: true };
    }

    /// Notes that the port was handed out, and tells whether it might be.
    pub(super) fn paid(&mut self) -> bool {
        let due = self.must || self.may;
        *self = Self { must: false, may: self.again, again: false };
        due
    }

    /// Notes that the event was taken from the port itself, and tells whether that can be.
    pub(super) fn taken(&mut self, when: When) -> bool {
        let can = self.must || self.may;
        *self = match when {
            When::Between => Self::default(),
            // What was claimed before is handed out yet.
            When::Amid => Self { must: false, may: true, again: self.again },
        };
        can
    }

    /// Notes that there was none to be taken, and tells whether that can be.
    pub(super) fn missed(&mut self, when: When) -> bool {
        self.may &= when == When::Amid;
        when == When::Amid || !self.must
    }

    /// Notes that all is quiet: nothing is there.
    pub(super) fn settled(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Debt;
    use super::When::{Amid, Between};

    #[test]
    fn an_event_is_paid_once() {
        let mut debt = Debt::default();
        assert!(!debt.paid(), "nothing is owed at first");
        debt.raised(Between);
        debt.raised(Between);
        assert!(debt.is_sure() && debt.paid() && !debt.paid(), "two that came before it was looked at are one");
    }

    #[test]
    fn one_that_comes_amid_a_dispatch_may_come_by_itself() {
        let mut debt = Debt::default();
        debt.raised(Amid);
        assert!(debt.paid() && !debt.paid());
        debt.raised(Between);
        debt.raised(Amid);
        assert!(debt.paid() && !debt.is_sure() && debt.paid() && !debt.paid());
        debt.perhaps();
        debt.raised(Amid);
        assert!(
            debt.paid() && !debt.is_sure() && debt.paid() && !debt.paid(),
            "what was there perhaps was claimed perhaps"
        );
    }

    #[test]
    fn what_is_taken_is_what_was_owed() {
        let mut debt = Debt::default();
        assert!(debt.missed(Between) && !debt.taken(Between));
        debt.raised(Between);
        assert!(!debt.missed(Between), "it was lost");
        debt.raised(Between);
        assert!(debt.taken(Between) && !debt.paid());
        debt.raised(Between);
        assert!(debt.taken(Amid) && debt.paid(), "it was claimed");
        debt.perhaps();
        assert!(debt.missed(Between) && !debt.taken(Between));
    }
}
