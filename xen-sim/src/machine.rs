//! The mock host's machine, as the guest wants one.

use std::cell::RefCell;
use std::rc::Rc;

use guest::Machine;
use xen_hypercall::{Gfn, SharedPage};
use xen_mock::{Guest, Hook, MockCpu};

/// A guest's machine on the mock host.
#[derive(Debug)]
pub struct MockMachine {
    guest: Guest,
    hook: Hook,
    cpu: MockCpu,
    emergencies: Rc<RefCell<String>>,
}

impl MockMachine {
    /// Makes the machine of a mock guest; what the guest says in an emergency goes into `emergencies`.
    #[must_use]
    pub fn new(guest: Guest, emergencies: Rc<RefCell<String>>) -> Self {
        let (hook, cpu) = (guest.hook(), guest.cpu());
        Self { guest, hook, cpu, emergencies }
    }
}

impl Machine for MockMachine {
    type Hook = Hook;
    type Cpu = MockCpu;

    fn hook(&self) -> &Hook {
        &self.hook
    }

    fn cpu(&self) -> &MockCpu {
        &self.cpu
    }

    fn page(&self) -> Option<SharedPage> {
        Some(self.guest.page())
    }

    fn map(&self, gfn: Gfn) -> SharedPage {
        self.guest.map(gfn)
    }

    fn moved(&self) {
        // The mock takes hypercalls without an instruction, on any processor.
    }

    fn emergency(&self, text: &str) {
        self.emergencies.borrow_mut().push_str(text);
    }
}
