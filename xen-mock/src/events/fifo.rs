//! The FIFO ABI: a word for each port, linked into queues (`event_channel.h`).
//!
//! What the guest finds in memory is all that there is: links and heads stand in its pages, Xen keeps the tails alone.

use xen_hypercall::{Port, Vcpu};

use super::watch;
use crate::domain::Domain;
use crate::memory::{Frame, PAGE};
use crate::violation::Violation;

pub(super) const PENDING: u32 = 1 << 31;
pub(super) const MASKED: u32 = 1 << 30;
pub(super) const LINKED: u32 = 1 << 29;
pub(super) const BUSY: u32 = 1 << 28;
pub(crate) const LINK_BITS: u8 = 17;
pub(super) const LINK: u32 = (1 << LINK_BITS) - 1;
/// Ports that the ABI has.
pub(super) const CHANNELS: usize = 1 << LINK_BITS;
pub(super) const WORDS: usize = PAGE / 4;
const MAX_PAGES: usize = CHANNELS / WORDS;
const QUEUES: usize = 16;
/// The control block: ready bits, a reserved word, and a head for each queue.
pub(super) const BLOCK: usize = 8 + 4 * QUEUES;
pub(super) const RESERVED: usize = 4;
const HEAD: usize = 8;

/// One of the queues of a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) vcpu: u32,
    pub(crate) priority: u8,
}

/// Where something of the ABI lies in the guest's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) frame: Frame,
    pub(crate) offset: usize,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) place: Place,
    /// What stood there when Xen last looked.
    pub(super) seen: [u8; BLOCK],
}

#[derive(Debug)]
pub(super) struct ArrayPage {
    pub(super) frame: Frame,
    /// What stood there when Xen last looked.
    pub(super) seen: Vec<u8>,
}

#[derive(Debug, Default)]
struct Processor {
    block: Option<Block>,
    tails: [u32; QUEUES],
}

/// What Xen holds for a domain that uses the FIFO ABI.
#[derive(Debug)]
pub(crate) struct Fifo {
    processors: Vec<Processor>,
    pages: Vec<ArrayPage>,
    /// What the guest did to the words and must not, since this was last taken.
    pub(super) misuse: Vec<Violation>,
}

impl Fifo {
    pub(crate) fn new(vcpus: usize) -> Self {
        let processors = (0..vcpus).map(|_| Processor::default()).collect();
        Self { processors, pages: Vec::new(), misuse: Vec::new() }
    }

    pub(super) fn block(&self, vcpu: u32) -> Option<&Block> {
        self.processors.get(vcpu as usize)?.block.as_ref()
    }

    pub(super) fn blocks_mut(&mut self) -> impl Iterator<Item = (Vcpu, &mut Block)> {
        let numbered = self.processors.iter_mut().enumerate();
        numbered.filter_map(|(at, processor)| Some((Vcpu(at as u32), processor.block.as_mut()?)))
    }

    pub(super) fn pages_mut(&mut self) -> &mut [ArrayPage] {
        &mut self.pages
    }

    pub(crate) fn has_block(&self, vcpu: u32) -> bool {
        self.block(vcpu).is_some()
    }

    pub(crate) fn add_block(&mut self, vcpu: u32, place: Place) {
        let seen = place.frame.bytes(place.offset);
        self.processors[vcpu as usize].block = Some(Block { place, seen });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.pages.len() == MAX_PAGES
    }

    /// Adds a page of the event array; the ports that have a word now.
    pub(crate) fn add_page(&mut self, frame: Frame) -> std::ops::Range<u32> {
        let first = self.pages.len() * WORDS;
        self.pages.push(ArrayPage { frame, seen: frame.bytes::<PAGE>(0).to_vec() });
        first as u32..(first + WORDS) as u32
    }

