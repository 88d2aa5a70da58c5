//! The classes of resume.

use xen_hypercall::op::memory;
use xen_mock::{Destination, FifoAbi, Save};

use super::book::{Held, Kind};
use super::life::Life;
use super::machine::LEFT;
use crate::fuzz::Script;

const ABIS: [Option<FifoAbi>; 4] = [None, Some(FifoAbi::Present), Some(FifoAbi::Unknown), Some(FifoAbi::Disabled)];
const PORTS_BEFORE: [u32; 4] = [0, 1, 3, LEFT];

impl Life<'_> {
    /// Suspends, and does what the guest has to do then.
    pub(super) fn resume(&mut self, script: &mut Script<'_>) {
        let how = script.byte().unwrap_or_default();
        let [fifo, before] = [how >> 4 & 3, how >> 6].map(usize::from);
        let to = Destination { fifo: ABIS[fifo], ports_before: PORTS_BEFORE[before], ..Destination::default() };
        let save = [Save::Checkpoint, Save::Fail, Save::SlowResume, Save::Restore(to)][usize::from(how & 3)];
        let changed = self.machine.suspend(save);
        assert_eq!(changed, how & 2 != 0, "the class of resume");
        match save {
            Save::Checkpoint | Save::Fail => {}
            Save::SlowResume => self.go_on(script),
            Save::Restore(_) => self.begin_anew(),
        }
    }

    /// The same domain: what exists is taken over, or closed.
    fn go_on(&mut self, script: &mut Script<'_>) {
        self.machine.epoch.advance();
        self.events.reconcile();
        let before: Vec<_> = (0..self.book.held.len()).map(|_| self.book.leave(0)).collect();
        let ports: Vec<_> = before.iter().map(|held| (held.kind, held.vcpu, held.number())).collect();
        self.old.extend(before.into_iter().map(|held: Held<'_>| held.guard));
        for (kind, vcpu, number) in ports {
            // Of a port that stays open an event may lie there.
            self.book.perhaps(number);
            if script.byte() >= Some(192) {
                continue;
            }
            let bound = match kind {
                Kind::Ipi => self.bound(self.events.rebind_ipi(vcpu), (kind, vcpu)),
                Kind::Virq(virq) => self.bound(self.events.rebind_virq(virq, vcpu), (kind, vcpu)),
                Kind::Channel => None,
                Kind::Adopted => {
                    self.adopt();
                    None
                }
            };
            bound.into_iter().for_each(|port| self.book.perhaps(port));
        }
        self.events.close_kept();
    }

    /// Another domain: nothing is there.
    fn begin_anew(&mut self) {
        memory::map_shared_info(&self.machine.xen, self.machine.info.page()).unwrap();
        self.machine.epoch.advance();
        self.old.extend(self.book.held.drain(..).map(|held| held.guard));
        self.book.forget();
        self.fars.clear();
        self.strangers = self.machine.open();
        self.void = self.events.rebuild().is_err();
        self.joined = self.events.join(self.second).is_ok();
        self.disorders = self.events.disorders();
        self.adopt();
    }
}
