//! Xen's side of the FIFO ABI, written from the comments of `event_channel.h` and what Xen is seen to do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use xen_evtchn::{Abi, BoundPort, Events, Fifo, Scanner};
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::{SharedPage, Vcpu, VcpuInfo};

use super::{EINVAL, Guest, Xen, guest_with, page};

pub(crate) const PENDING: u32 = 1 << 31;
pub(crate) const MASKED: u32 = 1 << 30;
pub(crate) const LINKED: u32 = 1 << 29;
pub(crate) const BUSY: u32 = 1 << 28;
const LINK: u32 = (1 << 17) - 1;
const CONTROLS: u64 = 0x100;
const WORDS: u64 = 0x200;

/// The guest's pages, which Xen finds by their frames.
pub(crate) struct Memory {
    pub(crate) controls: &'static SharedPage,
    pub(crate) words: &'static [SharedPage],
    pub(crate) records: &'static SharedPage,
}

impl Memory {
    pub(crate) fn new(pages: u64) -> Self {
        let words: Vec<_> = (0..pages).map(|at| page(WORDS + at)).collect();
        let [controls, records] = [CONTROLS, 0x101].map(|gfn| &*Box::leak(Box::new(page(gfn))));
        Self { controls, words: Vec::leak(words), records }
    }

    pub(crate) fn fifo(&self) -> Fifo<'static> {
        Fifo::new(self.words, ControlBlock::new(self.controls, 0).unwrap())
    }

    pub(crate) fn scanner(&self, vcpu: u32) -> Scanner<'static> {
        let place = vcpu as usize;
        let scanner = Scanner::new(Vcpu(vcpu), VcpuInfo::new(self.records, place).unwrap());
        scanner.with_control(ControlBlock::new(self.controls, place).unwrap())
    }

    pub(crate) fn control(&self, vcpu: u32) -> ControlBlock<'static> {
        ControlBlock::new(self.controls, vcpu as usize).unwrap()
    }

    pub(crate) fn word(&self, port: u32) -> &'static AtomicU32 {
        let at = port as usize;
        let [word] = self.words[at / 1024].u32s(at % 1024 * 4).unwrap();
        word
    }
}

/// What Xen keeps for itself.
#[derive(Default)]
pub(crate) struct State {
    memory: RefCell<Option<&'static Memory>>,
    controls: RefCell<BTreeMap<u32, ControlBlock<'static>>>,
    words: RefCell<u32>,
    /// Words after which it refuses a page.
    pub(crate) most: Cell<Option<u32>>,
    tails: RefCell<BTreeMap<(u32, u32), u32>>,
    last: RefCell<BTreeMap<u32, (u32, u32)>>,
    priorities: RefCell<BTreeMap<u32, u32>>,
    /// Raised before there was a word.
    early: RefCell<Vec<u32>>,
}

impl State {
    /// Lets Xen find the guest's pages.
    pub(crate) fn map(&self, memory: &'static Memory) {
        *self.memory.borrow_mut() = Some(memory);
    }

    /// A new domain: nothing is known.
    pub(crate) fn forget(&self) {
        self.controls.borrow_mut().clear();
        *self.words.borrow_mut() = 0;
        self.tails.borrow_mut().clear();
        self.last.borrow_mut().clear();
        self.priorities.borrow_mut().clear();
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.controls.borrow().is_empty()
    }

    pub(crate) fn init_control(&self, block: &[u32; 6]) -> isize {
        let [gfn, high, offset, vcpu, ..] = *block;
        let Some(memory) = *self.memory.borrow() else { return -38 };
        if (u64::from(gfn), high) != (CONTROLS, 0) || offset % 8 != 0 || self.controls.borrow().contains_key(&vcpu) {
            return EINVAL;
        }
        let control = ControlBlock::new(memory.controls, offset as usize / 128).unwrap();
        self.controls.borrow_mut().insert(vcpu, control);
        0
    }

