//! The protocol once more, with no codec in common with the crate under test.

use xen_hypercall::Nanos;
use xen_store::{Link, Store, Transport};

/// How long an answer is waited for.
const PATIENCE: Nanos = Nanos::from_secs(10);
/// The type of an event.
const EVENT: u32 = 15;
/// The type of a refusal.
const ERROR: u32 = 16;

/// A conversation by plain bytes, over the transport of a store whose core is quiet.
#[derive(Debug, Default)]
pub struct Wire {
    bytes: Vec<u8>,
    asked: u32,
    /// The bodies of the events that came meanwhile.
    pub events: Vec<Vec<u8>>,
}

impl Wire {
    /// Starts at the boundary of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks, and returns the body of the answer, or the name of the error.
    ///
    /// # Errors
    /// The name, as the server spells it.
    ///
    /// # Panics
    /// If no answer comes in time, or one to something else.
    pub fn ask<L: Link, T: Transport, const R: usize, const W: usize>(
        &mut self,
        store: &mut Store<'_, L, R, W, T>,
        (kind, transaction): (u32, u32),
        body: &[u8],
    ) -> Result<Vec<u8>, String> {
        // Far from the numbers that the core gives.
        self.asked += 1;
        let request = 0x7e00_0000 | self.asked;
        let mut message: Vec<u8> =
            [kind, request, transaction, body.len() as u32].iter().flat_map(|word| word.to_le_bytes()).collect();
        message.extend(body);
        self.say(store, &message);
        let (said, body) = self.hear(store, request);
        if said == ERROR {
            return Err(String::from_utf8_lossy(body.strip_suffix(&[0]).unwrap_or(&body)).into_owned());
        }
        assert_eq!(said, kind, "an answer of another type");
        Ok(body)
    }

    /// Takes in what has come by itself.
    pub fn listen<L: Link, T: Transport, const R: usize, const W: usize>(&mut self, store: &mut Store<'_, L, R, W, T>) {
        self.pull(store);
        while let Some([kind, ..]) = self.head()
            && kind == EVENT
        {
            let Some((_, body)) = self.take() else { return };
            self.events.push(body);
        }
    }

    fn say<L: Link, T: Transport, const R: usize, const W: usize>(
        &mut self,
        store: &mut Store<'_, L, R, W, T>,
        mut message: &[u8],
    ) {
        let deadline = store.link().now().after(PATIENCE);
        while !message.is_empty() {
            let sent = store.transport().send(message).expect("a connection");
            message = &message[sent..];
            if sent > 0 {
                store.link().notify();
            } else {
                assert!(store.link().now() < deadline, "the server takes nothing");
                self.pull(store);
                store.link().wait(deadline);
            }
        }
    }

    /// Waits for the answer to a request, and stops between two messages: the next who reads may be another.
    fn hear<L: Link, T: Transport, const R: usize, const W: usize>(
        &mut self,
        store: &mut Store<'_, L, R, W, T>,
        request: u32,
    ) -> (u32, Vec<u8>) {
        let deadline = store.link().now().after(PATIENCE);
        let mut said = None;
        loop {
            while let Some(([kind, answers, ..], body)) = self.take() {
                if kind == EVENT {
                    self.events.push(body);
                } else {
                    assert_eq!(answers, request, "an answer to something else");
                    said = Some((kind, body));
                }
            }
            if let Some(said) = said.take_if(|_| self.bytes.is_empty()) {
                return said;
            }
            if !self.pull(store) {
                assert!(store.link().now() < deadline, "no answer");
                store.link().wait(deadline);
            }
        }
    }

    /// Takes bytes in; tells whether there were any.
    fn pull<L: Link, T: Transport, const R: usize, const W: usize>(
        &mut self,
        store: &mut Store<'_, L, R, W, T>,
    ) -> bool {
        let mut piece = [0; 1024];
        let count = store.transport().receive(&mut piece).expect("a connection");
        self.bytes.extend(&piece[..count]);
        if count > 0 {
            store.link().notify();
        }
        count > 0
    }

    fn head(&self) -> Option<[u32; 4]> {
        let words = self.bytes.first_chunk::<16>()?.chunks(4);
        let mut head = [0; 4];
        for (to, from) in head.iter_mut().zip(words) {
            *to = u32::from_le_bytes(from.try_into().ok()?);
        }
        Some(head)
    }

    /// Takes a message that is whole.
    fn take(&mut self) -> Option<([u32; 4], Vec<u8>)> {
        let head = self.head()?;
        let end = 16 + head[3] as usize;
        if self.bytes.len() < end {
            return None;
        }
        Some((head, self.bytes.drain(..end).skip(16).collect()))
    }
}
