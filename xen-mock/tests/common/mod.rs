//! A small client of xenstore and of the console, written for these tests from the public headers.
#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod events;
pub(crate) mod grant;

use std::sync::atomic::Ordering::Relaxed;

use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{event_channel, memory, sched};
use xen_hypercall::{Gfn, Nanos, Port, SharedPage, SystemTime};
use xen_mock::{Guest, Hook, Host};

pub(crate) const DIRECTORY: u32 = 1;
pub(crate) const READ: u32 = 2;
pub(crate) const GET_PERMS: u32 = 3;
pub(crate) const WATCH: u32 = 4;
pub(crate) const UNWATCH: u32 = 5;
pub(crate) const BEGIN: u32 = 6;
pub(crate) const END: u32 = 7;
pub(crate) const WRITE: u32 = 11;
pub(crate) const MKDIR: u32 = 12;
pub(crate) const RM: u32 = 13;
pub(crate) const SET_PERMS: u32 = 14;
pub(crate) const EVENT: u32 = 15;
pub(crate) const ERROR: u32 = 16;

/// A guest with its store connection and shared_info mapped.
pub(crate) struct Client {
    pub(crate) guest: Guest,
    pub(crate) xen: Hook,
    pub(crate) shared: SharedPage,
    pub(crate) ring: SharedPage,
    pub(crate) port: Port,
    pub(crate) events: Vec<(String, String)>,
    pub(crate) next_id: u32,
}

pub(crate) fn param(xen: &Hook, which: Param) -> u64 {
    hvm::param(xen, which).unwrap()
}

pub(crate) fn port_of(xen: &Hook, which: Param) -> Port {
    Port(u32::try_from(param(xen, which)).unwrap())
}

/// Returns a deadline so much after now.
pub(crate) fn after(guest: &Guest, millis: u64) -> Option<SystemTime> {
    Some(guest.system_time().after(Nanos::from_millis(millis)))
}

pub(crate) fn clear_pending(shared: &SharedPage, port: Port) {
    let words = shared.u64s_at::<2048, 64>();
    words[port.0 as usize / 64].fetch_and(!(1 << (port.0 % 64)), Relaxed);
}

pub(crate) fn is_pending(shared: &SharedPage, port: Port) -> bool {
    shared.u64s_at::<2048, 64>()[port.0 as usize / 64].load(Relaxed) >> (port.0 % 64) & 1 == 1
}

impl Client {
    pub(crate) fn new(host: &Host) -> Self {
        let guest = host.guest();
        let xen = guest.hook();
        let shared = guest.page();
        memory::map_shared_info(&xen, &shared).unwrap();
        let ring = guest.map(Gfn(param(&xen, Param::STORE_PFN)));
        let port = port_of(&xen, Param::STORE_EVTCHN);
        Self { guest, xen, shared, ring, port, events: Vec::new(), next_id: 1 }
    }

    /// What a guest does first in a new domain.
    pub(crate) fn rebuild(&mut self) {
        memory::map_shared_info(&self.xen, &self.shared).unwrap();
        self.port = port_of(&self.xen, Param::STORE_EVTCHN);
    }

    /// Maps shared_info at another page, which a test wants to look at, and goes on with it.
    pub(crate) fn rebuild_at(&mut self, page: &SharedPage) {
        memory::map_shared_info(&self.xen, page).unwrap();
        self.shared = self.guest.map(page.gfn());
    }

