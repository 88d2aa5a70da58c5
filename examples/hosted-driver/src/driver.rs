//! The driver: three callbacks, and what the coordinator is to know of the system.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use xen_hypercall::EpochCell;
use xen_suspend::{
    Blind, Deadlines, DeviceSlot, DeviceSuspend, Embedder, Event, Outcome, Runner, Step, SuspendCoordinator,
};

use crate::bus::Bus;
use crate::disk::Disk;
use crate::hooks::{Arch, BusService, ByStop, Captured, Node, Producers};
use crate::os::Os;

/// A driver that the system calls, and that calls nobody's main loop.
#[derive(Debug)]
pub struct Driver {
    os: Rc<Os>,
    bus: Rc<Bus>,
    epoch: EpochCell,
    coordinator: RefCell<SuspendCoordinator<[DeviceSlot; 1]>>,
    disk: RefCell<Disk>,
    /// The system stops: no suspend any more.
    stopping: Cell<bool>,
}

impl Driver {
    /// Loads the driver and connects its disk.
    #[must_use]
    pub fn load(os: Rc<Os>, bus: Rc<Bus>) -> Self {
        Self {
            epoch: EpochCell::new(),
            coordinator: RefCell::new(SuspendCoordinator::new([DeviceSlot::new()], Deadlines::default())),
            disk: RefCell::new(Disk::new(Rc::clone(&bus))),
            stopping: Cell::new(false),
            os,
            bus,
        }
    }

    /// The first callback: an event came. At a raised level: it takes answers, and leaves the rest to the work item.
    pub fn on_upcall(&self) {
        self.disk.borrow_mut().harvest();
        self.os.queue_work();
    }

    /// The second: the work item, in a thread. It goes on with a suspend as far as it comes, and never waits for a device;
    /// returns what is left for the system to do.
    pub fn on_work(&self) -> Outcome {
        let mut coordinator = self.coordinator.borrow_mut();
        let back = self.disk.borrow_mut().comes_back();
        let (captured, bus) = (Cell::new(false), &*self.bus);
        let disk: &mut dyn DeviceSuspend = &mut *self.disk.borrow_mut();
        let embedder = Embedder {
            clock: &*self.os,
            epoch: &self.epoch,
            policy: &mut ByStop(&self.stopping),
            os: &mut Producers,
            park: &mut Captured(&captured),
            arch: &mut Arch { bus, os: &self.os },
            control: &mut Node(bus),
            core: &mut [&mut BusService(bus)],
            devices: &mut [disk],
            observer: &mut Blind,
        };
        let mut runner = Runner::new(&mut coordinator, embedder, &*self.os);
        if back {
            runner.feed(Event::Recovered(0));
        }
        runner.tick();
        loop {
            let mut step = None;
            if runner.will_park() {
                captured.set(self.os.capture(|| {
                    captured.set(true);
                    step = Some(runner.step());
                }));
            }
            match step.unwrap_or_else(|| runner.step()) {
                Step::More => {}
                Step::Wait(until) => {
                    self.os.set_timer(until);
                    return Outcome::Idle;
                }
                Step::Done(outcome) => return outcome,
            }
        }
    }

    /// The third: the system is about to stop.
    pub fn on_shutdown(&self) {
        self.stopping.set(true);
    }

    /// Submits a request of the system's; tells whether there was room.
    pub fn submit(&self, id: u64) -> bool {
        self.disk.borrow_mut().submit(id)
    }

    /// Returns the requests that were completed, in order.
    pub fn completed(&self) -> Vec<u64> {
        self.disk.borrow().done()
    }

    /// Returns how often the guest went on in a new context.
    pub fn epochs(&self) -> String {
        self.epoch.now().to_string()
    }
}
