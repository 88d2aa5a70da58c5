//! A Xen of a few event channels that lies when told to, as the mock host does not: one domain, several processors in the FIFO
//! ABI alone.
#![allow(unsafe_code, reason = "implements the hook and decodes argument blocks")]
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic is a failed test"
)]
#![allow(clippy::panic, clippy::expect_used, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

pub(crate) mod fifo;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::SeqCst;

use xen_evtchn::Slot;
use xen_hypercall::{EpochCell, Gfn, Hypercall, Number, PAGE_SIZE, Port, SharedInfo, SharedPage, Word};

pub(crate) const CLOSED: [u32; 3] = [0, 0, 0];
pub(crate) const OFFERED: (u32, u32) = (5, 77);
pub(crate) const EINVAL: isize = -22;
pub(crate) const EEXIST: isize = -17;

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Returns a page at its birth: zero.
pub(crate) fn page(gfn: u64) -> SharedPage {
    let page = Box::leak(Box::new(Page([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(gfn)) }
}

/// What a guest supplies: the parts that outlive its table of ports.
pub(crate) struct Guest {
    pub(crate) xen: Xen,
    pub(crate) epoch: EpochCell,
    pub(crate) slots: Vec<Slot>,
}

pub(crate) fn guest() -> Guest {
    guest_with(16)
}

pub(crate) fn guest_with(slots: usize) -> Guest {
    Guest { xen: Xen::new(), epoch: EpochCell::new(), slots: (0..slots).map(|_| Slot::new()).collect() }
}

/// States are `[status, u0, u1]` as `EVTCHNOP_status` answers.
pub(crate) struct Xen {
    pub(crate) info: SharedInfo,
    pub(crate) ports: RefCell<Vec<[u32; 3]>>,
    pub(crate) calls: RefCell<Vec<(usize, usize)>>,
    /// The next operation with this command gives this result and does nothing.
    pub(crate) answer: Cell<Option<(usize, isize)>>,
    /// The next port given out, if not the lowest free one.
    pub(crate) give: Cell<Option<u32>>,
    /// Ports on which events come in while Xen clears the next mask.
    pub(crate) amid: RefCell<Vec<u32>>,
    pub(crate) polled: RefCell<Option<(Vec<u32>, u64)>>,
    pub(crate) fifo: fifo::State,
    /// The processors that are told of ports; of others it is vCPU 0.
    pub(crate) told: RefCell<BTreeMap<u32, u32>>,
    /// Processors that were called, and have not been asked about since.
    pub(crate) called: RefCell<Vec<u32>>,
}

impl Xen {
    fn new() -> Self {
        Self {
            info: SharedInfo::new(page(9)),
            ports: RefCell::new(vec![CLOSED; 64]),
            calls: RefCell::default(),
            answer: Cell::new(None),
            give: Cell::new(None),
            amid: RefCell::default(),
            polled: RefCell::default(),
            fifo: fifo::State::default(),
            told: RefCell::default(),
            called: RefCell::default(),
        }
    }

    pub(crate) fn state(&self, port: Port) -> [u32; 3] {
        self.ports.borrow().get(port.0 as usize).copied().unwrap_or(CLOSED)
    }

    pub(crate) fn open(&self) -> usize {
        self.ports.borrow().iter().filter(|state| **state != CLOSED).count()
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.borrow().len()
    }

    pub(crate) fn is_masked(&self, port: u32) -> bool {
        if self.fifo.is_on() {
            return self.fifo.word(port).is_none_or(|word| word.load(SeqCst) & fifo::MASKED != 0);
        }
        self.info.mask()[port as usize / 64].load(SeqCst) >> (port % 64) & 1 != 0
    }

    fn told(&self, port: u32) -> u32 {
        self.told.borrow().get(&port).copied().unwrap_or(0)
    }

    fn call(&self, vcpu: u32) {
        self.called.borrow_mut().push(vcpu);
        if vcpu == 0 {
            self.info.vcpu0().upcall_pending().store(1, SeqCst);
        }
    }

    /// Sends an event, as Xen does.
    pub(crate) fn raise(&self, port: u32) {
        if self.fifo.is_on() {
            if self.fifo.raise(port, self.told(port)) {
                self.call(self.told(port));
            }
            return;
        }
        let bit = 1 << (port % 64);
        if self.info.pending()[port as usize / 64].fetch_or(bit, SeqCst) & bit == 0 && !self.is_masked(port) {
            self.select(port);
        }
    }

    fn select(&self, port: u32) {
        self.info.vcpu0().pending_sel().fetch_or(1 << (port / 64), SeqCst);
        self.info.vcpu0().upcall_pending().store(1, SeqCst);
    }

    fn make(&self, state: [u32; 3]) -> u32 {
        let mut ports = self.ports.borrow_mut();
        let busy = |at: u32| self.fifo.word(at).is_some_and(|word| word.load(SeqCst) & fifo::LINKED != 0);
        let lowest = || (1..64).find(|at| ports[*at as usize] == CLOSED && !busy(*at)).expect("a free port");
        let port = self.give.take().unwrap_or_else(lowest);
        self.told.borrow_mut().remove(&port);
        if let Some(slot) = ports.get_mut(port as usize) {
            *slot = state;
        }
        port
    }

    fn event(&self, cmd: usize, block: &mut [u32; 6]) -> isize {
        let at = block[0];
        let open = self.state(Port(at)) != CLOSED;
        match cmd {
            0 if (block[0], block[1]) != OFFERED => return EINVAL,
            0 => block[2] = self.make([2, block[0], block[1]]),
            1 if self.ports.borrow().contains(&[4, block[0], 0]) => return EEXIST,
            1 => block[2] = self.make([4, block[0], 0]),
            6 => block[1] = self.make([1, block[0] >> 16, 0]),
            7 => {
                block[1] = self.make([5, 0, 0]);
                self.told.borrow_mut().insert(block[1], block[0]);
            }
            8 => drop(self.told.borrow_mut().insert(block[0], block[1])),
            10 => {
                self.ports.borrow_mut().fill(CLOSED);
                self.fifo.forget();
            }
            11 => {
                let result = self.fifo.init_control(block);
                block[4] = 17;
                return result;
            }
            12 => return self.fifo.expand(at, |port| self.told(port)),
            13 => return self.fifo.set_priority(at, block[1]),
            3 | 4 if !open => return EINVAL,
            3 => {
                self.ports.borrow_mut()[at as usize] = CLOSED;
                // A closed port has no event any more.
                match self.fifo.word(at) {
                    Some(word) => drop(word.fetch_and(!fifo::PENDING, SeqCst)),
                    None => drop(self.info.pending()[at as usize / 64].fetch_and(!(1 << (at % 64)), SeqCst)),
                }
            }
            4 if self.state(Port(at))[0] == 5 => self.raise(at),
            4 => {}
            5 if block[1] > 63 => return EINVAL,
            5 => {
                let [status, u0, u1] = self.state(Port(block[1]));
                block[2..].copy_from_slice(&[status, 0, u0, u1]);
            }
            9 if self.fifo.is_on() => {
                self.amid.take().into_iter().for_each(|port| self.raise(port));
                if self.fifo.unmask(at, self.told(at)) {
                    self.call(self.told(at));
                }
            }
            9 => {
                let (word, bit) = (at as usize / 64, 1_u64 << (at % 64));
                let was = self.info.mask()[word].fetch_and(!bit, SeqCst) & bit != 0;
                if was && self.info.pending()[word].load(SeqCst) & bit != 0 {
                    self.select(at);
                }
            }
            _ => panic!("event_channel_op {cmd}"),
        }
        0
    }
}

/// Words of the argument block of each event channel operation.
const WORDS: [usize; 14] = [3, 3, 0, 1, 1, 6, 2, 2, 2, 1, 0, 6, 2, 2];

/// `sched_poll`, the padding behind the count taken with it.
#[repr(C)]
struct Poll {
    ports: *const u32,
    count: u64,
    timeout: u64,
}

// SAFETY: it decodes the blocks as the headers say, and touches nothing else.
unsafe impl Hypercall for Xen {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let (cmd, block) = (args[0].addr(), args[1].as_ptr::<u32>());
        self.calls.borrow_mut().push((number.0, cmd));
        if let Some((_, result)) = self.answer.get().filter(|(of, _)| *of == cmd) {
            self.answer.set(None);
            return result;
        }
        if number == Number::SCHED_OP {
            // SAFETY: `sched_poll`: a pointer, a count with padding, a time.
            let Poll { ports, count, timeout } = unsafe { args[1].as_ptr::<Poll>().read() };
            // SAFETY: as many ports as the count says.
            let ports = unsafe { std::slice::from_raw_parts(ports, count as usize) };
            *self.polled.borrow_mut() = Some((ports.to_vec(), timeout));
            return 0;
        }
        assert_eq!(number, Number::EVENT_CHANNEL_OP);
        let mut copy = [0; 6];
        if WORDS[cmd] == 0 {
            return self.event(cmd, &mut copy);
        }
        // SAFETY: the block has this many words.
        unsafe { std::ptr::copy_nonoverlapping(block, copy.as_mut_ptr(), WORDS[cmd]) }
        let result = self.event(cmd, &mut copy);
        // SAFETY: the block has this many words.
        unsafe { std::ptr::copy_nonoverlapping(copy.as_ptr(), block, WORDS[cmd]) }
        result
    }
}
