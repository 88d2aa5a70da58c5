//! The server's side of a session, in a test's hands.
#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) mod fake;

use xen_store::{Answer, Core, HEADER_SIZE, Header, MessageType, StoreError, Ticket};

/// A message as it is on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) header: Header,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn new(kind: u32, request: u32, transaction: u32, body: &[u8]) -> Self {
        let len = u32::try_from(body.len()).unwrap();
        Self { header: Header { kind, request, transaction, len }, body: body.to_vec() }
    }

    /// Makes an event.
    pub(crate) fn event(path: &str, token: &str) -> Self {
        Self::new(MessageType::WatchEvent.raw(), 0, 0, format!("{path}\0{token}\0").as_bytes())
    }

    /// Answers with success.
    pub(crate) fn ok(&self, body: &[u8]) -> Self {
        Self::new(self.header.kind, self.header.request, self.header.transaction, body)
    }

    /// Answers with the success of a request that gives nothing.
    pub(crate) fn ack(&self) -> Self {
        self.ok(b"OK\0")
    }

    /// Answers with an error.
    pub(crate) fn error(&self, name: &str) -> Self {
        let body = format!("{name}\0");
        Self::new(MessageType::Error.raw(), self.header.request, self.header.transaction, body.as_bytes())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.encode().to_vec();
        bytes.extend(&self.body);
        bytes
    }

    /// Returns the strings of the body.
    pub(crate) fn strings(&self) -> Vec<String> {
        let text = String::from_utf8(self.body.clone()).unwrap();
        text.split_terminator('\0').map(String::from).collect()
    }

    pub(crate) fn is(&self, kind: MessageType) -> bool {
        self.header.kind == kind.raw()
    }

    /// Takes a whole message from the front of bytes.
    pub(crate) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let header = Header::decode(bytes.first_chunk()?);
        let end = HEADER_SIZE + usize::try_from(header.len).unwrap();
        if bytes.len() < end {
            return None;
        }
        let body = bytes.drain(..end).skip(HEADER_SIZE).collect();
        Some(Self { header, body })
    }
}

/// Takes all that the core would send now.
pub(crate) fn sent<const R: usize, const W: usize>(core: &mut Core<R, W>) -> Vec<Message> {
    let mut bytes = Vec::new();
    while let Some(piece) = core.poll_transmit() {
        let count = piece.len();
        bytes.extend(piece);
        core.handle_transmitted(count);
    }
    let messages = std::iter::from_fn(|| Message::take(&mut bytes)).collect();
    assert!(bytes.is_empty(), "whole messages only");
    messages
}

/// Gives a message to the core.
pub(crate) fn give<const R: usize, const W: usize>(core: &mut Core<R, W>, message: &Message) {
    core.handle_bytes(&message.bytes()).unwrap();
}

/// Returns the bytes of the answer; `None` if there is none yet.
pub(crate) fn taken<const R: usize, const W: usize>(
    core: &mut Core<R, W>,
    ticket: Ticket,
) -> Option<Result<Vec<u8>, StoreError>> {
    match core.poll_reply(ticket) {
        Answer::Done(outcome) => Some(outcome.map(|reply| reply.value().to_vec())),
        Answer::Pending(_) => None,
    }
}
