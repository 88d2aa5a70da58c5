//! One processor of the crew: what it holds, and how it comes by it.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use spin::{Mutex, Once};
use xen_evtchn::{BindError, BoundPort, Scanner};
use xen_hypercall::op::event_channel::Virq;
use xen_hypercall::op::vcpu;
use xen_hypercall::{Errno, Hypercall, Nanos, Port, SharedPage, Vcpu, VcpuInfo};
use xen_suspend::services::Registration;
use xen_suspend::{Class, Fatal, Order, Stage};

use crate::Machine;
use crate::start::{BUDGET, Base};

/// Time from one tick of a processor to the next.
const PERIOD: Nanos = Nanos::from_millis(200);

type Bound<'b, M, H> = BoundPort<'b, &'b H, <M as Machine>::Gate>;

/// What a processor holds. Its own alone, and locked in sections of the gate only.
struct Life<'b, M: Machine, H: Hypercall> {
    scanner: Option<Scanner<'static>>,
    ipi: Option<Bound<'b, M, H>>,
    timer: Option<Bound<'b, M, H>>,
    /// A page to lend again and again.
    page: Option<SharedPage>,
}

/// One processor, vCPU 0 excepted.
pub(crate) struct Member<'b, M: Machine, H: Hypercall> {
    life: Mutex<Life<'b, M, H>>,
    /// What Xen tells it: its interrupt handler's, which takes no lock.
    record: Once<VcpuInfo<'static>>,
    joined: AtomicBool,
    failed: AtomicBool,
    /// The port by which others call it; 0 as long as it is not up.
    port: AtomicU32,
    ticks: AtomicU64,
    calls: AtomicU64,
    /// What ticks and calls were when vCPU 0 looked last.
    seen: [AtomicU64; 2],
}

