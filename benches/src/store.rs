//! The codec of xen-store, by itself and within a session, on a request and an answer that stand ready.

use core::hint::black_box;

use xen_store::{
    Answer, Core, HEADER_SIZE, Header, MESSAGE_MAX, MessageType, Parser, Path, Reply, Request, StoreError,
};

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The type of both.
    pub kind: MessageType,
    /// The node.
    pub path: &'static str,
    /// What is written to it; nothing, for other requests.
    pub value: &'static [u8],
    /// Whole messages of the answer; their ids are the server's to set.
    pub answers: Answers,
    /// The length of each.
    pub answer_len: usize,
    round: u32,
}

/// As many answers as stand ready, each with room behind it.
pub type Answers = Box<[[u8; 128]; ANSWERS as usize]>;
const ANSWERS: u32 = 8;
/// How far ahead the server sets an id: a processor waits for a header of which a part has just been stored, as it never is in a
/// ring.
const AHEAD: u32 = ANSWERS / 2;

/// Children of a node.
const CHILDREN: u32 = 16;
const NODE: &str = "device/vbd/51712/backend";
const VALUE: &[u8] = b"/local/domain/0/backend/vbd/1/51712";

impl Exchange {
    /// A value is read.
    #[must_use]
    pub fn read() -> Self {
        Self::new(MessageType::Read, b"", VALUE)
    }

    /// A value is written.
    #[must_use]
    pub fn write() -> Self {
        Self::new(MessageType::Write, VALUE, b"OK\0")
    }

    /// The names of 16 children are read, of five digits each, as those of disks have.
    #[must_use]
    pub fn directory() -> Self {
        let names: String = (0..CHILDREN).map(|child| format!("{}\0", 51712 + 16 * child)).collect();
        Self::new(MessageType::Directory, b"", names.as_bytes())
    }

    fn new(kind: MessageType, value: &'static [u8], body: &[u8]) -> Self {
        let header = Header { kind: kind.raw(), request: 0, transaction: 0, len: body.len() as u32 };
        let (mut answer, answer_len) = ([0; 128], HEADER_SIZE + body.len());
        answer[..HEADER_SIZE].copy_from_slice(&header.encode());
        answer[HEADER_SIZE..answer_len].copy_from_slice(body);
        Self { kind, path: NODE, value, answers: Box::new([answer; ANSWERS as usize]), answer_len, round: 0 }
    }

    fn request(&self) -> Request<'static> {
        let path = black_box(Path::new(self.path).expect("a path"));
        match self.kind {
            MessageType::Write => Request::Write(path, black_box(self.value)),
            MessageType::Directory => Request::Directory(path),
            _ => Request::Read(path),
        }
    }

    /// Answers as the server does, which repeats the id; the next one is so much greater.
    #[inline]
    fn answer(&mut self, asked: &[u8], step: u32) -> &[u8] {
        let header: &[u8; HEADER_SIZE] = black_box(asked).first_chunk().expect("a header");
        let id = Header::decode(header).request;
        let at = (self.round % ANSWERS) as usize;
        if self.round < AHEAD {
            self.answers[at][4..8].copy_from_slice(&id.to_le_bytes());
        }
        let later = (self.round.wrapping_add(AHEAD) % ANSWERS) as usize;
        self.answers[later][4..8].copy_from_slice(&id.wrapping_add(AHEAD * step).to_le_bytes());
        self.round = self.round.wrapping_add(1);
        black_box(&self.answers[at][..self.answer_len])
    }

    /// What a round takes out of the answer.
    #[must_use]
    pub fn token(&self) -> u64 {
        let body = &self.answers[0][HEADER_SIZE..self.answer_len];
        match self.kind {
            MessageType::Write => 1,
            MessageType::Directory => body.split_inclusive(|byte| *byte == 0).map(|name| 1 + u64::from(name[0])).sum(),
            _ => body.len() as u64 + u64::from(body[0]),
        }
    }
}

