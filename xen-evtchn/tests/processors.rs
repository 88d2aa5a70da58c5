//! Several processors on the mock host: each finds its own events, and no event is lost between two of them.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use std::sync::atomic::Ordering::SeqCst;

use xen_evtchn::{BoundPort, Events, Scanner, Slot};
use xen_hypercall::op::event_channel::Virq;
use xen_hypercall::op::{hvm, memory};
use xen_hypercall::{DomId, EpochCell, Errno, Nanos, Port, SharedInfo, Vcpu, VcpuInfo};
use xen_mock::{Hook, Host};

const LAST: Vcpu = Vcpu(39);

struct Parts {
    host: Host,
    xen: Hook,
    epoch: EpochCell,
    info: SharedInfo,
    slots: [Slot; 64],
}

impl Parts {
    fn new() -> Self {
        let host = Host::builder().vcpus(40).build();
        let (xen, info) = (host.guest().hook(), SharedInfo::new(host.guest().page()));
        memory::map_shared_info(&xen, info.page()).unwrap();
        hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
        Self { host, xen, epoch: EpochCell::new(), info, slots: [const { Slot::new() }; 64] }
    }

    fn events(&self) -> Events<'_, &Hook> {
        let events = Events::new(&self.xen, &self.epoch, &self.info, &self.slots);
        events.mask_all();
        events
    }

    /// Registers the record of a processor, on itself, and returns its scanner.
    fn scanner(&self, vcpu: Vcpu) -> Scanner<'static> {
        let page = Box::leak(Box::new(self.host.guest().page()));
        let record = VcpuInfo::new(page, 5).unwrap();
        let registered = || xen_hypercall::op::vcpu::register_vcpu_info(&self.xen, vcpu, record);
        self.host.guest().on_vcpu(vcpu, registered).unwrap();
        Scanner::new(vcpu, record)
    }
}

fn found(events: &Events<'_, &Hook>, scanner: &Scanner<'_>) -> Vec<Port> {
    std::iter::from_fn(|| events.poll_pending_on(scanner)).collect()
}

fn unmasked<'e>(port: BoundPort<'e, &'e Hook>) -> BoundPort<'e, &'e Hook> {
    port.unmask().unwrap();
    port
}

#[test]
fn each_processor_finds_its_own_events_although_they_share_a_word() {
    let p = Parts::new();
    let events = p.events();
    let (one, last) = (p.scanner(Vcpu(1)), p.scanner(LAST));
    let ports = [Vcpu(0), Vcpu(1), LAST].map(|vcpu| unmasked(events.bind_ipi(vcpu).unwrap()));
    ports.iter().for_each(|port| port.notify().unwrap());
    assert_eq!(found(&events, &last), [ports[2].number()]);
    assert_eq!(events.poll_pending(), Some(ports[0].number()));
    assert_eq!(events.poll_pending(), None);
    assert_eq!(found(&events, &one), [ports[1].number()]);
    assert_eq!(events.strays(), 0);
}

#[test]
fn a_foreign_event_in_the_word_does_not_keep_a_scan_busy_nor_end_it() {
    let p = Parts::new();
    let events = p.events();
    let one = p.scanner(Vcpu(1));
    let (theirs, mine) = (unmasked(events.bind_ipi(Vcpu(0)).unwrap()), unmasked(events.bind_ipi(Vcpu(1)).unwrap()));
    theirs.notify().unwrap();
    assert_eq!(found(&events, &one), []);
    mine.notify().unwrap();
    assert_eq!(found(&events, &one), [mine.number()], "the selector is set anew for the next event");
}

#[test]
fn each_processor_has_a_timer_of_its_own() {
    let p = Parts::new();
    let events = p.events();
    let one = p.scanner(Vcpu(1));
    let timer = p.host.guest().on_vcpu(Vcpu(1), || unmasked(events.bind_virq(Virq::TIMER, Vcpu(1)).unwrap()));
    let soon = p.host.guest().system_time().after(Nanos(1000));
    let set = || xen_hypercall::op::vcpu::set_singleshot_timer(&p.xen, Vcpu(1), soon);
    assert_eq!(set(), Err(Errno::EINVAL), "only on the processor itself");
    p.host.guest().on_vcpu(Vcpu(1), set).unwrap();
    events.wait(&[timer.number()], None).unwrap();
    assert_eq!(events.poll_pending(), None, "vCPU 0 is not told");
    assert_eq!(found(&events, &one), [timer.number()]);
}

