//! Our events: what comes in is dispatched up to the handler's call.

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};

use xen_evtchn::{Abi, BoundPort, Events, Fifo, LatePort, Patience, Slot, Taken};
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::{EpochCell, Nanos, Port, SharedInfo, SharedPage, VcpuInfo};

use crate::handle::handle;
use crate::page::one;
use crate::yes::Yes;

/// Port numbers that there are; 0 is none.
const PORTS: u32 = 4096;
/// Event words in a page.
const WORDS: usize = 1024;
/// The queue of events that have no priority of their own.
const DEFAULT: usize = 7;
const PENDING: u32 = 1 << 31;
const LINKED: u32 = 1 << 29;
/// The port that is acknowledged late, as on the C side.
const LATE: usize = 65;

/// One processor's events, each port with an owner.
#[derive(Debug)]
pub struct OurEvents {
    info: &'static SharedInfo,
    /// The event words of each page, from port 1 on.
    words: Vec<&'static [AtomicU32]>,
    control: ControlBlock<'static>,
    events: &'static Events<'static, Yes>,
    /// Bound as long as these are here.
    _ports: Vec<BoundPort<'static, Yes>>,
    /// The one of them that can be acknowledged late, and how much its handler has taken.
    late: LatePort<'static, Yes>,
    taken: Taken,
}

impl OurEvents {
    /// Binds every port of the ABI, and unmasks it.
    ///
    /// # Panics
    /// If a port is refused.
    #[must_use]
    pub fn new(abi: Abi) -> Self {
        let info: &SharedInfo = Box::leak(Box::new(SharedInfo::new(one(1))));
        let pages: &[SharedPage] = Vec::leak((2..6).map(one).collect());
        let control = ControlBlock::new(Box::leak(Box::new(one(6))), 0).expect("within the page");
        let slots = Vec::leak((0..PORTS).map(|_| Slot::new()).collect());
        let events = Events::new(Yes, Box::leak(Box::new(EpochCell::new())), info, slots);
        let events = if abi == Abi::Fifo { events.with_fifo(Fifo::new(pages, control)) } else { events };
        assert_eq!(events.choose(), Ok(abi), "nobody refuses");
        let events: &Events<'_, Yes> = Box::leak(Box::new(events));
        let mut ports: Vec<_> = (1..PORTS).map(|port| events.adopt(Port(port)).expect("free")).collect();
        ports.iter().for_each(|port| port.unmask().expect("no hypercall"));
        // What a new table looks for everywhere is behind it.
        assert_eq!(events.dispatch(usize::MAX, |_| {}), 0, "nothing has come");
        let words = pages.iter().enumerate().map(|(at, page)| {
            let skipped = usize::from(at == 0);
            page.u32_slice(skipped * 4, WORDS - skipped).expect("within the page")
        });
        let late = ports.swap_remove(LATE - 1).late(Patience::default());
        Self { info, words: words.collect(), control, events, _ports: ports, late, taken: Taken(0) }
    }

    /// Has `pending` events of the 2-level kind come in and dispatches them, as often; returns the sum of the ports.
    pub fn two_level(&mut self, rounds: u32, pending: u32) -> u64 {
        let storm = Storm::new(self.info, pending);
        (0..rounds).fold(0, |sum, _| {
            storm.raise();
            sum + self.dispatch()
        })
    }

    /// Has `pending` events of the FIFO kind come in and dispatches them, as often; returns the sum of the ports.
    pub fn fifo(&mut self, rounds: u32, pending: u32) -> u64 {
        let chain = Chain::new(self, pending);
        (0..rounds).fold(0, |sum, _| {
            chain.link();
            sum + self.dispatch()
        })
    }

    // As on the C side, it has no frame of its own.
    #[inline(always)]
    fn dispatch(&self) -> u64 {
        let mut sum = 0;
        self.events.dispatch(usize::MAX, |port| sum += handle(port.0));
        sum
    }

    /// Masks a port on which an event of the 2-level kind came, takes the event, handles it and unmasks, as often; returns the
    /// sum of the ports, or `None` if an event was left for Xen to deliver.
    pub fn late(&mut self, rounds: u32) -> Option<u64> {
        let number = self.late.port().number().0;
        let (word, bit) = (&self.info.pending()[number as usize / 64], 1_u64 << (number % 64));
        let mut sum = 0;
        for _ in 0..rounds {
            word.store(word.load(Relaxed) | bit, Relaxed);
            let late = self.late.attend().ok()?;
            sum += handle(number);
            self.taken = Taken(self.taken.0.wrapping_add(1));
            let due = late.end(self.taken, Nanos::ZERO).ok()?;
            if due.is_some() || word.load(Relaxed) & bit != 0 {
                return None;
            }
        }
        Some(sum)
    }
}

/// Events of the 2-level kind that come in together: on the first ports from 1 on.
struct Storm {
    /// The words that are full, but for port 0, and the last one with its bits.
    full: &'static [AtomicU64],
    last: (&'static AtomicU64, u64),
    record: VcpuInfo<'static>,
    /// The words, a bit each.
    named: u64,
}

impl Storm {
    fn new(info: &'static SharedInfo, pending: u32) -> Self {
        let below = |bits: u32| if bits < 64 { (1_u64 << bits) - 1 } else { u64::MAX };
        let at = pending / 64;
        let (full, last) = info.pending().split_at(at as usize);
        let bits = below(pending % 64 + 1);
        let last = (&last[0], if at == 0 { bits & !1 } else { bits });
        Self { full, last, record: info.vcpu0(), named: below(at + 1) }
    }

    /// What Xen does, with no more than stores.
    #[inline(always)]
    fn raise(&self) {
        for (at, word) in self.full.iter().enumerate() {
            word.store(if at == 0 { !1 } else { u64::MAX }, Relaxed);
        }
        self.last.0.store(self.last.1, Relaxed);
        self.record.pending_sel().store(self.named, Relaxed);
        self.record.upcall_pending().store(1, Relaxed);
    }
}

/// Events of the FIFO kind that come in together: on the first ports from 1 on, in a queue.
struct Chain {
    /// Words that have one behind them, by pages, with the port behind the first of each.
    linked: Vec<(&'static [AtomicU32], u32)>,
    last: &'static AtomicU32,
    control: ControlBlock<'static>,
}

impl Chain {
    fn new(events: &OurEvents, pending: u32) -> Self {
        let (mut linked, mut next, mut left) = (Vec::new(), 2, pending as usize - 1);
        for words in &events.words {
            let here = &words[..left.min(words.len())];
            if left < words.len() {
                linked.extend((left != 0).then_some((here, next)));
                return Self { linked, last: &words[left], control: events.control };
            }
            linked.push((here, next));
            next += here.len() as u32;
            left -= here.len();
        }
        unreachable!("there are as many ports");
    }

    /// What Xen does, with no more than stores.
    #[inline(always)]
    fn link(&self) {
        for (words, next) in &self.linked {
            words.iter().zip(*next..).for_each(|(word, next)| word.store(PENDING | LINKED | next, Relaxed));
        }
        self.last.store(PENDING | LINKED, Relaxed);
        self.control.heads()[DEFAULT].store(1, Relaxed);
        self.control.ready().store(1 << DEFAULT, Relaxed);
    }
}
