//! What Xen, its memory or the host may do wrong.

use core::sync::atomic::Ordering::SeqCst;
use xen_evtchn::Abi;
use xen_hypercall::op::event_channel::Binding;
use xen_hypercall::{Number, Port, Vcpu};

use super::book::Trust;
use super::life::Life;
use super::machine::SECOND;
use crate::fuzz::Script;

const MASKED: u32 = 1 << 30;
const LINKED: u32 = 1 << 29;
const BUSY: u32 = 1 << 28;
const LINK: u32 = 0x1_ffff;
/// Ports of which words are written.
const PORTS: u32 = 100;
/// Results that no rule foresees, too.
const RESULTS: [isize; 6] = [-22, -12, -38, -1, -9999, isize::MIN];

impl Life<'_> {
    /// Tells a lie, or has a hypercall fail.
    pub(super) fn lie(&mut self, kind: u8, script: &mut Script<'_>) {
        let how = script.byte().unwrap_or_default();
        self.lied = true;
        match kind {
            0 | 1 => self.fault(how, script),
            2 => self.wrong_number(how),
            3 => self.wrong_state(how, script),
            4 => self.stray(how),
            _ if self.events.abi() == Abi::Fifo => self.lie_in_queues(how, script),
            _ => self.lie_in_bits(how, script),
        }
    }

    /// Has an operation fail, now or later.
    fn fault(&mut self, how: u8, script: &mut Script<'_>) {
        let [cmd, nth] = script.bytes();
        let fault = self.machine.host.faults().on_call(Number::EVENT_CHANNEL_OP).cmd(usize::from(cmd % 14));
        fault.nth(u64::from(nth % 3 + 1)).returns(RESULTS[usize::from(how) % RESULTS.len()]);
        self.faulty = true;
    }

    /// Xen gives out 0, a port that has an owner, or one that cannot be.
    fn wrong_number(&mut self, how: u8) {
        let owned = usize::from(how >> 2).checked_rem(self.book.held.len()).map(|at| self.book.held[at].number());
        let port = [Port(0), owned.unwrap_or(Port(0)), Port(1 << 17), Port(u32::MAX)][usize::from(how & 3)];
        self.machine.host.events().next_port(port);
        assert!(self.events.bind_ipi(Vcpu(0)).is_err(), "E19: {port} is no port of ours");
        self.machine.host.faults().clear();
        self.faulty = false;
        // What Xen refused in a dispatch is deaf.
        for held in &mut self.book.held {
            held.open &= !self.machine.is_masked(held.number());
        }
    }

    /// Xen tells a state that nobody knows.
    fn wrong_state(&mut self, how: u8, script: &mut Script<'_>) {
        let Some(at) = self.choose(script) else { return };
        let held = &self.book.held[at];
        let state = u32::from(how) + 6;
        self.machine.host.events().claim_state(held.number(), state);
        match held.guard.port().binding() {
            Ok(told) => assert_eq!(told, Binding::Other(state), "E21: a state that is not known is told as it is"),
            Err(error) => assert!(self.faulty, "E21: {error}"),
        }
    }

    /// An event comes by a port that perhaps nobody owns, or that there is not.
    fn stray(&mut self, how: u8) {
        let port = Port(if how < 240 { u32::from(how) % PORTS } else { 1 << (how % 32) });
        self.raise(port);
    }

    fn lie_in_bits(&mut self, how: u8, script: &mut Script<'_>) {
        let [at, low, high] = script.bytes();
        let bits = u64::from(low) << (high % 64) | u64::from(high);
        match how % 4 {
            0 | 1 => {
                let vcpu = if how & 4 == 0 { Vcpu(0) } else { SECOND };
                let selector = self.machine.info.vcpu(vcpu).unwrap().pending_sel().load(SeqCst);
                self.machine.host.events().set_selector(vcpu, selector | bits);
            }
            2 => {
                self.machine.info.mask()[usize::from(at % 3)].fetch_and(!bits, SeqCst);
                self.book.lied(Trust::Noticed);
            }
            _ => {
                self.machine.info.pending()[usize::from(at % 64)].fetch_xor(bits, SeqCst);
                self.book.lied(Trust::Hidden);
            }
        }
    }

    fn lie_in_queues(&mut self, how: u8, script: &mut Script<'_>) {
        let [at, low, high] = script.bytes();
        let (events, vcpu) = (self.machine.host.events(), self.vcpu(how >> 7));
        let port = Port(u32::from(at) % PORTS);
        let Some(word) = events.word(port) else { return };
        let value = u32::from(low) << (high % 32) | u32::from(high);
        match how % 8 {
            0 | 1 => {
                let named = events.ready(vcpu).unwrap_or(0);
                events.set_ready(vcpu, named | value);
                self.book.misnames();
            }
            2 => self.write(port, (word & !LINK | (LINK - u32::from(low)), Trust::Noticed)),
            3 => self.write(port, (word | BUSY, Trust::Noticed)),
            4 => {
                // A queue whose last port is 0 is empty, to Xen: what is before it is hidden.
                let trust = if port == Port(0) { Trust::Hidden } else { Trust::Noticed };
                self.write(port, (word & !MASKED, trust));
            }
            5 => {
                let trust = if self.any_linked() { Trust::Hidden } else { Trust::Noticed };
                events.set_head((vcpu, high % 16), u32::from(low) % PORTS);
                self.book.lied(trust);
                self.book.wanders();
            }
            6 => self.write(port, ((word & !LINK) | (u32::from(low) % PORTS), Trust::Hidden)),
            _ => self.write(port, (value, Trust::Hidden)),
        }
    }

    fn write(&mut self, port: Port, (word, trust): (u32, Trust)) {
        self.machine.host.events().set_word(port, word);
        self.book.perhaps(port);
        self.book.lied(trust);
    }

    fn any_linked(&self) -> bool {
        let events = self.machine.host.events();
        (0..PORTS).any(|port| events.word(Port(port)).is_some_and(|word| word & LINKED != 0))
    }
}
