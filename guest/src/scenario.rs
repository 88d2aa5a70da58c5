//! The guest's own scenarios: the same functions on the mock host and on a real Xen.

mod channels;
mod clock;
mod event;
mod grant;
mod shared;
mod store;
mod trial;

use core::cell::RefCell;
use core::fmt;

use xen_hypercall::{DomId, Hypercall};

pub(crate) use trial::Trial;

use crate::Machine;
use crate::crew::{Crew, TableOf};
use crate::start::{Base, StoreOf};
use crate::voice::Voice;

/// What a scenario works with: the guest's services, all of them in use.
pub(crate) struct Bench<'s, 'p, 'b, M: Machine, H: Hypercall> {
    /// The machine, the hook, event channels and the clock.
    pub(crate) base: &'s Base<'b, M, H>,
    /// The grant table.
    pub(crate) table: &'p TableOf<'p, 'b, M, H>,
    /// The other processors.
    pub(crate) crew: &'s Crew<'p, 'b, M, H>,
    /// xenstore.
    pub(crate) store: &'s RefCell<StoreOf<'p, 'b, M, H>>,
}

/// What was not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) &'static str);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Failed {}

/// Fails with `what` unless it holds.
#[expect(clippy::fn_params_excessive_bools, reason = "a condition, as of `assert!`")]
pub(crate) const fn hold(holds: bool, what: &'static str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed(what)) }
}

/// Names what an error stopped; the error itself is in the trace.
pub(crate) fn at<E>(what: &'static str) -> impl FnOnce(E) -> Failed {
    move |_| Failed(what)
}

/// No domain has this number.
const NOBODY: DomId = DomId(0x7FE0);

/// A scenario: a name and what it does.
type Scenario<'s, 'p, 'b, M, H> = (&'static str, fn(&Bench<'s, 'p, 'b, M, H>) -> Result<(), Failed>);

const fn all<'s, 'p, 'b, M: Machine, H: Hypercall>() -> [Scenario<'s, 'p, 'b, M, H>; 18] {
    [
        ("version", clock::version),
        ("clock", clock::monotonic),
        ("deadline", clock::deadline),
        ("loopback", event::loopback),
        ("ipi", event::ipi),
        ("upcall", event::upcall),
        ("timer", event::timer),
        ("event-errors", event::errors),
        ("grant", grant::offer_and_end),
        ("grant-refused", grant::refused),
        ("store-values", store::values),
        ("store-directory", store::directory),
        ("store-permissions", store::permissions),
        ("store-denied", store::denied),
        ("store-commit", store::commit),
        ("store-conflict", store::conflict),
        ("store-watch", store::watch),
        ("store-pipeline", store::pipeline),
    ]
}

/// How many scenarios there were so far, and how many of them failed.
struct Count<'a, 'v, 'b, M: Machine, H: Hypercall> {
    voice: &'a Voice<'v, 'b, M, H>,
    all: u32,
    failed: u32,
}

impl<'a, 'v, 'b, M: Machine, H: Hypercall> Count<'a, 'v, 'b, M, H> {
    const fn new(voice: &'a Voice<'v, 'b, M, H>) -> Self {
        Self { voice, all: 0, failed: 0 }
    }

    /// Says how a scenario went.
    fn take(&mut self, name: &str, result: Result<(), Failed>) {
        self.all += 1;
        match result {
            Ok(()) => self.voice.say(format_args!("scenario name={name} result=ok")),
            Err(why) => {
                self.failed += 1;
                self.voice.fail(format_args!("scenario name={name} why={why}"));
            }
        }
    }
}

impl<M: Machine, H: Hypercall> fmt::Display for Count<'_, '_, '_, M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = if self.failed == 0 { "ok" } else { "fail" };
        write!(f, "result={result} scenarios={} failed={}", self.all, self.failed)
    }
}

/// Runs every scenario and says how each one went.
pub(crate) fn run_all<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, voice: &Voice<'_, '_, M, H>) {
    let mut count = Count::new(voice);
    for (name, scenario) in all() {
        count.take(name, scenario(bench).inspect_err(|_| store::tidy(bench)));
    }
    voice.say(format_args!("selftest {count}"));
}
