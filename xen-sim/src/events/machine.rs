//! The host, and what the guest supplies.

use core::sync::atomic::Ordering::SeqCst;
use xen_evtchn::{Events, Fifo, Scanner, Slot};
use xen_hypercall::op::event_channel::{self, ControlBlock};
use xen_hypercall::op::{hvm, memory, sched};
use xen_hypercall::{DomId, EpochCell, Port, SharedInfo, SharedPage, Vcpu};
use xen_mock::{Daemon, FifoAbi, Hook, Host, Save};

/// The other processor.
pub(super) const SECOND: Vcpu = Vcpu(1);
/// Slots of the table: fewer than there may be ports, so that some have none.
const SLOTS: usize = 90;
/// The highest port.
const HIGHEST: u32 = 99;
/// Pages of event words.
const PAGES: usize = 2;
/// Ports that the firmware left open: with those of the toolstack they fill the first word of the bitmaps, or nearly.
pub(super) const LEFT: u32 = 61;

/// The mask of an event word.
const MASKED: u32 = 1 << 30;

/// What the guest wants of the host, and how the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The guest has no memory for FIFO.
    TwoLevel,
    /// It has.
    Fifo,
}

/// What outlives the tables of ports.
pub(super) struct Machine {
    pub(super) host: Host,
    pub(super) xen: Hook,
    pub(super) epoch: EpochCell,
    pub(super) info: SharedInfo,
    /// Whether there are ports of xenstore and the console; then the guest does not reset.
    pub(super) has_daemons: bool,
    slots: Vec<Slot>,
    words: Vec<SharedPage>,
    blocks: SharedPage,
}

impl Machine {
    /// Makes one: `kind` says of which kind.
    pub(super) fn new(kind: u8) -> Self {
        let has_daemons = kind & 1 == 0;
        let daemon = if has_daemons { Daemon::Stuck } else { Daemon::Absent };
        let fifo = if kind & 6 == 6 { FifoAbi::Disabled } else { FifoAbi::Present };
        let host = Host::builder().vcpus(2).max_port(HIGHEST).fifo(fifo).store(daemon).console(daemon).build();
        let guest = host.guest();
        let (xen, info) = (guest.hook(), SharedInfo::new(guest.page()));
        memory::map_shared_info(&xen, info.page()).unwrap();
        if kind & 8 != 0 {
            (0..LEFT).for_each(|_| _ = event_channel::alloc_unbound(&xen, DomId::DOM0).unwrap());
        }
        let slots = (0..SLOTS).map(|_| Slot::new()).collect();
        let (words, blocks) = ((0..PAGES).map(|_| guest.page()).collect(), guest.page());
        Self { host, xen, epoch: EpochCell::new(), info, has_daemons, slots, words, blocks }
    }

    /// Makes the table of ports, with no ABI chosen.
    pub(super) fn events(&self, wanted: Wanted) -> Events<'_, &Hook> {
        let events = Events::new(&self.xen, &self.epoch, &self.info, &self.slots);
        match wanted {
            Wanted::TwoLevel => events,
            Wanted::Fifo => events.with_fifo(Fifo::new(&self.words, ControlBlock::new(&self.blocks, 0).unwrap())),
        }
    }

    /// Makes the scanner of the other processor.
    pub(super) fn second(&self) -> Scanner<'_> {
        let control = ControlBlock::new(&self.blocks, 1).unwrap();
        Scanner::new(SECOND, self.info.vcpu(SECOND).unwrap()).with_control(control)
    }

    /// Returns the port of the store, if there is one.
    pub(super) fn store_port(&self) -> Option<Port> {
        let port = hvm::param(&self.xen, hvm::Param::STORE_EVTCHN).ok()?;
        u32::try_from(port).ok().filter(|port| *port != 0).map(Port)
    }

    /// Suspends, and tells whether the domain may be another one.
    pub(super) fn suspend(&self, save: Save) -> bool {
        // By it the toolstack knows that a guest may be told that it was resumed.
        hvm::set_param(&self.xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
        let _operation = self.host.toolstack().await_suspend(save);
        sched::shutdown(&self.xen, sched::Reason::SUSPEND) == 0
    }

    /// Tells whether an upcall is pending on a processor.
    pub(super) fn is_called(&self, vcpu: Vcpu) -> bool {
        let record = self.info.vcpu(vcpu).unwrap();
        record.upcall_pending().load(SeqCst) != 0
    }

    /// Tells whether a port is masked, as memory says.
    pub(super) fn is_masked(&self, port: Port) -> bool {
        let word = self.host.events().word(port);
        word.map_or_else(
            || self.info.mask()[usize::try_from(port.0 / 64).unwrap()].load(SeqCst) >> (port.0 % 64) & 1 != 0,
            |word| word & MASKED != 0,
        )
    }

    /// Returns how many ports the domain has, those of the toolstack left out.
    pub(super) fn open(&self) -> usize {
        self.host.ledger().holdings().ports.len()
    }
}
