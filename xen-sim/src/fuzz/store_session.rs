//! A client's session with any xenstore server: honest, forgetful, or one that says what it likes.

use std::collections::VecDeque;

use xen_hypercall::Nanos;
use xen_store::{Answer, Core, HEADER_SIZE, Header, MessageType, Path, Request, StoreError, Ticket, WatchId};

use super::{Ending, Script};

const REQUESTS: usize = 3;
const WATCHES: usize = 2;
/// How long an answer is waited for.
const PATIENCE: u64 = 100;
/// The header of what nobody asked for.
const NONE: Header = Header { kind: 0, request: 0, transaction: 0, len: 0 };

/// A message as it is on the wire.
#[derive(Debug, Clone)]
struct Message(Header, Vec<u8>);

impl Message {
    fn answer(&self, kind: u32, body: &[u8]) -> Self {
        Self(Header { kind, len: u32::try_from(body.len()).unwrap(), ..self.0 }, body.to_vec())
    }

    /// What an honest server says.
    fn honest(&self) -> Self {
        let body = match MessageType::from_raw(self.0.kind) {
            Some(MessageType::Read | MessageType::Directory) => self.1.clone(),
            Some(MessageType::TransactionStart) => b"7\0".to_vec(),
            _ => b"OK\0".to_vec(),
        };
        self.answer(self.0.kind, &body)
    }
}

struct Session {
    core: Box<Core<REQUESTS, WATCHES>>,
    tickets: Vec<(Ticket, String)>,
    watches: Vec<WatchId>,
    /// Bytes of requests, what is owed for those that are whole, and bytes on their way back.
    incoming: Vec<u8>,
    owed: VecDeque<Message>,
    outgoing: VecDeque<u8>,
    now: u64,
    number: usize,
    lied: bool,
    ending: Ending,
}

/// Plays a script; afterwards a new connection to an honest server must be as good as the first.
///
/// # Panics
/// If a rule is broken.
pub fn store_session(data: &[u8]) -> Ending {
    let mut session = Session {
        core: Box::new(Core::new()),
        tickets: Vec::new(),
        watches: Vec::new(),
        incoming: Vec::new(),
        owed: VecDeque::new(),
        outgoing: VecDeque::new(),
        now: 0,
        number: 0,
        lied: false,
        ending: Ending::default(),
    };
    let mut script = Script::new(data);
    while let Some(act) = script.byte() {
        session.act(act, &mut script);
    }
    session.finish()
}

impl Session {
    fn act(&mut self, act: u8, script: &mut Script<'_>) {
        let detail = usize::from(act / 16);
        match act % 16 {
            0 | 1 => self.submit(detail),
            2 => self.watch(),
            3 => {
                if let Some(at) = detail.checked_rem(self.watches.len()) {
                    let gone = self.core.unwatch(self.watches[at]);
                    assert!(gone.is_ok_and(|()| self.watches.get(at).is_some()), "nothing is fenced");
                    self.watches.remove(at);
                }
            }
            4 => {
                if let Some(at) = detail.checked_rem(self.tickets.len()) {
                    self.core.give_up(self.tickets.remove(at).0);
                }
            }
            5 => self.tick(u64::try_from(detail).unwrap() * 8),
            6 | 7 => self.transmit(detail * 4 + 1),
            8 => self.receive(detail * 4 + 1),
            9 | 10 => self.receive(usize::MAX),
            11 | 12 => self.answer_honestly(),
            13 => self.lie(script),
            14 => {
                self.owed.pop_front();
                self.lied = true;
            }
            _ => self.replace(),
        }
        self.poll();
    }

    fn submit(&mut self, kind: usize) {
        self.number += 1;
        let name = format!("n/{}", self.number);
        let path = Path::new(&name).unwrap();
        let request = match kind % 4 {
            0 | 1 => Request::Read(path),
            2 => Request::Write(path, b"value"),
            _ => Request::Begin,
        };
        match self.core.submit(request, None) {
            Ok(ticket) => {
                self.core.expire_at(&ticket, Nanos(self.now + PATIENCE));
                self.tickets.push((ticket, name));
            }
            Err(StoreError::Poisoned(_)) => assert!(self.core.check().is_err()),
            Err(error) => assert_eq!(error, StoreError::Full),
        }
    }

    fn watch(&mut self) {
        self.number += 1;
        match self.core.watch(Path::new(&format!("w/{}", self.number)).unwrap()) {
            Ok(watch) => self.watches.push(watch),
            Err(error) => assert!(error == StoreError::Full || self.core.check().is_err(), "{error}"),
        }
    }

    fn tick(&mut self, by: u64) {
        self.now += by;
        self.core.handle_time(Nanos(self.now));
        let next = self.core.poll_deadline();
        assert!(next.is_none_or(|next| next > Nanos(self.now)), "S13: what was due is done");
        let _kick = self.core.poll_kick();
    }

