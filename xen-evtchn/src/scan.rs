//! Finds the ports on which events have come, one after the other.

use core::sync::atomic::{AtomicU32, Ordering};

use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::{Hypercall, IrqGate, Port, Vcpu, VcpuInfo};

use crate::bits::{Bit, MAX_PORTS};
use crate::claim::{Claim, Verdict};
use crate::fifo::{self, Ahead, Next, Queues, Shared, Step, WORDS, Whose};
use crate::slot::Life;
use crate::two_level::{Maps, TwoLevel};
use crate::{Events, Fifo, Slot, sync};

/// Words in all queues, and as many queues that are empty.
const MOST_STEPS: usize = fifo::MAX_FIFO_PORTS * 2;
/// How often all words are taken out of queues in disorder; what hangs on another is rarely more than one deep.
const MOST_SWEEPS: usize = 8;

/// Where one processor's scan stands, in either ABI.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) two: TwoLevel,
    pub(crate) queues: Queues,
}

impl Scan {
    pub(crate) const fn new() -> Self {
        Self { two: TwoLevel::new(), queues: Queues::new() }
    }

    pub(crate) fn reset(&self) {
        self.two.reset();
        self.queues.reset();
    }
}

/// One processor's way to its events: its record, and where its scan stands.
///
/// vCPU 0 needs none, as long as its record is in `shared_info`. A scanner is used by its own processor only.
#[derive(Debug)]
pub struct Scanner<'a> {
    vcpu: Vcpu,
    record: VcpuInfo<'a>,
    control: Option<ControlBlock<'a>>,
    scan: Scan,
}

impl<'a> Scanner<'a> {
    /// Makes the scanner of a processor whose record is `record`.
    #[must_use]
    pub const fn new(vcpu: Vcpu, record: VcpuInfo<'a>) -> Self {
        Self { vcpu, record, control: None, scan: Scan::new() }
    }

    /// Adds the control block, without which the processor gets no events in the FIFO ABI; [`Events::join`] gives it to Xen,
    /// which writes to it until the domain ends.
    #[must_use]
    pub const fn with_control(mut self, control: ControlBlock<'a>) -> Self {
        self.control = Some(control);
        self
    }

    /// Returns the processor.
    #[must_use]
    pub const fn vcpu(&self) -> Vcpu {
        self.vcpu
    }

    /// Returns the processor's record.
    #[must_use]
    pub const fn record(&self) -> VcpuInfo<'a> {
        self.record
    }

    /// Returns the processor's control block.
    #[must_use]
    pub const fn control(&self) -> Option<ControlBlock<'a>> {
        self.control
    }

    /// Forgets what it found in an earlier domain; Xen names anew what there is.
    pub fn reset(&self) {
        self.scan.reset();
    }

    pub(crate) fn look_everywhere(&self) {
        self.scan.two.select_all();
    }
}

/// A processor at work: vCPU 0 by the table itself, another by its scanner.
#[derive(Clone, Copy)]
pub(crate) struct Seat<'a> {
    pub(crate) vcpu: Vcpu,
    pub(crate) record: VcpuInfo<'a>,
    pub(crate) control: Option<ControlBlock<'a>>,
    pub(crate) scan: &'a Scan,
    pub(crate) maps: Maps<'a>,
}

/// The words of a control block: ready bits, and heads.
pub(crate) type Control<'a> = (&'a AtomicU32, &'a [AtomicU32; 16]);