#[inline]
fn taken(reply: &Reply<'_>, kind: MessageType, room: &mut [u8]) -> Result<u64, StoreError> {
    Ok(match kind {
        MessageType::Write => 1,
        MessageType::Directory => reply.names()?.map(|name| 1 + u64::from(name.as_bytes()[0])).sum(),
        _ => {
            let value = reply.copy_to(room)?;
            value.len() as u64 + u64::from(value[0])
        }
    })
}

/// The codec alone.
#[derive(Debug)]
pub struct OurCodec {
    exchange: Exchange,
    request: Request<'static>,
    out: Box<[u8; MESSAGE_MAX]>,
    parser: Box<Parser>,
    id: u32,
    value: [u8; 256],
}

impl OurCodec {
    /// Makes one for this request, whose path is checked here, and its answer.
    #[must_use]
    pub fn new(exchange: Exchange) -> Self {
        let request = exchange.request();
        let out = Box::new([0; MESSAGE_MAX]);
        Self { exchange, request, out, parser: Box::new(Parser::new()), id: 0, value: [0; 256] }
    }

    /// Encodes the request and decodes the answer, as often; returns the sum of what was taken out of them.
    ///
    /// # Errors
    /// None, of answers as they stand here.
    pub fn rounds(&mut self, rounds: u32) -> Result<u64, StoreError> {
        (0..rounds).try_fold(0, |sum, _| Ok(sum + self.round()?))
    }

    fn round(&mut self) -> Result<u64, StoreError> {
        self.id = self.id.wrapping_add(1);
        let message = black_box(&self.request).encode(self.id, 0, &mut self.out)?;
        let asked = message.first_chunk().map(Header::decode).ok_or(StoreError::TooLong)?;
        self.parser.push(self.exchange.answer(message, 1)).map_err(StoreError::Poisoned)?;
        let (header, body) = self.parser.message().ok_or(StoreError::TimedOut)?;
        let sum = taken(&Reply::of(&asked, &header, body)?, self.exchange.kind, &mut self.value)?;
        self.parser.clear();
        Ok(sum)
    }
}

/// How far apart the ids of a slot are.
const SLOT_STEP: u32 = 1 << 12;

/// The codec within a session of the default size, with all that it keeps.
#[derive(Debug)]
pub struct OurSession {
    exchange: Exchange,
    request: Request<'static>,
    core: Box<Core>,
    value: [u8; 256],
}

impl OurSession {
    /// Makes one for this request, whose path is checked here, and its answer.
    #[must_use]
    pub fn new(exchange: Exchange) -> Self {
        let request = exchange.request();
        Self { exchange, request, core: Box::new(Core::new()), value: [0; 256] }
    }

    /// Submits the request, takes its bytes and gives those of the answer, as often; returns the sum of what was taken out of
    /// those.
    ///
    /// # Errors
    /// None, of answers as they stand here.
    pub fn rounds(&mut self, rounds: u32) -> Result<u64, StoreError> {
        (0..rounds).try_fold(0, |sum, _| Ok(sum + self.round()?))
    }

    fn round(&mut self) -> Result<u64, StoreError> {
        let ticket = self.core.submit(black_box(self.request), None)?;
        let message = self.core.poll_transmit().ok_or(StoreError::TimedOut)?;
        let (len, answer) = (message.len(), self.exchange.answer(message, SLOT_STEP));
        self.core.handle_transmitted(len);
        self.core.handle_bytes(answer)?;
        match self.core.poll_reply(ticket) {
            Answer::Done(reply) => taken(&reply?, self.exchange.kind, &mut self.value),
            Answer::Pending(_) => Err(StoreError::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_takes_the_same_out_of_an_answer() {
        for exchange in [Exchange::read(), Exchange::write(), Exchange::directory()] {
            let expected = Ok(30 * exchange.token());
            assert_eq!(OurCodec::new(exchange.clone()).rounds(30), expected, "{exchange:?}");
            assert_eq!(OurSession::new(exchange.clone()).rounds(30), expected, "{exchange:?}");
            #[cfg(xen_headers)]
            for compiled in crate::c::Compiled::ALL.into_iter().chain([crate::c::Compiled::Checked]) {
                assert_eq!(Ok(crate::c::CStore::new(compiled, exchange.clone()).rounds(30)), expected, "{exchange:?}");
            }
        }
    }
}
