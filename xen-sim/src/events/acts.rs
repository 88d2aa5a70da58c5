//! What the guest does with its ports.

use xen_evtchn::{Abi, BindError, BoundPort, Patience, PortError, Taken};
use xen_hypercall::op::event_channel::{self, Priority, Virq};
use xen_hypercall::{DomId, Nanos, Port, Vcpu};
use xen_mock::Hook;

use super::book::{Held, Kind};
use super::debt::{Debt, When};
use super::life::Life;
use super::machine::SECOND;
use super::peers::OTHER;
use crate::fuzz::Script;

const PATIENCE: Patience = Patience { unit: Nanos(100), most: Nanos(1000) };
const VIRQS: [Virq; 2] = [Virq::TIMER, Virq::DEBUG];

impl<'e> Life<'e> {
    /// Does what a byte of the script says.
    pub(super) fn act(&mut self, act: u8, script: &mut Script<'_>) {
        self.now = self.now.after(Nanos(20));
        match act % 32 {
            0..4 => self.bind(act / 32, script),
            4..6 => self.unmask(script),
            6 => self.mask(script),
            7 => self.close(script),
            8 => self.drop_one(script),
            9 => self.notify(script),
            10 => self.tell(script),
            11 => self.take(script),
            12 => self.serve(script),
            13 => self.poll_due(script),
            14 => self.urge(script),
            15..18 => self.poll(act / 32, script),
            18..21 => self.upcall(act / 32, script),
            21 => self.old(script),
            22 => self.resume(script),
            23..30 => self.peers(act % 32, script),
            _ => self.lie(act / 32, script),
        }
    }

    /// Chooses a port that is held.
    pub(super) fn choose(&mut self, script: &mut Script<'_>) -> Option<usize> {
        let byte = usize::from(script.byte()?);
        byte.checked_rem(self.book.held.len())
    }

    pub(super) fn vcpu(&self, byte: u8) -> Vcpu {
        if self.joined && byte & 1 != 0 { SECOND } else { Vcpu(0) }
    }

    fn bind(&mut self, kind: u8, script: &mut Script<'_>) {
        let detail = script.byte().unwrap_or_default();
        let (vcpu, domain) = (self.vcpu(detail), [DomId::DOM0, OTHER][usize::from(detail >> 1 & 1)]);
        match kind {
            0 | 1 => self.offer(domain, detail),
            2 | 3 => self.accept(domain, detail),
            4 | 5 => _ = self.bound(self.events.bind_ipi(vcpu), (Kind::Ipi, vcpu)),
            6 => {
                let virq = VIRQS[usize::from(detail >> 2 & 1)];
                _ = self.bound(self.events.bind_virq(virq, vcpu), (Kind::Virq(virq), vcpu));
            }
            _ => self.adopt(),
        }
    }

    /// Adopts the port of the store.
    pub(super) fn adopt(&mut self) {
        let Some(port) = self.machine.store_port().filter(|_| !self.void) else { return };
        let vcpu = self.told_by_xen(port);
        if self.bound(self.events.adopt(port), (Kind::Adopted, vcpu)).is_some() {
            self.book.perhaps(port);
        }
    }

    /// Asks Xen which processor is told of a port, however often that is refused.
    fn told_by_xen(&self, port: Port) -> Vcpu {
        let mut asked = (0..4).filter_map(|_| event_channel::status(&self.machine.xen, port).ok());
        asked.next().map_or(Vcpu(0), |status| status.vcpu)
    }

    /// Notes what came of a binding.
    pub(super) fn bound(
        &mut self,
        bound: Result<BoundPort<'e, &'e Hook>, BindError>,
        (kind, vcpu): (Kind, Vcpu),
    ) -> Option<Port> {
        let guard = bound.ok()?.late(PATIENCE);
        let port = guard.port().number();
        let debt = Debt::default();
        // One that was adopted before may have been told to another processor then.
        let moved = kind == Kind::Adopted && self.book.astray;
        self.book.enter(Held { guard, kind, vcpu, moved, open: false, far: None, debt });
        Some(port)
    }

    fn mask(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        self.book.held[at].guard.port().mask().unwrap();
        self.book.held[at].open = false;
    }

    fn unmask(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let done = self.book.held[at].guard.port().unmask();
        self.opened(at, done);
    }

