//! The console on the mock host: output in order, a backend that does not read or lies, and a suspend in between.

use std::cell::Cell;
use std::fmt::Write;

use xen_evtchn::{Events, Slot};
use xen_frontend::console::{ConnectError, Console, ConsoleDevice, ring_gfn};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{memory, sched};
use xen_hypercall::{EpochCell, Errno, Gfn, IrqGate, Nanos, Number, SharedInfo, SharedPage};
use xen_mock::{Builder, Daemon, Destination, Guest, Hook, Host, Save};
use xen_ring::Misbehaved;
use xen_suspend::{Class, DeviceSuspend};

/// A guest with event channels and the page of its console, which is not connected yet.
struct Desk {
    host: Host,
    guest: Guest,
    hook: Hook,
    epoch: EpochCell,
    info: SharedInfo,
    slots: Vec<Slot>,
    ring: Option<SharedPage>,
}

impl Desk {
    fn new(build: impl FnOnce(Builder) -> Builder) -> Self {
        let host = build(Host::builder()).build();
        let guest = host.guest();
        let hook = guest.hook();
        let info = SharedInfo::new(guest.page());
        memory::map_shared_info(&hook, info.page()).unwrap();
        hvm::set_param(&hook, Param::CALLBACK_IRQ, hvm::callback_vector(0xF3)).unwrap();
        let ring = ring_gfn(&hook).ok().map(|gfn| guest.map(gfn));
        let slots = (0..64).map(|_| Slot::new()).collect();
        Self { host, guest, hook, epoch: EpochCell::new(), info, slots, ring }
    }

    fn working() -> Self {
        Self::new(|builder| builder)
    }

    fn use_console<R>(&self, work: impl FnOnce(&Events<'_, &Hook>, &Console<'_, Hook>) -> R) -> R {
        let events = Events::new(&self.hook, &self.epoch, &self.info, &self.slots);
        events.mask_all();
        let console = Console::new(&self.hook, &events, self.ring.as_ref());
        work(&events, &console)
    }

    /// Lets the host have its turns for a while.
    fn pause(&self) {
        let until = Nanos(self.guest.system_time().0 + 10_000_000);
        sched::poll(&self.hook, &[], Some(until)).unwrap();
    }

    fn text(&self) -> String {
        self.pause();
        self.host.console().text()
    }

    fn suspend(&self, save: Save) -> isize {
        self.host.toolstack().await_suspend(save);
        sched::shutdown(&self.hook, sched::Reason::SUSPEND)
    }
}

#[test]
fn output_arrives_in_order_and_input_as_it_is() {
    let desk = Desk::working();
    desk.use_console(|_, console| {
        write!(&mut &*console, "before ").unwrap();
        console.connect().unwrap();
        writeln!(&mut &*console, "and after").unwrap();
        assert_eq!(desk.text(), "before and after\n");
        // C10: what is typed stays bytes.
        desk.host.console().send("ls\u{1b}[2J\n");
        desk.pause();
        let mut typed = [0; 16];
        let count = console.read(&mut typed);
        assert_eq!(&typed[..count], b"ls\x1b[2J\n");
        assert_eq!(console.read(&mut typed), 0);
    });
    desk.host.check().unwrap();
}

#[test]
fn c06_a_backend_that_does_not_read_costs_nobody_time() {
    let desk = Desk::new(|builder| builder.console(Daemon::Stuck));
    desk.use_console(|_, console| {
        console.connect().unwrap();
        // The ring takes 2048 bytes, the backlog 4096.
        let written = console.write(&[b'x'; 7000]);
        assert_eq!((written.taken, written.dropped), (2048 + 4096, 7000 - 2048 - 4096));
        assert_eq!(console.write(b"more").dropped, 4);
        assert_eq!(console.dropped(), 7000 - 2048 - 4096 + 4);
        assert!(!console.flush());
    });
    // The neighbour: with one that reads, nothing is dropped, however much it is.
    let desk = Desk::working();
    desk.use_console(|_, console| {
        console.connect().unwrap();
        assert_eq!(console.write(&[b'x'; 6000]).dropped, 0);
        while !console.flush() {
            desk.pause();
        }
        assert_eq!(desk.text().len(), 6000);
    });
}

#[test]
fn a_freeze_is_patient_and_bounded() {
    let desk = Desk::new(|builder| builder.console(Daemon::Stuck));
    desk.use_console(|_, console| {
        console.connect().unwrap();
        console.write(b"nobody reads this");
        let mut device = ConsoleDevice::new(console);
        assert!(device.prepare().is_ready());
        let polls = (0..100).take_while(|_| device.freeze().is_pending()).count();
        assert_eq!(polls, 4);
    });
    let desk = Desk::working();
    desk.use_console(|_, console| {
        console.connect().unwrap();
        console.write(b"read at once");
        desk.pause();
        let mut device = ConsoleDevice::new(console);
        assert!(device.prepare().is_ready() && device.freeze().is_ready());
    });
}

