//! What outlives a table.

use xen_grant::{Slot, Table, Version};
use xen_hypercall::op::hvm;
use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::{EpochCell, SharedPage};
use xen_mock::{Hook, Host, Save};

use super::{CAP, TOTAL_CAP};

/// How large a table is, and of which version it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Places for frames.
    pub frames: usize,
    /// Frames that are mapped at first.
    pub first: usize,
    /// Slots.
    pub slots: usize,
    /// The version that is asked for.
    pub version: Version,
}

/// A host, and what the guest has given to its table.
#[derive(Debug)]
pub struct Site {
    pub(super) host: Host,
    pub(super) shape: Shape,
    hook: Hook,
    pub(super) epoch: EpochCell,
    frames: Vec<SharedPage>,
    status: Vec<SharedPage>,
    slots: Vec<Slot>,
}

impl Site {
    /// Makes a host with a guest.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let host = Host::builder().build();
        let guest = host.guest();
        let pages = |count: usize| (0..count).map(|_| guest.page()).collect();
        let (frames, status) = (pages(shape.frames), pages(shape.version.status_frames(shape.frames)));
        let slots = (0..shape.slots).map(|_| Slot::new()).collect();
        Self { hook: guest.hook(), host, shape, epoch: EpochCell::new(), frames, status, slots }
    }

    /// Makes the table, which is still to be built.
    #[must_use]
    pub fn table(&self) -> Table<'_, &Hook> {
        let table = Table::new(&self.hook, &self.epoch, &self.frames, &self.slots).with_status(&self.status);
        table.with_first(self.shape.first).with_cap(CAP).with_total_cap(TOTAL_CAP)
    }

    /// Suspends the guest.
    pub(super) fn suspend(&self, save: Save) -> isize {
        // By this the toolstack knows that the call may be told that nothing has changed.
        let set = hvm::set_param(&self.hook, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20));
        assert_eq!(set, Ok(()));
        self.host.toolstack().await_suspend(save);
        sched::shutdown(&self.hook, Reason::SUSPEND)
    }

    /// Stops the guest for good.
    pub(super) fn stop(&self) {
        let _ = sched::shutdown(&self.hook, Reason::POWEROFF);
    }
}