    /// Notes that a port was unmasked, or not, for which there must be a reason.
    fn opened(&mut self, at: usize, done: Result<(), PortError>) {
        let done = done.is_ok();
        assert!(done || self.faulty, "Xen does not refuse");
        let held = &mut self.book.held[at];
        held.open = done || (held.open && !self.machine.is_masked(held.guard.port().number()));
    }

    fn close(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let held = self.book.leave(at);
        if let Err(refused) = held.guard.into_port().close() {
            assert!(self.faulty, "Xen does not refuse");
            self.book.held.push(Held { guard: refused.port.late(PATIENCE), open: false, ..held });
        }
    }

    fn drop_one(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        drop(self.book.leave(at));
    }

    fn notify(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let held = &self.book.held[at];
        let (port, kind) = (held.number(), held.kind);
        if matches!(kind, Kind::Virq(_)) {
            return;
        }
        let sent = held.guard.port().notify().is_ok();
        assert!(sent || self.faulty, "Xen does not refuse");
        if sent && kind == Kind::Ipi {
            self.book.raised(port);
        }
    }

    fn tell(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let vcpu = self.vcpu(script.byte().unwrap_or_default());
        let told = self.book.held[at].guard.port().tell(vcpu);
        let fixed = matches!(self.book.held[at].kind, Kind::Ipi | Kind::Virq(_));
        assert!(told.is_ok() || fixed || self.faulty, "Xen does not refuse");
        if !fixed {
            let port = self.book.held[at].number();
            let now = self.told_by_xen(port);
            self.book.lives_on(port, now);
            self.book.held[at].vcpu = now;
            self.book.held[at].moved = true;
            if told.is_err() {
                self.opened(at, told);
            }
        }
    }

    fn take(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let storms = self.book.storm.contains(&self.book.held[at].number());
        let (when, exact) = (self.book.when, self.exact());
        let held = &mut self.book.held[at];
        let came = held.guard.port().take_pending().unwrap();
        let can = if came { held.debt.taken(when) } else { held.debt.missed(when) };
        assert!(can || storms || !exact, "port {}: taken is {came}", held.number());
    }

    /// Serves a port with it masked, during which an event may come.
    fn serve(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let how = script.byte().unwrap_or_default();
        let (when, host, now) = (self.book.when, &self.machine.host, self.now);
        let held = &mut self.book.held[at];
        let port = held.number();
        let served = held.guard.attend().unwrap();
        // What was claimed before is handed out yet, after the unmask.
        if when == When::Amid {
            held.debt.doubt()
        } else {
            held.debt.settled()
        }
        held.open = false;
        if how & 1 != 0 {
            host.events().raise(port);
            held.debt.raised(when);
        }
        let ended = match how >> 1 & 3 {
            0 => Some(served.end(Taken(u32::from(how)), now)),
            1 | 2 => Some(served.end(Taken(0), now)),
            _ => {
                drop(served);
                None
            }
        };
        match ended {
            Some(Ok(Some(due))) => assert!(due > now, "it is put off"),
            Some(done) => self.opened(at, done.map(drop)),
            None => held.open = !self.machine.is_masked(port),
        }
    }

    fn poll_due(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        self.now = self.now.after(Nanos(u64::from(script.byte().unwrap_or_default()) * 4));
        let now = self.now;
        match self.book.held[at].guard.poll_due(now) {
            Ok(false) => {}
            done => self.opened(at, done.map(drop)),
        }
    }

    fn urge(&mut self, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let priority = Priority::new(script.byte().unwrap_or_default() % 16).unwrap();
        let done = self.book.held[at].guard.port().set_priority(priority).is_ok();
        assert!(!done || self.events.abi() == Abi::Fifo, "priorities are of the FIFO ABI");
    }

    /// Uses a guard of before a resume, of which nothing comes.
    fn old(&mut self, script: &mut Script<'_>) {
        let byte = usize::from(script.byte().unwrap_or_default());
        let Some(at) = byte.checked_rem(self.old.len()) else { return };
        let mark = self.machine.host.trace().mark();
        let guard = &mut self.old[at];
        assert!(guard.attend().is_err() && guard.poll_due(Nanos(u64::MAX)) != Ok(true));
        let port = guard.port();
        assert!(port.unmask().is_err() && port.mask().is_err() && port.notify().is_err());
        assert!(port.tell(Vcpu(0)).is_err() && port.take_pending().is_err() && port.binding().is_err());
        if byte >= 128 {
            self.old.remove(at).into_port().close().unwrap();
        }
        assert!(self.machine.host.trace().calls_since(mark).is_empty(), "E22: it does nothing");
    }
}