#[test]
fn a_port_that_another_processor_is_told_of_loses_no_event() {
    let p = Parts::new();
    let events = p.events();
    let one = p.scanner(Vcpu(1));
    let port = unmasked(events.alloc_unbound(DomId::DOM0).unwrap());
    let end = p.host.dom0().bind(port.number()).unwrap();
    p.host.dom0().notify(end);
    // It has come, and vCPU 0 has not looked: the other one finds it.
    port.tell(Vcpu(1)).unwrap();
    assert_eq!(events.poll_pending(), None);
    assert_eq!(found(&events, &one), [port.number()]);
    p.host.dom0().notify(end);
    assert_eq!(found(&events, &one), [port.number()]);
}

#[test]
fn a_port_of_one_processor_cannot_be_told_to_another_and_stays_as_it_was() {
    let p = Parts::new();
    let events = p.events();
    let port = unmasked(events.bind_ipi(Vcpu(0)).unwrap());
    assert!(port.tell(Vcpu(1)).is_err());
    port.notify().unwrap();
    assert_eq!(events.poll_pending(), Some(port.number()), "still unmasked, still vCPU 0's");
}

#[test]
fn a_scanner_forgets_the_old_domain() {
    let p = Parts::new();
    let events = p.events();
    let one = p.scanner(Vcpu(1));
    let ports = [0; 2].map(|_| unmasked(events.bind_ipi(Vcpu(1)).unwrap()));
    ports.iter().for_each(|port| port.notify().unwrap());
    assert!(events.poll_pending_on(&one).is_some());
    one.reset();
    assert_eq!(events.poll_pending_on(&one), None, "what was named before is named no more");
}

/// Xen takes the new processor and does not deliver what had come: the port waits, masked, for its next unmasking.
#[test]
fn an_event_that_is_not_delivered_to_the_new_processor_waits_there() {
    let p = Parts::new();
    let events = p.events();
    let one = p.scanner(Vcpu(1));
    let port = unmasked(events.alloc_unbound(DomId::DOM0).unwrap());
    let end = p.host.dom0().bind(port.number()).unwrap();
    p.host.dom0().notify(end);
    p.host.faults().on_call(xen_hypercall::Number::EVENT_CHANNEL_OP).cmd(9).times(1).returns(-22);
    assert!(port.tell(Vcpu(1)).is_err());
    assert_eq!((events.poll_pending(), found(&events, &one), port.is_pending()), (None, vec![], Ok(true)));
    assert_ne!(p.info.mask()[0].load(SeqCst) & 1 << port.number().0, 0);
    port.unmask().unwrap();
    assert_eq!((events.poll_pending(), found(&events, &one)), (None, vec![port.number()]));
}

/// A port that is closed is free for another processor at once, however early Xen gives out its number again.
#[test]
fn a_port_that_xen_does_not_close_is_still_ours() {
    let p = Parts::new();
    let events = p.events();
    let port = unmasked(events.bind_ipi(Vcpu(0)).unwrap());
    p.host.faults().on_call(xen_hypercall::Number::EVENT_CHANNEL_OP).cmd(3).times(1).returns(-16);
    let refused = port.close().unwrap_err();
    assert_eq!((refused.errno, events.open()), (Errno::EBUSY, 1), "its guard is back, and its slot taken");
    refused.port.close().unwrap();
    assert_eq!(events.open(), 0);
}

/// An adopted port stays with the processor that Xen tells, whoever adopts it again.
#[test]
fn an_adopted_port_keeps_its_processor_in_the_same_domain() {
    let p = Parts::new();
    let events = p.events();
    let one = p.scanner(Vcpu(1));
    let number = Port(u32::try_from(hvm::param(&p.xen, hvm::Param::CONSOLE_EVTCHN).unwrap()).unwrap());
    let port = events.adopt(number).unwrap();
    port.tell(Vcpu(1)).unwrap();
    drop(port);
    let port = unmasked(events.adopt(number).unwrap());
    p.host.console().send("x");
    events.wait(&[number], None).unwrap();
    assert_eq!(found(&events, &one), [port.number()]);
}

/// A virtual interrupt that the domain has once is found again, although another processor is told of it.
#[test]
fn a_global_interrupt_that_was_told_elsewhere_is_bound_again() {
    let p = Parts::new();
    let events = p.events();
    let (one, global) = (p.scanner(Vcpu(1)), Virq(2));
    let port = events.bind_virq(global, Vcpu(0)).unwrap();
    port.tell(Vcpu(1)).unwrap();
    let number = port.number();
    p.epoch.advance();
    events.reconcile();
    let again = unmasked(events.rebind_virq(global, Vcpu(0)).unwrap());
    assert_eq!(again.number(), number);
    drop(port);
    assert_eq!(events.open(), 1, "the old guard is inert");
    let _ = one;
}
