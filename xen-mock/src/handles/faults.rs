//! Asking for faults.

use xen_hypercall::{DomId, Nanos, Number, Port};

use super::handle;
use crate::faults::{CallRule, EventRule, GrantRule, GrantTwist, StoreRule, Window};
use crate::xenstored::Twist;
use crate::xenstored::path::absolute;
use crate::xenstored::tree::{Access, Permission};
use crate::xenstored::wire::StoreOp;

/// Says which of the matching calls, operations or requests are hit.
macro_rules! window {
    ($what:literal) => {
        #[doc = concat!("Only from the `n`-th matching ", $what, " on, counted from 1.")]
        pub const fn nth(mut self, n: u64) -> Self {
            self.window.skip = n.saturating_sub(1);
            self
        }

        #[doc = concat!("So many matching ", $what, "s, one after the other.")]
        pub const fn times(mut self, times: u64) -> Self {
            self.window.times = times;
            self
        }
    };
}

handle! {
    /// What shall go wrong.
    Faults
}

impl Faults {
    /// Begins a fault of hypercalls of one number.
    pub fn on_call(&self, number: Number) -> CallFault {
        CallFault { host: self.host.clone(), number: Some(number), cmd: None, window: Window::ONCE }
    }

    /// Begins a fault of hypercalls of every number.
    pub fn on_any_call(&self) -> CallFault {
        CallFault { host: self.host.clone(), number: None, cmd: None, window: Window::ONCE }
    }

    /// Begins a fault of operations on grants with this command, counted one by one through all batches.
    pub fn on_grant(&self, cmd: usize) -> GrantFault {
        GrantFault { host: self.host.clone(), cmd, window: Window::ONCE }
    }

    /// Has Xen claim that the grant table has this size: frames in use, and frames that there may be.
    pub fn grant_size(&self, frames: u32, max_frames: u32) {
        self.host.world().faults.grant_size = Some((frames, max_frames));
    }

    /// Has Xen write at most so many of the frames that `GNTTABOP_setup_table` or `GNTTABOP_get_status_frames` were asked for.
    pub fn grant_frames_written(&self, frames: usize) {
        self.host.world().faults.grant_frames_written = Some(frames);
    }

    /// Begins a fault of requests to xenstored.
    pub fn on_store(&self, op: StoreOp) -> StoreFault {
        StoreFault { host: self.host.clone(), op, path: None, window: Window::ONCE }
    }

    /// Has the next `times` events by a port of the guest lost, in either direction.
    pub fn drop_events(&self, port: Port, times: u64) {
        let window = Window { times, ..Window::ONCE };
        self.host.world().faults.events.push(EventRule { port, window });
    }

    /// Makes an event come in by a port, for no reason.
    pub fn spurious_event(&self, port: Port) {
        self.host.world().domain.raise(port);
    }

    /// Takes away the guest's right to write `control/shutdown`: it cannot acknowledge any more.
    pub fn deny_acknowledgement(&self) {
        let mut world = self.host.world();
        let guest = world.domain.id;
        let path = absolute(guest, "control/shutdown");
        let owner = Permission { domain: DomId::DOM0, access: Access::None };
        let reader = Permission { domain: guest, access: Access::Read };
        drop(world.store.as_dom0(|view| view.set_permissions(&path, vec![owner, reader])));
        world.flush_store();
    }

    /// Has dom0 refuse the guest's drivers from now on: emulated devices are not unplugged.
    pub fn refuse_drivers(&self) {
        self.host.world().faults.refuses_drivers = true;
    }

    /// Takes back all faults that were asked for and have not come yet.
    pub fn clear(&self) {
        self.host.world().faults = Default::default();
    }
}

/// A fault of hypercalls in the making: by default, the next matching one is hit, once.
#[derive(Debug)]
#[must_use = "nothing happens before its result is named"]
pub struct CallFault {
    host: crate::Host,
    number: Option<Number>,
    cmd: Option<usize>,
    window: Window,
}

impl CallFault {
    /// Only calls of this command, the first argument.
    pub const fn cmd(mut self, cmd: usize) -> Self {
        self.cmd = Some(cmd);
        self
    }

    window!("call");

    /// Has them return this value without being made.
    pub fn returns(self, result: isize) {
        let Self { host, number, cmd, window } = self;
        host.world().faults.calls.push(CallRule { number, cmd, window, result });
    }
}

/// A fault of operations on grants in the making: by default, the next matching one is hit, once.
#[derive(Debug)]
#[must_use = "nothing happens before its result is named"]
pub struct GrantFault {
    host: crate::Host,
    cmd: usize,
    window: Window,
}

impl GrantFault {
    window!("operation");

    /// Has them end with this status without being done; a positive one is such as no Xen may give, and one has given.
    pub fn status(self, status: i16) {
        self.push(GrantTwist::Status(status));
    }

    /// Has them not be done, and their status stay as the guest left it, while the call succeeds.
    pub fn unwritten(self) {
        self.push(GrantTwist::Unwritten);
    }

    /// Has the whole call end here with this result: what came before in the batch is done, the rest is as it was.
    pub fn fails_call(self, result: isize) {
        self.push(GrantTwist::Call(result));
    }

    fn push(self, twist: GrantTwist) {
        let Self { host, cmd, window } = self;
        host.world().faults.grants.push(GrantRule { cmd, window, twist });
    }
}

/// A fault of requests to xenstored in the making: by default, the next matching one is hit, once.
#[derive(Debug)]
#[must_use = "nothing happens before its answer is named"]
pub struct StoreFault {
    host: crate::Host,
    op: StoreOp,
    path: Option<String>,
    window: Window,
}

impl StoreFault {
    /// Only requests on this path; below the domain's home if relative.
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.into());
        self
    }

    window!("request");

    /// Answers an error of this name, known or not, instead of serving them.
    pub fn fails(self, error: &str) {
        self.push(Twist::Error(error.into()));
    }

    /// Serves them, and answers so much later; so wait all answers behind.
    pub fn delays(self, by: Nanos) {
        self.push(Twist::Delay(by));
    }

    /// Serves them, and never answers.
    pub fn swallows(self) {
        self.push(Twist::Swallow);
    }

    /// Serves and answers them; the watch events that they cause come so much later, as may be with the daemon in OCaml. So
    /// wait all answers behind.
    pub fn delays_events(self, by: Nanos) {
        self.push(Twist::LateEvents(by));
    }

    /// Answers a message of this type and payload instead of serving them.
    pub fn answers(self, op: StoreOp, payload: &[u8]) {
        self.push(Twist::Answer(op, payload.into()));
    }

    fn push(self, twist: Twist) {
        let Self { host, op, path, window } = self;
        host.world().faults.store.push(StoreRule { op, path, window, twist });
    }
}
