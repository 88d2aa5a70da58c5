//! Every access to the console is a section of the gate.

use std::cell::Cell;

use xen_evtchn::{Events, Slot};
use xen_frontend::console::{Console, ring_gfn};
use xen_hypercall::op::memory;
use xen_hypercall::{EpochCell, IrqGate, SharedInfo};
use xen_mock::Host;

/// Counts sections, and tells whether one is open.
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
fn every_access_is_a_section() {
    let guest = Host::builder().build().guest();
    let (hook, epoch, gate) = (guest.hook(), EpochCell::new(), Counting::default());
    let info = SharedInfo::new(guest.page());
    memory::map_shared_info(&hook, info.page()).unwrap();
    let slots = [const { Slot::new() }; 16];
    let events = Events::new(&hook, &epoch, &info, &slots).with_gate(&gate);
    let ring = guest.map(ring_gfn(&hook).unwrap());
    let console = Console::new(&events, Some(&ring));
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