    pub(crate) fn expand(&self, gfn: u32, told: impl Fn(u32) -> u32) -> isize {
        if !self.is_on() {
            return -95;
        }
        if self.most.get() == Some(*self.words.borrow()) {
            return -12;
        }
        assert_eq!(u64::from(gfn), WORDS + u64::from(*self.words.borrow() / 1024), "the pages in order");
        *self.words.borrow_mut() += 1024;
        let early = std::mem::take(&mut *self.early.borrow_mut());
        early.into_iter().for_each(|port| {
            self.raise(port, told(port));
        });
        0
    }

    pub(crate) fn set_priority(&self, port: u32, priority: u32) -> isize {
        if !self.is_on() {
            return -38;
        }
        self.priorities.borrow_mut().insert(port, priority);
        0
    }

    /// Returns the word that Xen knows of.
    pub(crate) fn word(&self, port: u32) -> Option<&'static AtomicU32> {
        let memory = (*self.memory.borrow())?;
        (port < *self.words.borrow()).then(|| memory.word(port))
    }

    /// Sends an event; tells whether the processor is to be called.
    pub(crate) fn raise(&self, port: u32, vcpu: u32) -> bool {
        let Some(word) = self.word(port) else {
            self.early.borrow_mut().push(port);
            return false;
        };
        let Some(control) = self.controls.borrow().get(&vcpu).copied() else { return false };
        word.fetch_or(PENDING, SeqCst);
        if word.load(SeqCst) & MASKED != 0 || word.fetch_or(LINKED, SeqCst) & LINKED != 0 {
            return false;
        }
        let priority = self.priorities.borrow().get(&port).copied().unwrap_or(7);
        let queue = (vcpu, priority);
        let mut tails = self.tails.borrow_mut();
        if let Some(old) = self.last.borrow_mut().insert(port, queue)
            && tails.get(&old) == Some(&port)
        {
            tails.insert(old, 0);
        }
        let tail = tails.insert(queue, port).filter(|tail| *tail != 0 && *tail != port);
        let linked = tail.is_some_and(|tail| {
            let word = self.word(tail).expect("a word");
            let seen = word.load(SeqCst);
            seen & LINKED != 0 && word.swap(seen & !LINK | port, SeqCst) == seen
        });
        if linked {
            return false;
        }
        control.heads()[priority as usize].store(port, SeqCst);
        control.ready().fetch_or(1 << priority, SeqCst) & 1 << priority == 0
    }

    pub(crate) fn unmask(&self, port: u32, vcpu: u32) -> bool {
        let Some(word) = self.word(port) else { return false };
        let seen = word.fetch_and(!MASKED, SeqCst);
        seen & PENDING != 0 && self.raise(port, vcpu)
    }
}

/// Returns a guest with so many pages of event words, and its memory.
pub(crate) fn parts(pages: u64) -> (Guest, &'static Memory) {
    let g = guest_with(usize::try_from(pages).unwrap() * 1024);
    let memory = Box::leak(Box::new(Memory::new(pages)));
    g.xen.fifo.map(memory);
    (g, memory)
}

/// Returns its table, in the ABI of the beginning.
pub(crate) fn events<'g>(g: &'g Guest, memory: &Memory) -> Events<'g, &'g Xen> {
    Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_fifo(memory.fifo())
}

/// Returns its table, in the FIFO ABI.
pub(crate) fn chosen<'g>(g: &'g Guest, memory: &Memory) -> Events<'g, &'g Xen> {
    let events = events(g, memory);
    assert_eq!(events.choose(), Ok(Abi::Fifo));
    events
}

/// Binds a port of vCPU 0 and unmasks it.
pub(crate) fn unmasked<'e>(events: &'e Events<'e, &'e Xen>) -> BoundPort<'e, &'e Xen> {
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    port
}

/// Polls to the end.
pub(crate) fn told(events: &Events<'_, &Xen>) -> Vec<u32> {
    std::iter::from_fn(|| events.poll_pending()).map(|port| port.0).collect()
}
