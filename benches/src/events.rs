//! Our events: what comes in is dispatched up to where a handler would be called.

use core::hint::black_box;
use core::sync::atomic::Ordering::Relaxed;

use xen_evtchn::{BoundPort, Events, Slot};
use xen_hypercall::{EpochCell, Port, SharedInfo};

use crate::page::one;
use crate::yes::Yes;

/// Ports of the 2-level kind, number 0 included, which is none.
const PORTS: u32 = 4096;

/// One processor's events of the 2-level kind, each port with an owner.
#[derive(Debug)]
pub struct OurEvents {
    info: &'static SharedInfo,
    events: &'static Events<'static, Yes>,
    ports: Vec<BoundPort<'static, Yes>>,
}

impl OurEvents {
    /// Binds every port, and unmasks it.
    ///
    /// # Panics
    /// If a port is refused.
    #[must_use]
    pub fn new() -> Self {
        let info: &SharedInfo = Box::leak(Box::new(SharedInfo::new(one(1))));
        let slots = Vec::leak((0..PORTS).map(|_| Slot::new()).collect());
        let epoch = Box::leak(Box::new(EpochCell::new()));
        let events: &Events<'_, Yes> = Box::leak(Box::new(Events::new(Yes, epoch, info, slots)));
        let ports: Vec<_> = (1..PORTS).map(|port| events.adopt(Port(port)).expect("free")).collect();
        ports.iter().for_each(|port| port.unmask().expect("no hypercall"));
        Self { info, events, ports }
    }

    /// Has `pending` events come in and dispatches them, as often; returns the sum of the ports.
    pub fn rounds(&mut self, rounds: u32, pending: u32) -> u64 {
        let mut sum = 0;
        for _ in 0..rounds {
            self.raise(pending);
            while let Some(port) = self.events.poll_pending() {
                sum += u64::from(black_box(port.0));
            }
        }
        sum
    }

    /// What Xen does, with no more than stores: the first ports from 1 on.
    fn raise(&self, pending: u32) {
        let end = pending + 1;
        let below = |bits: u32| if bits < 64 { (1_u64 << bits) - 1 } else { u64::MAX };
        let words = end.div_ceil(64);
        for (at, word) in (0..words).zip(self.info.pending()) {
            let bits = below((end - at * 64).min(64));
            word.store(if at == 0 { bits & !1 } else { bits }, Relaxed);
        }
        self.info.vcpu0().pending_sel().store(below(words), Relaxed);
        self.info.vcpu0().upcall_pending().store(1, Relaxed);
    }

    /// Masks, handles and unmasks a port on which an event came, as often; returns the sum of the ports.
    pub fn late(&mut self, rounds: u32) -> Option<u64> {
        const LATE: usize = 65;
        let port = &self.ports[LATE - 1];
        let mut sum = 0;
        for _ in 0..rounds {
            let word = &self.info.pending()[LATE / 64];
            word.store(word.load(Relaxed) | 1 << (LATE % 64), Relaxed);
            port.mask().ok()?;
            sum += u64::from(black_box(port.number().0));
            port.unmask().ok()?;
        }
        Some(sum)
    }
}

impl Default for OurEvents {
    fn default() -> Self {
        Self::new()
    }
}
