//! Whole tables of ports on loom's words, and a Xen that closes ports and gives their numbers out again.

pub(crate) mod reuse;
pub(crate) mod stale;
pub(crate) mod wake;

use std::ptr::NonNull;

use loom::sync::Mutex;
use loom::sync::atomic::Ordering::{AcqRel, Release, SeqCst};
use loom::sync::atomic::fence;
use xen_evtchn::model::{Bitmaps, Word as _};
use xen_evtchn::{BoundPort, Events, Sleeper, Slot};
use xen_hypercall::{
    DomId, EpochCell, Gfn, Hypercall, IrqGate, NoGate, Number, PAGE_SIZE, SharedInfo, SharedPage, Word,
};

pub(crate) const PEER: DomId = DomId(5);
const EINVAL: isize = -22;
/// Port numbers that there are, 0 with them.
pub(crate) const PORTS: usize = 3;

pub(crate) type Table<G = NoGate> = &'static Events<'static, &'static Xen, G>;
pub(crate) type Bound<G = NoGate> = BoundPort<'static, &'static Xen, G>;

/// A port as Xen has it.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    open: bool,
    /// How often its number was given out.
    life: u32,
    closed: u32,
}

/// What Xen does with ports: each operation is one section of its lock, and changes words by locked instructions.
#[derive(Debug)]
pub(crate) struct Xen {
    ports: Mutex<[State; PORTS]>,
    /// Closing a port clears its event; a twin's does not.
    clears: bool,
}

impl Xen {
    pub(crate) fn leaked(clears: bool) -> &'static Self {
        Box::leak(Box::new(Self { ports: Mutex::default(), clears }))
    }

    /// Sends an event (`evtchn_2l_set_pending`), and returns the life that it is of; `None` to a port that is closed.
    pub(crate) fn raise(&self, port: usize) -> Option<u32> {
        let ports = self.ports.lock().unwrap();
        let State { open, life, .. } = ports[port];
        if !open {
            return None;
        }
        let (bitmaps, bit) = (Bitmaps::this(), 1 << port);
        if bitmaps.pending[0].set(bit) & bit == 0 {
            fence(SeqCst);
            if bitmaps.mask[0].load(SeqCst) & bit == 0 {
                tell(bitmaps);
            }
        }
        Some(life)
    }

    /// Counts how often a port was closed.
    pub(crate) fn closed(&self, port: usize) -> u32 {
        self.ports.lock().unwrap()[port].closed
    }

    /// Has no ports, as it is with a new domain.
    pub(crate) fn forget(&self) {
        self.ports.lock().unwrap().iter_mut().for_each(|state| state.open = false);
    }

    fn close(&self, port: usize) -> isize {
        let mut ports = self.ports.lock().unwrap();
        if !ports[port].open {
            return EINVAL;
        }
        ports[port].open = false;
        ports[port].closed += 1;
        if self.clears {
            Bitmaps::this().pending[0].clear(1 << port);
        }
        0
    }

    fn make(&self) -> usize {
        let mut ports = self.ports.lock().unwrap();
        let free = (1..PORTS).find(|at| !ports[*at].open).expect("a free port");
        ports[free].open = true;
        ports[free].life += 1;
        free
    }

    fn unmask(&self, port: usize) {
        let _ports = self.ports.lock().unwrap();
        let (bitmaps, bit) = (Bitmaps::this(), 1 << port);
        if bitmaps.mask[0].clear(bit) & bit != 0 && bitmaps.pending[0].load(SeqCst) & bit != 0 {
            tell(bitmaps);
        }
    }
}

/// Has the processor look (`vcpu_mark_events_pending`).
fn tell(bitmaps: &Bitmaps) {
    if bitmaps.selector.set(1) & 1 == 0 {
        fence(SeqCst);
        bitmaps.upcall.swap(1, AcqRel);
    }
}

// SAFETY: it decodes the blocks as the header says, and touches nothing else.
unsafe impl Hypercall for Xen {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        assert_eq!(number, Number::EVENT_CHANNEL_OP);
        let block = args[1].as_ptr::<u32>();
        // SAFETY: each of these blocks begins with a word.
        let port = unsafe { *block } as usize;
        match args[0].addr() {
            3 => return self.close(port),
            // SAFETY: `evtchn_alloc_unbound` has two words.
            6 => unsafe { *block.add(1) = self.make() as u32 },
            9 => self.unmask(port),
            other => panic!("event_channel_op {other}"),
        }
        0
    }
}

/// What a table needs, of one execution; `shared_info` is loom's.
pub(crate) fn table<G: IrqGate>(
    info: &'static SharedInfo,
    (xen, epoch): (&'static Xen, &'static EpochCell),
    gate: G,
) -> Table<G> {
    let slots = Box::leak(Box::new([const { Slot::new() }; PORTS]));
    let sleepers = Box::leak(Box::new([const { Sleeper::new() }; PORTS]));
    let events = Events::new(xen, epoch, info, slots).with_sleepers(sleepers).with_gate(gate);
    events.wake_all();
    let bitmaps = Bitmaps::this();
    // Made now, and not by one of the threads.
    bitmaps.mask[0].store(u64::MAX, Release);
    bitmaps.pending[0].store(0, Release);
    bitmaps.selector.store(0, Release);
    bitmaps.upcall.store(0, Release);
    Box::leak(Box::new(events))
}

#[repr(align(4096))]
struct Memory(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

/// Makes a page for `shared_info`, of which the words are loom's.
pub(crate) fn info() -> &'static SharedInfo {
    let page = Box::leak(Box::new(Memory([0; PAGE_SIZE])));
    // SAFETY: leaked, aligned, zero, and nobody else has it.
    Box::leak(Box::new(SharedInfo::new(unsafe { SharedPage::new(NonNull::from(page).cast(), Gfn(9)) })))
}