#[inline]
pub(crate) fn words_of(control: ControlBlock<'_>) -> Control<'_> {
    (control.ready(), control.heads())
}

impl<'s, H: Hypercall, G: IrqGate> Events<'s, H, G> {
    /// Returns a port of vCPU 0's on which an event has come and forgets the event; `None` when there is no more.
    ///
    /// For a guest without an upcall handler, or one that may wait for another port before it has handled this one; else
    /// [`Events::dispatch`] is faster. Ports take turns. A port without a guard is masked, counted
    /// in [`Events::strays`] and not returned. An owner that cannot work at once masks its port until it has.
    pub fn poll_pending(&self) -> Option<Port> {
        self.poll_of(self.seat())
    }

    /// Does as [`Events::poll_pending`] on another processor: names the ports of which that one is told.
    pub fn poll_pending_on(&self, scanner: &Scanner<'_>) -> Option<Port> {
        self.poll_of(self.seat_of(scanner))
    }

    #[inline]
    pub(crate) fn seat(&self) -> Seat<'_> {
        let control = self.fifo.as_ref().map(|fifo| fifo.control);
        Seat { vcpu: Vcpu(0), record: self.info.vcpu0(), control, scan: &self.scan, maps: Maps::of(self.info) }
    }

    #[inline]
    pub(crate) fn seat_of<'a>(&'a self, scanner: &'a Scanner<'_>) -> Seat<'a> {
        let Scanner { vcpu, record, control, ref scan } = *scanner;
        Seat { vcpu, record, control, scan, maps: Maps::of(self.info) }
    }

    fn poll_of(&self, seat: Seat<'_>) -> Option<Port> {
        self.gate.run(|| {
            let Some(fifo) = self.in_fifo() else { return self.next_claimed(seat) };
            Self::begin_queues(seat);
            self.next_queued((fifo, &mut Ahead::default()), seat, words_of(seat.control?))
        })
    }

    fn next_claimed(&self, seat: Seat<'_>) -> Option<Port> {
        let two = &seat.scan.two;
        two.keep(two.poll(seat.record));
        // A claim may turn out to be nothing, or a closed port's. A stray is masked, so the bound is never reached.
        (0..=MAX_PORTS).map_while(|_| self.claim(seat, 1, two.selected())).find_map(|claim| {
            let port = claim.lowest(claim.bits);
            (self.is_undisturbed(seat.maps, claim, claim.bits) || self.judge(port, claim)).then_some(port)
        })
    }

    /// Has Xen make an upcall for what comes from now on.
    #[inline(always)]
    pub(crate) fn begin_queues(seat: Seat<'_>) {
        if seat.record.upcall_pending().load(Ordering::SeqCst) != 0 {
            // Before ready bits are read: Xen sets those first, so that one that we miss makes a new upcall.
            seat.record.upcall_pending().store(0, Ordering::SeqCst);
        }
    }

    /// Decides on a claimed event of a port to which something may have happened.
    #[cold]
    #[inline(never)]
    pub(crate) fn reconsider(&self, port: Port, claim: Claim) -> bool {
        self.gate.run(|| self.judge(port, claim))
    }

    /// Does as [`Events::reconsider`] in a section of the gate.
    #[cold]
    #[inline(never)]
    fn judge(&self, port: Port, claim: Claim) -> bool {
        let found = self.slot(port).zip(Bit::of(self.info, port));
        let verdict = found.map(|(slot, bit)| claim.judge(slot.value(), &bit));
        if verdict == Some(Verdict::Elsewhere) {
            self.raise_again(port);
        }
        verdict == Some(Verdict::HandOut)
    }

    /// Takes the next event out of the queues; to be called in a section of the gate.
    #[inline(always)]
    pub(crate) fn next_queued(
        &self,
        (fifo, ahead): (&Fifo<'s>, &mut Ahead<'s, AtomicU32, WORDS>),
        seat: Seat<'_>,
        control: Control<'_>,
    ) -> Option<Port> {
        // A handler may be where the domain is resumed in the other ABI: then no queue goes on, and no page is known.
        let shared = Shared { ready: control.0, heads: control.1, page: |number| fifo.page(number) };
        let ours = |port| {
            usize::try_from(port).is_ok_and(|at| self.slots.get(at).is_some_and(|slot| slot.is_live_on(seat.vcpu)))
        };
        match seat.scan.queues.next(&shared, ahead, ours) {
            Next::Event(port) => Some(Port(port)),
            Next::Empty => None,
            Next::Unusual => self.next_step((&seat.scan.queues, seat.vcpu), control),
        }
    }

    /// Does as [`Events::next_queued`] where not all is as usual.
    #[cold]
    #[inline(never)]
    fn next_step(&self, (queues, vcpu): (&Queues, Vcpu), (ready, heads): Control<'_>) -> Option<Port> {
        let fifo = self.in_fifo()?;
        let shared = Shared { ready, heads, page: |number| fifo.page(number) };
        let whose = |port| match self.slot(Port(port)).map(Slot::life) {
            Some(life) if life.kind.is_live() && life.vcpu == vcpu => Whose::Ours,
            Some(life) if life.queue != vcpu => Whose::Elsewhere,
            _ => Whose::Foreign,
        };
        // Each step takes a word out of a queue, or a queue off the list: a bound that only disorder reaches (E09).
        for _ in 0..MOST_STEPS {
            if queues.is_searching()
                && let Some(port) = self.search(fifo, (queues, vcpu))
            {
                return Some(port);
            }
            match queues.step(&shared, whose) {
                Step::Event(port) => return Some(Port(port)),
                Step::Empty => return None,
                Step::Nothing => {}
                Step::Foreign(port) => self.foreign(fifo, Port(port)),
                Step::Disorder => {
                    fifo.disorders.fetch_add(1, Ordering::Relaxed);
                    self.unlink_all(fifo, (queues, vcpu), heads);
                }
            }
        }
        None
    }

    /// Takes a port that is not the processor's, and that was in its queue.
    #[cold]
    fn foreign(&self, fifo: &Fifo<'s>, port: Port) {
        // Before it may be in another queue.
        self.slot(port).into_iter().for_each(Slot::settle);
        if !fifo.word(port).is_some_and(fifo::is_pending) {
            return;
        }
        if self.slot(port).is_some_and(|slot| slot.kind().is_live()) {
            // It was told of before the port was told to another one.
            self.raise_again(port);
        } else {
            self.take_pending(port);
            self.stray(port);
        }
    }

    /// Takes all words out of the processor's queues, which are in disorder, and leaves their events there.
    ///
    /// What Xen links meanwhile may hang on a word that is taken out afterwards, so it ends only when all words were looked at
    /// and none was in a queue: then whatever is in one now hangs on a head that Xen names.
    #[cold]
    fn unlink_all(&self, fifo: &Fifo<'s>, (queues, vcpu): (&Queues, Vcpu), heads: &[AtomicU32; 16]) {
        for _ in 0..MOST_SWEEPS {
            let mut found = false;
            for port in (1..fifo.words()).map(Port) {
                let (Some(word), slot) = (fifo.word(port), self.slot(port)) else { continue };
                let life = slot.map_or(Life::unpack(0), Slot::life);
                // Another's word is in a queue that is in order, as far as anybody knows, and that must not be torn.
                if life.queue != vcpu {
                    continue;
                }
                let linked = fifo::unlink(word).is_some();
                if linked {
                    // Before the port may be in another queue.
                    queues.spend(port.0, heads);
                    found = true;
                }
                let ours = life.kind.is_live() && life.vcpu == vcpu;
                if !ours && (linked || life.kind.is_live()) {
                    self.foreign(fifo, port);
                }
            }
            if !found {
                return;
            }
        }
    }

    /// Goes on through all ports for the events of words that were taken out of queues in disorder.
    #[cold]
    fn search(&self, fifo: &Fifo<'s>, (queues, vcpu): (&Queues, Vcpu)) -> Option<Port> {
        for at in queues.searched()..fifo.words() {
            let (Some(word), Some(slot)) = (fifo.word(Port(at)), self.slot(Port(at))) else { continue };
            if slot.is_live_on(vcpu) && fifo::take_unlinked(word) {
                queues.search_from(at.wrapping_add(1));
                return Some(Port(at));
            }
        }
        queues.search_from(0);
        None
    }

    /// Returns at most `budget` ports, as [`Events::poll_pending`] does.
    ///
    /// Xen makes no new upcall for what is left then: see [`Events::may_have_more`].
    pub fn poll_some(&self, budget: usize) -> impl Iterator<Item = Port> {
        core::iter::from_fn(|| self.poll_pending()).take(budget)
    }

    /// Tells whether another [`Events::poll_pending`] may be worth while.
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        self.has_more(self.seat())
    }

    /// Tells whether another [`Events::poll_pending_on`] may be worth while.
    #[must_use]
    pub fn may_have_more_on(&self, scanner: &Scanner<'_>) -> bool {
        self.has_more(self.seat_of(scanner))
    }

    fn has_more(&self, seat: Seat<'_>) -> bool {
        if self.in_fifo().is_some() {
            let named = seat.control.map_or(0, |control| control.ready().load(Ordering::SeqCst));
            // E12: bits that are of no queue stay there, and mean nothing.
            return named & fifo::ALL != 0 || seat.scan.queues.is_ready();
        }
        sync::told(seat.record).1.load(Ordering::SeqCst) != 0 || seat.scan.two.is_ready()
    }

    /// Masks and counts a port without a guard on which an event has come.
    #[cold]
    pub(crate) fn stray(&self, port: Port) {
        let is_live = || self.slot(port).is_some_and(|slot| slot.kind().is_live());
        if is_live() {
            return;
        }
        self.mask(port);
        self.strays.fetch_add(1, Ordering::Relaxed);
        if is_live() {
            // Another processor has bound it meanwhile, and may have unmasked it before: at worst it is told once too
            // often. Refused, it is as deaf as its own unmasking would have left it.
            let _ = self.unmask(port);
        }
    }
}
