//! The FIFO ABI on the mock host, which looks at every change that the guest makes: with processors of their own, across each
//! kind of resume, and with each hypercall failing in turn.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use std::cell::RefCell;

use xen_evtchn::{Abi, AbiError, BoundPort, Delivery as _, Events, Fifo, Scanner, Slot, VcpuVector};
use xen_hypercall::op::event_channel::{ControlBlock, Priority, Virq};
use xen_hypercall::op::{hvm, memory, sched, vcpu};
use xen_hypercall::{DomId, EpochCell, Errno, Nanos, Number, Port, SharedInfo, SharedPage, Vcpu, VcpuInfo};
use xen_mock::{Destination, FifoAbi, Hook, Host, Save};

type Bound<'e> = BoundPort<'e, &'e Hook>;

/// What outlives a table of ports.
struct Parts {
    host: Host,
    xen: Hook,
    epoch: EpochCell,
    info: SharedInfo,
    slots: Vec<Slot>,
    controls: SharedPage,
    words: Vec<SharedPage>,
    record: &'static SharedPage,
}

impl Parts {
    fn new(pages: usize) -> Self {
        Self::on(Host::builder().vcpus(2).max_port(131_071).build(), pages)
    }

    fn on(host: Host, pages: usize) -> Self {
        let guest = host.guest();
        let (xen, info, controls) = (guest.hook(), SharedInfo::new(guest.page()), guest.page());
        let record = Box::leak(Box::new(guest.page()));
        let words = (0..pages).map(|_| guest.page()).collect();
        let slots = (0..pages.max(1).checked_mul(1024).unwrap()).map(|_| Slot::new()).collect();
        let parts = Self { xen, epoch: EpochCell::new(), info, slots, controls, words, record, host };
        parts.arrive();
        parts
    }

    /// Does what is to be done in each new domain before there are events.
    fn arrive(&self) {
        memory::map_shared_info(&self.xen, self.info.page()).unwrap();
        VcpuVector(0x20).start(&self.xen).unwrap();
        self.on_one(|| vcpu::register_vcpu_info(&self.xen, Vcpu(1), self.record()).unwrap());
        [0, 1].iter().for_each(|at| VcpuVector(0x20).join(&self.xen, Vcpu(*at)).unwrap());
    }

    fn on_one<R>(&self, work: impl FnOnce() -> R) -> R {
        self.host.guest().on_vcpu(Vcpu(1), work)
    }

    fn record(&self) -> VcpuInfo<'static> {
        VcpuInfo::new(self.record, 0).unwrap()
    }

    fn control(&self, place: usize) -> ControlBlock<'_> {
        ControlBlock::new(&self.controls, place).unwrap()
    }

    fn events(&self) -> Events<'_, &Hook> {
        let fifo = Fifo::new(&self.words, self.control(0));
        Events::new(&self.xen, &self.epoch, &self.info, &self.slots).with_fifo(fifo)
    }

    fn scanner(&self) -> Scanner<'_> {
        Scanner::new(Vcpu(1), self.record()).with_control(self.control(1))
    }

    fn suspend(&self, save: Save) -> isize {
        self.host.toolstack().save(save);
        self.host.store().write("control/shutdown", "");
        sched::shutdown(&self.xen, sched::Reason::SUSPEND)
    }

    fn store_port(&self) -> Port {
        Port(u32::try_from(hvm::param(&self.xen, hvm::Param::STORE_EVTCHN).unwrap()).unwrap())
    }
}