    fn wait(&self) {
        sched::poll(&self.xen, &[self.port], after(&self.guest, 5000)).unwrap();
        clear_pending(&self.shared, self.port);
    }

    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        let [_, prod, ..] = self.ring.u32s_at::<2048, 4>();
        for chunk in bytes.chunks(512) {
            for byte in chunk {
                let at = prod.load(Relaxed);
                self.ring.copy_out(at as usize % 1024, &[*byte]);
                prod.store(at.wrapping_add(1), Relaxed);
            }
            event_channel::send(&self.xen, self.port).unwrap();
            self.wait();
        }
    }

    pub(crate) fn read_raw(&self, count: usize) -> Vec<u8> {
        let [_, _, cons, prod] = self.ring.u32s_at::<2048, 4>();
        let mut bytes = Vec::new();
        let mut patience = 100;
        while bytes.len() < count {
            let at = cons.load(Relaxed);
            if at == prod.load(Relaxed) {
                patience -= 1;
                assert!(patience > 0, "xenstored does not answer");
                event_channel::send(&self.xen, self.port).unwrap();
                self.wait();
                continue;
            }
            let mut byte = [0];
            self.ring.copy_in(1024 + at as usize % 1024, &mut byte);
            bytes.push(byte[0]);
            cons.store(at.wrapping_add(1), Relaxed);
        }
        bytes
    }

    fn message(&self) -> (u32, u32, Vec<u8>) {
        let head = self.read_raw(16);
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        (word(0), word(4), self.read_raw(word(12) as usize))
    }

    pub(crate) fn send(&mut self, op: u32, tx: u32, payload: &[u8]) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        let words = [op, id, tx, u32::try_from(payload.len()).unwrap()];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(payload);
        self.send_raw(&bytes);
        id
    }

    /// Takes the next message whole, and returns its payload.
    pub(crate) fn skip_answer(&self) -> Vec<u8> {
        self.message().2
    }

    fn note_event(&mut self, payload: &[u8]) {
        let text = String::from_utf8(payload.to_vec()).unwrap();
        let mut parts = text.split_terminator('\0').map(String::from);
        self.events.push((parts.next().unwrap(), parts.next().unwrap()));
    }

    /// Makes a request; the answer's payload, or the error's name.
    pub(crate) fn request(&mut self, op: u32, tx: u32, payload: &[u8]) -> Result<Vec<u8>, String> {
        let id = self.send(op, tx, payload);
        loop {
            let (found, answered, body) = self.message();
            if found == EVENT {
                self.note_event(&body);
                continue;
            }
            assert_eq!(answered, id);
            if found == ERROR {
                return Err(String::from_utf8(body).unwrap().trim_end_matches('\0').into());
            }
            assert_eq!(found, op);
            return Ok(body);
        }
    }

    pub(crate) fn path(&mut self, op: u32, tx: u32, path: &str) -> Result<String, String> {
        let body = self.request(op, tx, format!("{path}\0").as_bytes())?;
        Ok(String::from_utf8(body).unwrap())
    }

    pub(crate) fn read(&mut self, path: &str) -> Result<String, String> {
        self.path(READ, 0, path)
    }

    pub(crate) fn write(&mut self, path: &str, value: &str) -> Result<(), String> {
        self.write_in(0, path, value)
    }

    pub(crate) fn write_in(&mut self, tx: u32, path: &str, value: &str) -> Result<(), String> {
        self.request(WRITE, tx, format!("{path}\0{value}").as_bytes()).map(drop)
    }

    pub(crate) fn watch(&mut self, path: &str, token: &str) -> Result<(), String> {
        self.request(WATCH, 0, format!("{path}\0{token}\0").as_bytes()).map(drop)
    }

    pub(crate) fn begin(&mut self) -> u32 {
        self.path(BEGIN, 0, "").unwrap().trim_end_matches('\0').parse().unwrap()
    }

    pub(crate) fn commit(&mut self, tx: u32) -> Result<(), String> {
        self.path(END, tx, "T").map(drop)
    }

    /// Takes the events that have come, after a time for more.
    pub(crate) fn take_events(&mut self) -> Vec<(String, String)> {
        self.wait_for_bytes();
        while self.has_bytes() {
            let (op, _, body) = self.message();
            assert_eq!(op, EVENT);
            self.note_event(&body);
        }
        std::mem::take(&mut self.events)
    }

    fn has_bytes(&self) -> bool {
        let [_, _, cons, prod] = self.ring.u32s_at::<2048, 4>();
        cons.load(Relaxed) != prod.load(Relaxed)
    }

    fn wait_for_bytes(&self) {
        sched::poll(&self.xen, &[], after(&self.guest, 10)).unwrap();
    }

    /// Waits for the word, and acknowledges it in a transaction.
    pub(crate) fn acknowledge(&mut self, word: &str) {
        while self.read("control/shutdown").as_deref() != Ok(word) {
            sched::poll(&self.xen, &[], after(&self.guest, 100)).unwrap();
        }
        let tx = self.begin();
        assert_eq!(self.path(READ, tx, "control/shutdown").unwrap(), word);
        self.write_in(tx, "control/shutdown", "").unwrap();
        self.commit(tx).unwrap();
    }

    pub(crate) fn suspend(&self) -> isize {
        sched::shutdown(&self.xen, sched::Reason::SUSPEND)
    }
}

/// Makes the guest look as one that knows Xen.
pub(crate) fn set_callback(xen: &Hook) {
    hvm::set_param(xen, Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
}

/// Makes a hypercall of any shape.
pub(crate) fn raw(xen: &Hook, number: xen_hypercall::Number, args: [xen_hypercall::Word; 5]) -> isize {
    #![expect(unsafe_code, reason = "the tests call at the raw boundary too")]
    use xen_hypercall::Hypercall;
    // SAFETY: each test hands in what the operation asks for, or what it must refuse before it looks.
    unsafe { xen.call(number, args) }
}
