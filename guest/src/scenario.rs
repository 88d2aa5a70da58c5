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

use xen_hypercall::Hypercall;

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

/// Runs every scenario, says how each one went, and tells whether all went well.
pub(crate) fn run_all<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>, voice: &Voice<'_, '_, M, H>) -> bool {
    let scenarios = all();
    let count = scenarios.len();
    let mut failed = 0_u32;
    for (name, scenario) in scenarios {
        match scenario(bench) {
            Ok(()) => voice.say(format_args!("scenario name={name} result=ok")),
            Err(why) => {
                failed += 1;
                voice.fail(format_args!("scenario name={name} why={why}"));
                store::tidy(bench);
            }
        }
    }
    let result = if failed == 0 { "ok" } else { "fail" };
    voice.say(format_args!("selftest result={result} scenarios={count} failed={failed}"));
    failed == 0
}
