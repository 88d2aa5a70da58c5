//! Parts of the crate, on loom's words, as a model needs them.

extern crate std;

use std::vec::Vec;

use loom::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};
use xen_hypercall::{DomId, GrantRef};

use crate::entry::{Flags, Permit, V1, V2};
use crate::queue::Queue;
use crate::slot::Slot;

fn write_permit(peer: DomId) -> Permit {
    Permit { peer, flags: Flags::PERMIT_ACCESS }
}

/// An entry of version 1.
#[derive(Debug, Default)]
pub struct Entry1 {
    /// Flags with the domain above them, and the frame.
    pub words: [AtomicU32; 2],
}

impl Entry1 {
    fn entry(&self) -> V1<'_, AtomicU32> {
        V1(&self.words)
    }

    /// Lets a peer reach a frame.
    pub fn permit(&self, frame: u32, peer: DomId) {
        self.entry().permit(frame, write_permit(peer));
    }

    /// Ends it, unless the peer has the page mapped; tells whether it did.
    pub fn revoke(&self, peer: DomId) -> bool {
        self.entry().revoke(write_permit(peer).word())
    }
}

/// An entry of version 2.
#[derive(Debug, Default)]
pub struct Entry2 {
    /// Flags, and the domain above them.
    pub head: AtomicU32,
    /// The frame.
    pub frame: AtomicU64,
    /// What Xen says.
    pub status: AtomicU16,
}

impl Entry2 {
    fn entry(&self) -> V2<'_, AtomicU32, AtomicU64, AtomicU16> {
        V2 { head: &self.head, frame: &self.frame, status: &self.status }
    }

    /// Lets a peer reach a frame.
    pub fn permit(&self, frame: u64, peer: DomId) {
        self.entry().permit(frame, write_permit(peer));
    }

    /// Ends it, unless the peer has the page mapped; tells whether it did.
    pub fn revoke(&self) -> bool {
        self.entry().revoke()
    }
}

/// Two queues over the same slots.
#[derive(Debug)]
pub struct List {
    slots: Vec<Slot>,
    queues: [Queue; 2],
}

impl List {
    /// Makes queues, of which the first holds the entries from 2 to below `end`.
    #[must_use]
    pub fn new(end: u32) -> Self {
        let slots = (0..end).map(|_| Slot::new()).collect();
        let list = Self { slots, queues: [Queue::new(GrantRef(0)), Queue::new(GrantRef(1))] };
        // The first touch of each word is on this thread.
        list.queues.iter().for_each(|queue| queue.clear(&list.slots));
        (2..end).for_each(|at| list.push(0, at));
        list
    }

    /// Puts an entry at the back of a queue.
    pub fn push(&self, queue: usize, entry: u32) {
        self.queue(queue).iter().for_each(|queue| queue.push(&self.slots, GrantRef(entry)));
    }

    /// Takes the entry at the front of a queue.
    pub fn pop(&self, queue: usize) -> Option<u32> {
        Some(self.queue(queue)?.pop(&self.slots)?.0)
    }

    fn queue(&self, at: usize) -> Option<&Queue> {
        self.queues.get(at)
    }
}