    /// Returns how many control blocks and pages of the event array the guest gave.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.processors.iter().filter(|processor| processor.block.is_some()).count(), self.pages.len())
    }

    /// Tells whether bytes of a page are in use here.
    pub(crate) fn overlaps(&self, place: Place, len: usize) -> bool {
        let hits = |other: &Block| {
            let (ours, theirs) = (other.place.offset, place.offset);
            other.place.frame == place.frame && ours < theirs + len && theirs < ours + BLOCK
        };
        let blocks = self.processors.iter().filter_map(|processor| processor.block.as_ref());
        self.pages.iter().any(|page| page.frame == place.frame) || blocks.into_iter().any(hits)
    }

    pub(crate) fn word(&self, port: Port) -> Option<u32> {
        let at = port.0 as usize;
        Some(self.pages.get(at / WORDS)?.frame.u32(at % WORDS * 4))
    }

    /// Writes a word as Xen does; what the guest did to it until now is judged before.
    pub(crate) fn set_word(&mut self, port: Port, value: u32) {
        let (page, at) = (port.0 as usize / WORDS, port.0 as usize % WORDS * 4);
        let Some(page) = self.pages.get_mut(page) else { return };
        let found = page.frame.u32(at);
        let seen = u32::from_le_bytes([page.seen[at], page.seen[at + 1], page.seen[at + 2], page.seen[at + 3]]);
        if !watch::may_become(seen, found) {
            self.misuse.push(Violation::EventWord { port, seen, found });
        }
        page.frame.set_u32(at, value);
        page.seen[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn ready(&self, vcpu: u32) -> Option<u32> {
        self.block(vcpu).map(|block| block.place.frame.u32(block.place.offset))
    }

    pub(crate) fn set_ready(&mut self, vcpu: u32, value: u32) {
        self.write_block(vcpu, 0, value);
    }

    pub(crate) fn head(&self, queue: Queue) -> Option<u32> {
        let block = self.block(queue.vcpu)?;
        Some(block.place.frame.u32(block.place.offset + HEAD + usize::from(queue.priority) * 4))
    }

    pub(crate) fn set_head(&mut self, queue: Queue, value: u32) {
        self.write_block(queue.vcpu, HEAD + usize::from(queue.priority) * 4, value);
    }

    fn write_block(&mut self, vcpu: u32, at: usize, value: u32) {
        let Some(block) = self.processors[vcpu as usize].block.as_mut() else { return };
        let found = block.place.frame.bytes::<BLOCK>(block.place.offset);
        if !watch::block_may_become(&block.seen, &found) {
            self.misuse.push(Violation::ControlBlock(Vcpu(vcpu)));
        }
        block.place.frame.set_u32(block.place.offset + at, value);
        block.seen = block.place.frame.bytes(block.place.offset);
    }

    fn has(&self, port: Port, bit: u32) -> bool {
        self.word(port).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn is_pending(&self, port: Port) -> bool {
        self.has(port, PENDING)
    }

    pub(super) fn is_linked(&self, port: Port) -> bool {
        self.has(port, LINKED)
    }

    pub(super) fn clear_pending(&mut self, port: Port) {
        if let Some(word) = self.word(port) {
            self.set_word(port, word & !PENDING);
        }
    }

    /// Puts a port, which is in no queue, at the end of one; tells whether the processor is to be told of the queue.
    fn link(&mut self, port: Port, (old, new): (Queue, Queue)) -> bool {
        // A tail that was taken out, and comes in elsewhere, is no place to go on from.
        if *self.tail(old) == port.0 {
            *self.tail(old) = 0;
        }
        let tail = std::mem::replace(self.tail(new), port.0);
        let followed = tail != 0 && self.follow(Port(tail), port);
        if followed {
            return false;
        }
        self.set_head(new, port.0);
        let ready = self.ready(new.vcpu).unwrap_or(0);
        self.set_ready(new.vcpu, ready | 1 << new.priority);
        ready & 1 << new.priority == 0
    }

    fn tail(&mut self, queue: Queue) -> &mut u32 {
        &mut self.processors[queue.vcpu as usize].tails[usize::from(queue.priority)]
    }

    /// Has a tail point to the port behind it; not if the guest took the tail out of the queue, which is empty then.
    fn follow(&mut self, tail: Port, port: Port) -> bool {
        let word = self.word(tail).unwrap_or(0);
        let is_linked = word & LINKED != 0;
        if is_linked {
            self.set_word(tail, word & !(BUSY | LINK) | port.0);
        }
        is_linked
    }
}

impl Domain {
    /// Makes an event come in.
    pub(super) fn raise_word(&mut self, port: Port) {
        let slot = self.ports.slot(port);
        let queue = Queue { vcpu: slot.vcpu, priority: slot.priority };
        let Some(fifo) = &mut self.fifo else { return };
        let Some(word) = fifo.word(port) else {
            return self.save(port);
        };
        if !fifo.has_block(queue.vcpu) {
            return fifo.misuse.push(Violation::NoControlBlock(port, Vcpu(queue.vcpu)));
        }
        fifo.set_word(port, word | PENDING);
        if word & (MASKED | LINKED) != 0 {
            return;
        }
        fifo.set_word(port, word | PENDING | LINKED);
        let tell = fifo.link(port, (slot.last, queue));
        if let Some(slot) = self.ports.slot_mut(port) {
            slot.last = queue;
        }
        if tell {
            self.mark_upcall(queue.vcpu);
        }
    }

    /// There is no word for the event yet: it comes in with its page.
    fn save(&mut self, port: Port) {
        if let Some(slot) = self.ports.slot_mut(port) {
            slot.saved = true;
        }
    }

    pub(super) fn unmask_word(&mut self, port: Port) {
        let Some(fifo) = &mut self.fifo else { return };
        let Some(word) = fifo.word(port) else { return };
        fifo.set_word(port, word & !MASKED);
        if word & PENDING != 0 {
            self.raise_word(port);
        }
    }

    /// Begins to use the FIFO ABI. What was pending by the bits comes in with the page of its word.
    pub(crate) fn begin_fifo(&mut self, fifo: Fifo) {
        for port in self.ports.all() {
            let was_pending = self.is_pending_bit(port);
            if let Some(slot) = self.ports.slot_mut(port) {
                slot.priority = super::PRIORITY_DEFAULT;
                slot.saved |= was_pending;
            }
        }
        self.fifo = Some(fifo);
    }

    /// Delivers what came while there were no words for these ports, even where the port was closed since.
    pub(crate) fn deliver_saved(&mut self, ports: std::ops::Range<u32>) {
        for port in ports.map(Port) {
            if self.ports.slot(port).saved {
                self.raise_word(port);
            }
        }
    }
}