impl<'b, M: Machine, H: Hypercall> Member<'b, M, H> {
    pub(crate) const fn new() -> Self {
        let life = Life { scanner: None, ipi: None, timer: None, page: None };
        Self {
            life: Mutex::new(life),
            record: Once::new(),
            joined: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            port: AtomicU32::new(0),
            ticks: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            seen: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// Gives it what it needs from before its first moment on.
    pub(super) fn equip(&self, scanner: Scanner<'static>, page: SharedPage) {
        self.record.call_once(|| scanner.record());
        let mut life = self.life.lock();
        (life.scanner, life.page) = (Some(scanner), Some(page));
    }

    /// Tells by which port it is called, once it is up.
    pub(super) fn port(&self) -> Option<Port> {
        let number = self.port.load(Ordering::Acquire);
        (number != 0).then_some(Port(number))
    }

    /// Tells whether it has ticked and was called since this was asked last.
    pub(super) fn has_worked(&self) -> bool {
        let now = [&self.ticks, &self.calls].map(|count| count.load(Ordering::Relaxed));
        let before = [0, 1].map(|at| self.seen[at].swap(now[at], Ordering::Relaxed));
        now[0] != before[0] && now[1] != before[1]
    }

    /// Tells once that it is to join the others.
    pub(super) fn joins(&self) -> bool {
        !self.joined.swap(true, Ordering::Relaxed)
    }

    /// Takes note that it could not come up: it is left out, and stays so.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Registers, or as `registered` has it finds that done; binds its ports and starts its timer.
    pub(super) fn come_up(&self, base: &Base<'b, M, H>, vcpu: Vcpu, registered: Class) -> Result<(), BindError> {
        self.register(base, (vcpu, registered)).map_err(BindError::Xen)?;
        self.join(base).map_err(BindError::Xen)?;
        self.bind(base, (vcpu, Class::New))
    }

    /// Does its own part of the rebuild.
    pub(super) fn carry_out(&self, base: &Base<'b, M, H>, vcpu: Vcpu, order: Order) -> Result<(), Fatal> {
        let Order { stage, class } = order;
        let done = match stage {
            Stage::PerVcpu if class == Class::New => {
                self.register(base, (vcpu, class)).and_then(|()| self.join(base)).map_err(Some)
            }
            Stage::PerVcpu => self.register(base, (vcpu, class)).map_err(Some),
            _ => self.bind(base, (vcpu, class)).map_err(BindError::errno),
        };
        done.map_err(|errno| Fatal { stage, errno })
    }

    fn register(&self, base: &Base<'b, M, H>, (vcpu, class): (Vcpu, Class)) -> Result<(), Errno> {
        let life = self.life.lock();
        let record = life.scanner.as_ref().map(Scanner::record);
        Registration { record, upcall: base.vector }.make(base.hook, vcpu, class)
    }

    /// Has Xen tell this processor of events, in whichever ABI is in force.
    fn join(&self, base: &Base<'b, M, H>) -> Result<(), Errno> {
        let life = self.life.lock();
        let joined = life.scanner.as_ref().map_or(Ok(()), |scanner| base.events.join(scanner));
        joined.map_err(|error| error.errno().unwrap_or(Errno::EINVAL))
    }

    fn bind(&self, base: &Base<'b, M, H>, (vcpu, class): (Vcpu, Class)) -> Result<(), BindError> {
        let (ipi, timer) = if class == Class::New {
            (base.events.bind_ipi(vcpu)?, base.events.bind_virq(Virq::TIMER, vcpu)?)
        } else {
            (base.events.rebind_ipi(vcpu)?, base.events.rebind_virq(Virq::TIMER, vcpu)?)
        };
        // Fresh from Xen: it can be unmasked, and if not the processor is found not to work.
        let _ = (ipi.unmask(), timer.unmask());
        let mut life = self.life.lock();
        arm(base, vcpu, &life)?;
        // Last: from now on it is up, and others call it.
        self.port.store(ipi.number().0, Ordering::Release);
        (life.ipi, life.timer) = (Some(ipi), Some(timer));
        Ok(())
    }

    /// Takes events that have come; counts calls, and tells whether the timer went off, which is started again, and whether
    /// there may be more.
    pub(super) fn look(&self, base: &Base<'b, M, H>, vcpu: Vcpu) -> (bool, bool) {
        let life = self.life.lock();
        let Some(scanner) = &life.scanner else { return (false, false) };
        let [ipi, timer] = [&life.ipi, &life.timer].map(|bound| bound.as_ref().map(BoundPort::number));
        let mut due = false;
        base.events.dispatch_on(scanner, BUDGET, |port| {
            due |= timer == Some(port);
            if ipi == Some(port) {
                self.calls.fetch_add(1, Ordering::Relaxed);
            }
        });
        if due {
            // Refused: then it does not tick, which vCPU 0 sees.
            let _ = arm(base, vcpu, &life);
        }
        (due, base.events.may_have_more_on(scanner))
    }

    /// Forgets that Xen has something to say: the next turn looks. Takes no lock, so that an interrupt amid it does no harm.
    pub(super) fn heard(&self) {
        if let Some(record) = self.record.get() {
            record.upcall_pending().store(0, Ordering::SeqCst);
        }
    }

    /// Takes the page out, for a while.
    pub(super) fn take_page(&self) -> Option<SharedPage> {
        self.life.lock().page.take()
    }

    /// Puts the page back: the tick is done.
    pub(super) fn ticked(&self, page: Option<SharedPage>) {
        self.life.lock().page = page;
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

fn arm<M: Machine, H: Hypercall>(base: &Base<'_, M, H>, vcpu: Vcpu, life: &Life<'_, M, H>) -> Result<(), Errno> {
    let Some(scanner) = &life.scanner else { return Ok(()) };
    let at = base.clock.now_on(scanner.record()).after(PERIOD);
    vcpu::set_singleshot_timer(base.hook, vcpu, base.clock.to_system(at))
}
