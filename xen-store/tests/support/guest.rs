//! A guest on the mock host: its page of the store, and the seam by its event port.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{event_channel, memory, sched};
use xen_hypercall::{Gfn, Nanos, Port, SharedPage, SystemTime};
use xen_mock::{Guest, Hook, Host, Save};
use xen_store::Link;

/// The seam by the store's port, polled.
pub(crate) struct Seam {
    guest: Guest,
    xen: Hook,
    shared: SharedPage,
    port: Cell<Port>,
}

impl std::fmt::Debug for Seam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seam")
    }
}

impl Seam {
    pub(crate) fn new(host: &Host) -> Self {
        let guest = host.guest();
        let seam = Self { xen: guest.hook(), shared: guest.page(), port: Cell::new(Port(0)), guest };
        seam.connect();
        hvm::set_param(&seam.xen, Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
        seam
    }

    /// Finds the store's page; to be asked once.
    pub(crate) fn page(&self) -> SharedPage {
        self.guest.map(Gfn(hvm::param(&self.xen, Param::STORE_PFN).unwrap()))
    }

    /// What a guest does first in a new domain.
    pub(crate) fn connect(&self) {
        memory::map_shared_info(&self.xen, &self.shared).unwrap();
        let port = hvm::param(&self.xen, Param::STORE_EVTCHN).unwrap();
        self.port.set(Port(u32::try_from(port).unwrap()));
    }

    /// Has the toolstack save the guest, and suspends.
    pub(crate) fn suspend(&self, host: &Host, save: Save) -> isize {
        let _operation = host.toolstack().await_suspend(save);
        sched::shutdown(&self.xen, sched::Reason::SUSPEND)
    }

    /// Sleeps until the store's port is pending, or the deadline.
    pub(crate) fn sleep(&self, deadline: Nanos) {
        sched::poll(&self.xen, &[self.port.get()], Some(SystemTime(deadline.0))).unwrap();
    }

    /// Tells whether the store's port is pending, and clears it.
    pub(crate) fn take_pending(&self) -> bool {
        let Port(port) = self.port.get();
        let bit = 1 << (port % 64);
        let words = self.shared.u64s_at::<2048, 64>();
        words[usize::try_from(port / 64).unwrap()].fetch_and(!bit, Relaxed) & bit != 0
    }

    /// Returns the store's port.
    pub(crate) fn port(&self) -> Port {
        self.port.get()
    }

    /// Returns the time so much after now.
    pub(crate) fn after(&self, millis: u64) -> Nanos {
        self.now().after(Nanos::from_millis(millis))
    }
}

impl Link for Seam {
    fn notify(&self) {
        event_channel::send(&self.xen, self.port.get()).unwrap();
    }

    fn now(&self) -> Nanos {
        Nanos(self.guest.system_time().0)
    }

    fn wait(&self, deadline: Nanos) {
        self.sleep(deadline);
        self.take_pending();
    }
}
