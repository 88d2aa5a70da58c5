//! A front and a back that talk, step by step, on one thread.

use crate::ends::{Answered, Asked, BackEnd, FrontEnd};

/// Both ends of a ring of either make, and what the back holds.
pub struct Talk {
    front: Box<dyn FrontEnd>,
    back: Box<dyn BackEnd>,
    held: Vec<Asked>,
    next_id: u64,
    /// How often the back was to be notified, and the front.
    pub notified: [u32; 2],
}

impl core::fmt::Debug for Talk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Talk").field("held", &self.held).field("notified", &self.notified).finish_non_exhaustive()
    }
}

impl Talk {
    /// Brings two ends of a page together.
    #[must_use]
    pub fn new(front: Box<dyn FrontEnd>, back: Box<dyn BackEnd>) -> Self {
        Self { front, back, held: Vec::new(), next_id: 0, notified: [0; 2] }
    }

    /// Stages a request, if there is room; `id` is for a front that has no ids of its own.
    pub fn stage(&mut self, value: u32, id: Option<u64>) -> Option<u64> {
        let own = self.next_id;
        self.next_id += 1;
        self.front.stage(value, id.unwrap_or(own))
    }

    /// Publishes requests, and tells whether to notify.
    pub fn publish(&mut self) -> bool {
        let notify = self.front.publish();
        self.notified[0] += u32::from(notify);
        notify
    }

    /// Lets the back take a request, or make its final check.
    pub fn receive(&mut self) -> Option<Asked> {
        let asked = self.back.take()?;
        self.held.push(asked);
        Some(asked)
    }

    /// Lets the back stage an answer to one of the requests that it holds, counted around from the oldest.
    pub fn answer(&mut self, which: usize, status: i16) -> Option<Asked> {
        let which = which.checked_rem(self.held.len())?;
        let asked = self.held.remove(which);
        self.back.stage(asked, status);
        Some(asked)
    }

    /// Publishes answers, and tells whether to notify.
    pub fn reply(&mut self) -> bool {
        let notify = self.back.publish();
        self.notified[1] += u32::from(notify);
        notify
    }

    /// Lets the front take an answer, or make its final check.
    pub fn take(&mut self) -> Option<Answered> {
        self.front.take()
    }
}
