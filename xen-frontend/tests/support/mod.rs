//! A guest on the mock host that has event channels and a console, and no more.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of each test")]

mod embedding;
pub mod whole;

use std::sync::atomic::Ordering::Relaxed;

#[allow(unused_imports, reason = "each test uses a part")]
pub use embedding::Suspending;
use xen_evtchn::{Events, Slot};
use xen_frontend::console::{Console, ring_gfn};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::memory;
use xen_hypercall::{EpochCell, Nanos, Number, SharedInfo, SharedPage};
use xen_mock::{Builder, Hook, Host, Mark};

/// `EVTCHNOP_send`.
const SEND: usize = 4;
/// Offsets in the page, by `io/console.h`.
const OUT: usize = 1024;
const OUT_SIZE: u32 = 2048;
const IN_CONS: usize = 3072;
const IN_PROD: usize = 3076;
const OUT_CONS: usize = 3080;
const OUT_PROD: usize = 3084;

/// A guest's console and what it stands on.
#[derive(Debug)]
pub struct Stand<'c> {
    pub host: &'c Host,
    pub hook: &'c Hook,
    pub epoch: &'c EpochCell,
    pub info: &'c SharedInfo,
    pub events: &'c Events<'c, &'c Hook>,
    /// The ring; the domain's own, or any page if it has none.
    pub ring: &'c SharedPage,
    pub console: Console<'c, &'c Hook>,
}

/// Runs a test on a console that is not connected, and then asks the host whether the guest kept the rules.
pub fn on(builder: Builder, test: impl FnOnce(&Stand<'_>)) {
    with_page(builder, |host| ring_gfn(&host.guest().hook()).ok().map(|gfn| host.guest().map(gfn)), test);
}

/// Runs a test on a console with a connection.
pub fn connected(builder: Builder, test: impl FnOnce(&Stand<'_>)) {
    on(builder, |stand| {
        stand.console.connect().unwrap();
        test(stand);
    });
}

/// Runs a test on a console whose page is what `page` says.
pub fn with_page(builder: Builder, page: impl FnOnce(&Host) -> Option<SharedPage>, test: impl FnOnce(&Stand<'_>)) {
    let host = builder.build();
    let hook = host.guest().hook();
    let epoch = EpochCell::new();
    let info = SharedInfo::new(host.guest().page());
    memory::map_shared_info(&hook, info.page()).unwrap();
    let slots = [const { Slot::new() }; 64];
    let events = Events::new(&hook, &epoch, &info, &slots);
    events.mask_all();
    let (page, other) = (page(&host), host.guest().page());
    let console = Console::new(&events, page.as_ref());
    let ring = page.as_ref().unwrap_or(&other);
    test(&Stand { host: &host, hook: &hook, epoch: &epoch, info: &info, events: &events, ring, console });
    host.check().unwrap();
}

impl Stand<'_> {
    /// Lets the daemons work for a millisecond.
    pub fn pause(&self) {
        let deadline = self.host.guest().system_time().after(Nanos::from_millis(1));
        self.events.wait(&[], Some(deadline)).unwrap();
    }

    /// Returns what the console's reader has seen, after a pause.
    pub fn seen(&self) -> String {
        self.pause();
        self.host.console().text()
    }

    /// Returns the point that the trace has reached.
    pub fn mark(&self) -> Mark {
        self.host.trace().mark()
    }

    /// Counts the events sent since `mark`.
    pub fn sent_since(&self, mark: Mark) -> usize {
        self.host.trace().count(mark, Number::EVENT_CHANNEL_OP, SEND)
    }

    /// Returns the parameter's value.
    pub fn param(&self, param: Param) -> u64 {
        hvm::param(self.hook, param).unwrap()
    }

    /// Returns how far the guest has come in its output.
    pub fn out_prod(&self) -> u32 {
        self.ring.u32_at::<OUT_PROD>().load(Relaxed)
    }

    /// Plays a backend that says it has taken output up to here.
    pub fn set_out_cons(&self, to: u32) {
        self.ring.u32_at::<OUT_CONS>().store(to, Relaxed);
    }

    /// Plays a backend that says it has given input up to here.
    pub fn set_in_prod(&self, to: u32) {
        self.ring.u32_at::<IN_PROD>().store(to, Relaxed);
    }

    /// Plays somebody who writes over the guest's own indices.
    pub fn set_guests_own(&self, in_cons: u32, out_prod: u32) {
        self.ring.u32_at::<IN_CONS>().store(in_cons, Relaxed);
        self.ring.u32_at::<OUT_PROD>().store(out_prod, Relaxed);
    }

    /// Plays a good backend that takes at most `most` bytes of output.
    pub fn take(&self, most: u32) -> Vec<u8> {
        let cons = self.ring.u32_at::<OUT_CONS>().load(Relaxed);
        let count = self.out_prod().wrapping_sub(cons).min(most);
        let mut taken = Vec::new();
        for at in 0..count {
            let mut byte = [0];
            let place = usize::try_from(cons.wrapping_add(at) % OUT_SIZE).unwrap();
            self.ring.copy_in(OUT.wrapping_add(place), &mut byte);
            taken.extend(byte);
        }
        self.set_out_cons(cons.wrapping_add(count));
        taken
    }
}

/// Returns text of this length that differs from place to place.
pub fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| b'a'.wrapping_add(u8::try_from(at % 23).unwrap())).collect()
}
