//! The upcall handler, and what it does before it comes back.

use xen_hypercall::{Port, Vcpu};

use super::debt::When;
use super::life::Life;
use super::machine::SECOND;
use crate::fuzz::Script;

/// How often a handler does something else within one upcall.
const DEEDS: usize = 6;

impl Life<'_> {
    /// Takes a few events one by one.
    pub(super) fn poll(&mut self, byte: u8, script: &mut Script<'_>) {
        let vcpu = self.vcpu(byte);
        for _ in 0..script.byte().unwrap_or_default() % 4 {
            let found =
                if vcpu == SECOND { self.events.poll_pending_on(self.second) } else { self.events.poll_pending() };
            let Some(port) = found else { return };
            self.book.told(port, vcpu);
        }
    }

    /// Takes an upcall: the handler follows the script too.
    pub(super) fn upcall(&mut self, byte: u8, script: &mut Script<'_>) {
        let (vcpu, size) = (self.vcpu(byte), usize::from(script.byte().unwrap_or_default()));
        let budget = if size < 64 { size % 4 } else { size };
        let mut deeds = 0;
        self.dispatch_with(vcpu, budget, |life, port| {
            deeds += 1;
            if deeds <= DEEDS {
                life.within(port, script);
            }
        });
    }

    /// Takes an upcall with a handler that only notes what it was told.
    pub(super) fn dispatch(&mut self, vcpu: Vcpu, budget: usize) -> usize {
        self.dispatch_with(vcpu, budget, |_, _| ())
    }

    fn dispatch_with(&mut self, vcpu: Vcpu, budget: usize, mut handler: impl FnMut(&mut Self, Port)) -> usize {
        let (events, second) = (self.events, self.second);
        let mut called = 0;
        self.book.when = When::Amid;
        let mut told = |port| {
            called += 1;
            self.book.told(port, vcpu);
            handler(self, port);
        };
        let done = if vcpu == SECOND {
            events.dispatch_on(second, budget, &mut told)
        } else {
            events.dispatch(budget, &mut told)
        };
        assert!(done == called && done <= budget, "E04: {done} of {budget}, called {called} times");
        self.book.when = When::Between;
        done
    }

    /// What a handler does: mostly nothing.
    fn within(&mut self, port: Port, script: &mut Script<'_>) {
        let Some(act) = script.byte() else { return };
        match act % 16 {
            0..6 => {}
            6 => self.raise(port),
            7..15 => {
                // Not the upcall itself, and not a lie: those are between upcalls.
                let deeds = [1, 4, 6, 7, 8, 10, 11, 12, 22, 25];
                let deed = deeds[usize::from(act / 16) % deeds.len()];
                self.act(deed | act & 0xe0, script);
            }
            _ => self.act(7, script),
        }
    }
}