    fn transmit(&mut self, most: usize) {
        let Some(bytes) = self.core.poll_transmit() else { return };
        assert!(!bytes.is_empty(), "there is something to send, or nothing");
        let count = bytes.len().min(most);
        self.incoming.extend(&bytes[..count]);
        self.core.handle_transmitted(count);
        while let Some(header) = self.incoming.first_chunk::<HEADER_SIZE>().map(Header::decode) {
            let end = HEADER_SIZE + usize::try_from(header.len).unwrap();
            assert!(end <= HEADER_SIZE + 4096, "S33: no message is too long");
            if self.incoming.len() < end {
                break;
            }
            let body = self.incoming.drain(..end).skip(HEADER_SIZE).collect();
            self.owed.push_back(Message(header, body));
        }
    }

    fn receive(&mut self, most: usize) {
        let count = most.min(self.outgoing.len());
        let bytes: Vec<_> = self.outgoing.drain(..count).collect();
        let taken = self.core.handle_bytes(&bytes);
        assert_eq!(taken.is_err(), self.core.check().is_err(), "a session that is over says so");
        assert!(taken.is_ok() || self.lied, "an honest server is not found out: {taken:?}");
        for _ in 0..WATCHES {
            let Some(event) = self.core.poll_event() else { break };
            assert!(self.watches.contains(&event.watch), "S17: nothing comes after the end of a watch");
        }
        assert_eq!(self.core.poll_event(), None, "S18: one event a watch");
    }

    fn say(&mut self, message: &Message) {
        self.outgoing.extend(message.0.encode());
        self.outgoing.extend(&message.1);
    }

    fn answer_honestly(&mut self) {
        if let Some(request) = self.owed.pop_front() {
            self.say(&request.honest());
        }
    }

    /// Says something that is wrong in one way, or in any.
    fn lie(&mut self, script: &mut Script<'_>) {
        self.lied = true;
        let [kind, place, value] = script.bytes();
        let asked = usize::from(place).checked_rem(self.owed.len()).and_then(|at| self.owed.get(at).cloned());
        let mut message = asked.map_or_else(
            || Message(NONE, script.bytes::<5>().to_vec()),
            |asked| {
                if value & 1 == 0 { asked.honest() } else { asked.answer(MessageType::Error.raw(), b"ENOENT\0") }
            },
        );
        match kind % 9 {
            0 => message.0.kind = u32::from(value),
            1 => message.0.transaction ^= u32::from(value),
            2 => message.0.request ^= 1 << (value % 32),
            3 => message.0.len = u32::from(value) << (place % 32),
            4 => message.1 = script.bytes::<6>().to_vec(),
            5 => {
                message = Message(Header { kind: MessageType::WatchEvent.raw(), ..NONE }, script.bytes::<20>().to_vec())
            }
            6 => message.1.truncate(usize::from(value)),
            7 => message.1.resize(usize::from(value) * 20, b'x'),
            // The same once more, later.
            _ => {}
        }
        if kind % 9 != 3 {
            message.0.len = u32::try_from(message.1.len()).unwrap();
        }
        self.say(&message);
    }

    /// Takes what has become of the requests.
    fn poll(&mut self) {
        for (ticket, name) in std::mem::take(&mut self.tickets) {
            match self.core.poll_reply(ticket) {
                Answer::Pending(ticket) => self.tickets.push((ticket, name)),
                Answer::Done(Ok(reply)) => {
                    self.ending.through += 1;
                    let body = reply.value();
                    let own = [name.as_bytes(), b"\0"].concat();
                    let is_own = body == own || body == b"OK\0" || body == b"7\0";
                    assert!(is_own || self.lied, "{name} is answered with {body:?}");
                }
                Answer::Done(Err(error)) => {
                    self.ending.found +=
                        usize::from(matches!(error, StoreError::Rejected(_) | StoreError::Poisoned(_)));
                }
            }
        }
    }

    fn replace(&mut self) {
        self.core.epoch_changed();
        self.incoming.clear();
        self.owed.clear();
        self.outgoing.clear();
        self.core.rewatch();
        assert!(self.core.check().is_ok(), "a new connection is good");
        self.poll();
        assert!(self.tickets.is_empty(), "nothing outlives its connection");
    }

    /// Lets time end what is under way, and then an honest server serve.
    fn finish(mut self) -> Ending {
        self.ending.lied = self.lied;
        self.tick(PATIENCE);
        self.poll();
        assert!(self.tickets.is_empty(), "S13: every wait has an end");
        self.replace();
        self.lied = false;
        for at in 0..REQUESTS {
            self.submit(0);
            assert_eq!(self.tickets.len(), at + 1, "S11: every slot is free");
        }
        for _ in 0..200 {
            self.transmit(usize::MAX);
            self.answer_honestly();
            self.receive(usize::MAX);
        }
        let through = self.ending.through;
        self.poll();
        assert_eq!(self.ending.through, through + REQUESTS, "the good server is served");
        assert!(self.core.is_quiet() && self.core.registering() == 0);
        for watch in std::mem::take(&mut self.watches) {
            assert_eq!(self.core.watch_standing(watch), Ok(()), "watches are kept through it all");
        }
        self.ending
    }
}