/// Freezes the console, says something, suspends in this way, and says more.
fn through(save: Save) -> (Desk, String) {
    let desk = Desk::working();
    desk.use_console(|events, console| {
        console.connect().unwrap();
        writeln!(&mut &*console, "one").unwrap();
        desk.pause();
        let mut device = ConsoleDevice::new(console);
        assert!(device.prepare().is_ready() && device.freeze().is_ready());
        writeln!(&mut &*console, "two").unwrap();
        assert_eq!(desk.text(), "one\n", "held");
        match desk.suspend(save) {
            0 => {
                memory::map_shared_info(&desk.hook, desk.info.page()).unwrap();
                desk.epoch.advance();
                events.rebuild();
                assert!(device.resume(Class::New).is_ready());
            }
            _ => device.thaw(Class::Cancel),
        }
        writeln!(&mut &*console, "three").unwrap();
    });
    let text = desk.text();
    (desk, text)
}

#[test]
fn output_of_the_blackout_follows_in_order() {
    for save in [Save::Checkpoint, Save::Restore(Destination { ports_before: 5, ..Destination::default() })] {
        let (desk, text) = through(save);
        assert_eq!(text, "one\ntwo\nthree\n", "{save:?}");
        desk.host.check().unwrap();
    }
}

#[test]
fn a_missing_or_moved_console_is_said() {
    let desk = Desk::new(|builder| builder.console(Daemon::Absent));
    desk.use_console(|_, console| {
        assert_eq!(console.connect(), Err(ConnectError::Missing));
        assert_eq!(console.write(b"kept").taken, 4);
    });
    let mut desk = Desk::working();
    let right = desk.ring.replace(desk.guest.page()).unwrap().gfn();
    desk.use_console(|_, console| assert_eq!(console.connect(), Err(ConnectError::Moved(right))));
    assert_ne!(right, Gfn(0));
    let desk = Desk::working();
    desk.host.faults().on_call(Number::HVM_OP).returns(-4077);
    desk.use_console(|_, console| {
        let Err(ConnectError::Xen(errno)) = console.connect() else { panic!("Xen was not heard") };
        assert_eq!(errno, Errno::exact(-4077).unwrap_err());
        assert_eq!(console.connect(), Ok(()), "the next time it works");
    });
}

/// C01, C02: impossible indices cost the connection, and nothing else; what is written is kept for the next one.
#[test]
fn c02_a_backend_that_lies_loses_the_connection() {
    const OUT_CONS: usize = 3080;
    let desk = Desk::new(|builder| builder.console(Daemon::Stuck));
    desk.use_console(|_, console| {
        console.connect().unwrap();
        assert_eq!(console.write(b"hello").taken, 5);
        let consumed = desk.ring.as_ref().unwrap().u32_at::<OUT_CONS>();
        consumed.store(6, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(console.write(b"again"), xen_frontend::console::Written { taken: 5, dropped: 0 });
        assert!(matches!(console.misbehaved(), Some(Misbehaved::Overrun { .. })));
        assert!(matches!(console.connect(), Err(ConnectError::Ring(_))), "it still lies");
        // The neighbour: the largest index that is no lie.
        consumed.store(5, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(console.connect(), Ok(()));
        assert_eq!(console.misbehaved(), None);
        assert!(console.flush(), "what was kept is in the ring");
    });
}

/// Counts sections, and fails if one begins within another.
#[derive(Default)]
struct Counting {
    inside: Cell<bool>,
    sections: Cell<u32>,
}

impl IrqGate for Counting {
    type Saved = bool;

    fn off(&self) -> bool {
        self.sections.set(self.sections.get() + 1);
        self.inside.replace(true)
    }

    fn restore(&self, saved: bool) {
        self.inside.set(saved);
    }
}

#[test]
fn every_access_is_a_section_of_the_gate() {
    let (desk, gate) = (Desk::working(), Counting::default());
    let events = Events::new(&desk.hook, &desk.epoch, &desk.info, &desk.slots).with_gate(&gate);
    let console = Console::with_gate(&desk.hook, &events, desk.ring.as_ref(), &gate);
    console.connect().unwrap();
    let sections = |work: &dyn Fn()| {
        let before = gate.sections.get();
        work();
        assert!(!gate.inside.get(), "left again");
        gate.sections.get() - before
    };
    assert!(sections(&|| assert_eq!(console.write(b"x").taken, 1)) > 0);
    assert!(sections(&|| assert_eq!(console.read(&mut [0; 4]), 0)) > 0);
    assert!(sections(&|| assert!(console.flush())) > 0);
}