fn unmasked(port: Bound<'_>) -> Bound<'_> {
    port.unmask().unwrap();
    port
}

fn found(events: &Events<'_, &Hook>, scanner: &Scanner<'_>) -> Vec<Port> {
    let mut ports = vec![];
    events.dispatch_on(scanner, 100, |port| ports.push(port));
    ports
}

fn dispatched(events: &Events<'_, &Hook>) -> Vec<Port> {
    let mut ports = vec![];
    events.dispatch(100, |port| ports.push(port));
    ports
}

#[test]
fn a_backend_and_we_call_each_other_by_queues() {
    let p = Parts::new(1);
    let events = p.events();
    assert_eq!((events.choose(), p.host.events().is_fifo()), (Ok(Abi::Fifo), true));
    let port = events.alloc_unbound(DomId::DOM0).unwrap();
    let end = p.host.dom0().bind(port.number()).unwrap();
    port.set_priority(Priority::HIGHEST).unwrap();
    p.host.dom0().notify(end);
    assert_eq!(dispatched(&events), [], "masked");
    port.unmask().unwrap();
    assert_eq!(p.host.events().ready(Vcpu(0)), Some(1), "the most urgent queue");
    assert_eq!(dispatched(&events), [port.number()]);
    port.notify().unwrap();
    assert_eq!(p.host.dom0().take_events(end), 1);
    p.host.dom0().notify(end);
    drop(port);
    assert_eq!((events.lingering(), dispatched(&events), events.lingering(), events.strays()), (1, vec![], 0, 0));
    assert_eq!(p.host.check(), Ok(()));
}

/// More ports than the bitmaps have: one bound for each word of six pages.
#[test]
fn there_are_more_ports_than_bits() {
    let p = Parts::new(6);
    let events = p.events();
    events.choose().unwrap();
    let ports: Vec<_> = core::iter::from_fn(|| events.bind_ipi(Vcpu(0)).ok()).collect();
    let last = ports.last().unwrap();
    assert_eq!(last.number(), Port(6 * 1024 - 1));
    [last, &ports[0]].iter().for_each(|port| port.unmask().unwrap());
    [last, &ports[0]].iter().for_each(|port| port.notify().unwrap());
    assert_eq!(dispatched(&events), [last.number(), ports[0].number()]);
    drop(ports);
    assert_eq!((events.open(), p.host.check()), (0, Ok(())));
}

#[test]
fn each_processor_has_its_queues_and_its_timer() {
    let p = Parts::new(1);
    let events = p.events();
    events.choose().unwrap();
    let one = p.scanner();
    p.on_one(|| events.join(&one)).unwrap();
    let ports = [0, 1].map(|at| unmasked(events.bind_ipi(Vcpu(at)).unwrap()));
    ports.iter().for_each(|port| port.notify().unwrap());
    assert_eq!(found(&events, &one), [ports[1].number()]);
    assert_eq!(dispatched(&events), [ports[0].number()]);
    let timer = p.on_one(|| unmasked(events.bind_virq(Virq::TIMER, Vcpu(1)).unwrap()));
    let soon = p.host.guest().system_time().after(Nanos(1000));
    p.on_one(|| vcpu::set_singleshot_timer(&p.xen, Vcpu(1), soon)).unwrap();
    events.wait(&[timer.number()], None).unwrap();
    assert_eq!((dispatched(&events), found(&events, &one)), (vec![], vec![timer.number()]));
    // Told to the other processor while its event is in the queue of this one.
    let channel = unmasked(events.alloc_unbound(DomId::DOM0).unwrap());
    let end = p.host.dom0().bind(channel.number()).unwrap();
    p.host.dom0().notify(end);
    channel.tell(Vcpu(1)).unwrap();
    assert_eq!(dispatched(&events), []);
    assert_eq!((found(&events, &one), p.host.check()), (vec![channel.number()], Ok(())));
}

/// I12, I13, I15: a new domain, on a host with FIFO or without: what is per processor is bound again on that one, once; what
/// comes before is found; old guards are inert.
#[test]
fn a_restore_chooses_the_abi_anew() {
    for (fifo, abi) in
        [(FifoAbi::Present, Abi::Fifo), (FifoAbi::Unknown, Abi::TwoLevel), (FifoAbi::Disabled, Abi::TwoLevel)]
    {
        let p = Parts::new(1);
        let events = p.events();
        events.choose().unwrap();
        let one = p.scanner();
        p.on_one(|| events.join(&one)).unwrap();
        let old = [0, 1].map(|at| unmasked(events.bind_ipi(Vcpu(at)).unwrap()));
        old.iter().for_each(|port| port.notify().unwrap());
        assert_eq!(p.suspend(Save::Restore(Destination { fifo: Some(fifo), ..Destination::default() })), 0);
        p.epoch.advance();
        p.arrive();
        assert_eq!(events.rebuild(), Ok(abi));
        p.on_one(|| events.join(&one)).unwrap();
        let store = unmasked(events.adopt(p.store_port()).unwrap());
        // Bound where it belongs, and called before anybody has looked.
        let new =
            [unmasked(events.bind_ipi(Vcpu(0)).unwrap()), p.on_one(|| unmasked(events.bind_ipi(Vcpu(1)).unwrap()))];
        new.iter().for_each(|port| port.notify().unwrap());
        drop(old);
        assert_eq!(found(&events, &one), [new[1].number()], "{fifo:?}");
        let here = dispatched(&events);
        assert!(
            here.contains(&new[0].number()) && here.iter().all(|port| [store.number(), new[0].number()].contains(port))
        );
        assert_eq!((p.host.ledger().holdings().ports.len(), events.strays()), (2, 0), "I13: and no more");
        assert_eq!(p.host.check(), Ok(()));
    }
}

/// A checkpoint and a slow resume: Xen keeps words, control blocks and queues, and so do we.
#[test]
fn a_resume_in_the_same_domain_goes_on_with_the_queues() {
    for (save, result) in [(Save::Checkpoint, 1), (Save::SlowResume, 0)] {
        let p = Parts::new(1);
        let events = p.events();
        events.choose().unwrap();
        let one = p.scanner();
        p.on_one(|| events.join(&one)).unwrap();
        let mut ports = [0, 1].map(|at| unmasked(events.bind_ipi(Vcpu(at)).unwrap()));
        ports.iter().for_each(|port| port.notify().unwrap());
        let mark = p.host.trace().mark();
        assert_eq!(p.suspend(save), result);
        if result == 0 {
            p.epoch.advance();
            events.reconcile();
            ports = [0, 1].map(|at| unmasked(events.rebind_ipi(Vcpu(at)).unwrap()));
        }
        assert_eq!((events.abi(), dispatched(&events)), (Abi::Fifo, vec![ports[0].number()]));
        assert_eq!(found(&events, &one), [ports[1].number()]);
        let made = p.host.trace().calls_since(mark);
        assert!(made.iter().all(|call| ![7, 11, 12].contains(&call.cmd)), "nothing is made anew");
        drop(ports);
        assert_eq!((events.open(), p.host.check()), (0, Ok(())));
    }
}

/// E04: Xen sends events between any two steps: each pass ends, and none is lost in the end.
#[test]
fn e04_a_storm_ends_with_the_budget() {
    let p = Parts::new(1);
    let events = p.events();
    events.choose().unwrap();
    let (storm, calm) = (unmasked(events.bind_ipi(Vcpu(0)).unwrap()), unmasked(events.bind_ipi(Vcpu(0)).unwrap()));
    p.host.events().storm(&[storm.number()]);
    calm.notify().unwrap();
    let told = RefCell::new(vec![]);
    for _ in 0..4 {
        let count = events.dispatch(3, |port| {
            storm.binding().unwrap();
            told.borrow_mut().push(port);
        });
        assert!(count <= 3);
    }
    p.host.events().calm();
    assert!(told.borrow().contains(&calm.number()) && told.borrow().len() <= 12);
    while events.may_have_more() {
        events.dispatch(3, |_| {});
    }
    assert_eq!((storm.is_pending(), p.host.check()), (Ok(false), Ok(())));
}

/// E15: every hypercall of a life fails once in turn: no panic; an ABI that can be used, or the reason why not.
#[test]
fn e15_each_hypercall_may_fail() {
    for nth in (1..).step_by(if cfg!(miri) { 3 } else { 1 }) {
        let p = Parts::new(2);
        let events = p.events();
        p.host.faults().on_call(Number::EVENT_CHANNEL_OP).nth(nth).returns(-12);
        let mark = p.host.trace().mark();
        let chosen = events.choose();
        let expected = match nth {
            1 => Ok(Abi::TwoLevel),
            2 => Err(AbiError::NoWords(Errno::ENOMEM)),
            _ => Ok(Abi::Fifo),
        };
        assert_eq!(chosen, expected, "the first page of words is enough");
        let one = p.scanner();
        let joined = p.on_one(|| events.join(&one));
        for vcpu in
            [Vcpu(0), Vcpu(1)].into_iter().take(if chosen.is_err() { 0 } else { 1 + usize::from(joined.is_ok()) })
        {
            let Ok(port) = events.bind_ipi(vcpu) else { continue };
            let sent = port.unmask().is_ok() && port.notify().is_ok();
            let told = if vcpu == Vcpu(0) { dispatched(&events) } else { found(&events, &one) };
            assert_eq!(told.contains(&port.number()), sent);
        }
        assert_eq!((events.open(), p.host.ledger().holdings().ports.len()), (events.leaked(), events.leaked()));
        if p.host.trace().calls_since(mark).iter().all(|call| call.result != Some(-12)) {
            assert!(nth > 8, "all of them had their turn");
            break;
        }
    }
}
