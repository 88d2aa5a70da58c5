//! The life of a table of ports, from its choice of an ABI to a reset or the end.

use xen_evtchn::{Events, Scanner};
use xen_hypercall::{DomId, Nanos, Port, Vcpu};
use xen_mock::Hook;

use super::book::{Book, Guard, Trust};
use super::machine::{Machine, SECOND, Wanted};
use crate::fuzz::{Ending, Script};

/// Rounds by which both processors have taken what there is.
const ROUNDS: usize = 16;

/// A guest between two resets.
pub(super) struct Life<'e> {
    pub(super) machine: &'e Machine,
    pub(super) events: &'e Events<'e, &'e Hook>,
    pub(super) second: &'e Scanner<'e>,
    pub(super) book: Book<'e>,
    /// Guards of before a resume.
    pub(super) old: Vec<Guard<'e>>,
    /// Ports of other domains.
    pub(super) fars: Vec<(DomId, Port)>,
    pub(super) now: Nanos,
    /// The other processor has its queues.
    pub(super) joined: bool,
    /// A hypercall is to fail that has not yet.
    pub(super) faulty: bool,
    /// No ABI is in force that is of use.
    pub(super) void: bool,
    /// Ports that are open and are not the table's.
    pub(super) strangers: usize,
    /// How often queues were in disorder when memory was last trusted.
    pub(super) disorders: u64,
    pub(super) lied: bool,
}

/// Plays a script.
///
/// # Panics
/// If a rule is broken.
pub(crate) fn play(script: &mut Script<'_>, wanted: Wanted) -> Ending {
    let machine = Machine::new(script.byte().unwrap_or_default());
    let second = machine.second();
    let mut events = machine.events(wanted);
    let (mut ending, mut again) = (Ending::default(), false);
    loop {
        let mut life = Life::begin((&machine, &events), &second);
        if again {
            // A reset leaves events of numbers that nobody had.
            life.book.doubt_numbers();
        }
        let goes_on = life.live(script, &mut ending);
        if !goes_on || events.reset().is_err() {
            break;
        }
        assert_eq!((machine.open(), events.open()), (0, 0), "a reset closes all");
        again = true;
    }
    ending.found += usize::try_from(events.strays() + events.disorders()).unwrap();
    ending
}

impl<'e> Life<'e> {
    fn begin((machine, events): (&'e Machine, &'e Events<'e, &'e Hook>), second: &'e Scanner<'e>) -> Self {
        let mut life = Self {
            machine,
            events,
            second,
            book: Book::default(),
            old: Vec::new(),
            fars: Vec::new(),
            now: Nanos::ZERO,
            joined: false,
            faulty: false,
            void: events.choose().is_err(),
            strangers: machine.open(),
            disorders: events.disorders(),
            lied: false,
        };
        life.joined = events.join(second).is_ok();
        life.adopt();
        life
    }

    /// Plays on until the script ends or the ports are reset, and tells whether it was a reset.
    fn live(mut self, script: &mut Script<'_>, ending: &mut Ending) -> bool {
        let mut resets = false;
        while !self.void && !resets {
            let Some(act) = script.byte() else { break };
            resets = act == u8::MAX && !self.machine.has_daemons;
            self.act(act, script);
            self.check();
        }
        let goes_on = (resets || self.void) && !self.machine.has_daemons;
        ending.through += self.book.through;
        ending.lied |= self.lied;
        self.end();
        goes_on
    }

    pub(super) fn exact(&self) -> bool {
        self.book.trust == Trust::Exact
    }

    pub(super) fn may_have_more(&self, vcpu: Vcpu) -> bool {
        if vcpu == SECOND { self.events.may_have_more_on(self.second) } else { self.events.may_have_more() }
    }

    /// Whoever has an event has an upcall coming, or its processor knows that it is not at the end.
    fn check(&self) {
        if !self.exact() || self.faulty || self.void {
            return;
        }
        for held in &self.book.held {
            let waits = held.open && held.debt.is_sure() && !self.book.storm.contains(&held.number());
            let looks = |vcpu| self.machine.is_called(vcpu) || self.may_have_more(vcpu);
            // In the queue of the processor that was told before, the event goes on from there.
            let comes = looks(held.vcpu) || (held.moved && [Vcpu(0), SECOND].into_iter().any(looks));
            assert!(!waits || comes, "E08: port {} has an event, and nobody looks", held.number());
        }
        assert_eq!(self.events.disorders(), self.disorders, "an honest queue is in order");
    }

    /// Has every event handed out, whatever went on, and finds that none is lost.
    fn settle(&mut self) {
        self.machine.host.faults().clear();
        self.faulty = false;
        self.calm();
        for held in &mut self.book.held {
            held.guard.port().unmask().unwrap();
            held.open = true;
        }
        self.drain();
        if self.book.trust == Trust::Noticed {
            let ports: Vec<_> = self.book.held.iter().map(super::book::Held::number).collect();
            ports.into_iter().for_each(|port| self.raise(port));
            self.drain();
        }
        for held in &mut self.book.held {
            let lost = self.book.trust != Trust::Hidden && held.debt.is_sure();
            assert!(!lost, "the event of port {} is lost", held.guard.port().number());
            held.debt.settled();
        }
    }

    fn drain(&mut self) {
        let most = 4 * (self.book.held.len() + 8);
        let mut idle = 0;
        for _ in 0..ROUNDS {
            let told = [Vcpu(0), SECOND].map(|vcpu| self.dispatch(vcpu, most));
            assert!(told.iter().all(|told| *told < most), "events without end");
            // What the second one finds in its queue and is not its own is raised again on the first.
            idle = if told == [0, 0] { idle + 1 } else { 0 };
            if idle == 2 {
                return;
            }
        }
        unreachable!("events come that nobody raised");
    }

    /// Gives everything back; what Xen does not take is counted.
    fn end(mut self) {
        if !self.void {
            self.settle();
        }
        self.machine.host.faults().clear();
        let mark = self.machine.host.trace().mark();
        drop(std::mem::take(&mut self.old));
        assert!(self.machine.host.trace().calls_since(mark).is_empty(), "E22: old guards are inert");
        drop(std::mem::take(&mut self.book.held));
        let (open, leaked) = (self.machine.open(), self.events.leaked());
        assert_eq!((open, self.events.open()), (self.strangers + leaked, leaked), "what is open is counted");
        assert_eq!(self.machine.host.check(), Ok(()));
    }
}
