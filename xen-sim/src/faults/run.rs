//! One run of the guest, with a fault or none.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use guest::lifecycle::Lifecycle;
use xen_evtchn::Abi;
use xen_hypercall::op::sched::Reason;
use xen_hypercall::{Errno, Faulty, Nanos, Number};
use xen_mock::{Call, Holdings, Host, Mark, Request, State, Violation};

use super::case::Fault;
use super::driver::{Driver, Voice, crashed};
use super::variant::Variant;
use crate::{Line, MockMachine};

/// Hypercalls after which a guest counts as one that hangs: many times what the longest lifecycle makes.
const BUDGET: u64 = 400_000;

/// What becomes of the host before the guest starts, beside the fault.
pub(super) type Arrange<'a> = &'a dyn Fn(&Host);

/// All that was seen of a run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) driver: Driver,
    /// The hypercalls that the guest made, failed ones too: number, command, when.
    pub(super) made: Vec<(Number, usize, Nanos)>,
    /// Those that reached Xen.
    pub(super) calls: Vec<Call>,
    pub(super) requests: Vec<Request>,
    /// When the fault struck.
    pub(super) struck: Option<Nanos>,
    /// What the guest said in emergencies.
    pub(super) cries: String,
    pub(super) state: State,
    pub(super) violations: Vec<Violation>,
    pub(super) panic: Option<String>,
    pub(super) features: Vec<Option<String>>,
    /// Whether the guest runs its scenarios after a resume.
    pub(super) tested: bool,
    /// Whether it finds out after each sleep whether it was frozen.
    pub(super) wakes: bool,
    /// What the guest held at the end.
    pub(super) holdings: Holdings,
}

impl Run {
    pub(super) fn lines(&self) -> &[Line] {
        &self.driver.heard.lines
    }

    /// Tells whether the guest was silent at any time up to a step: what it said then comes later, or never.
    pub(super) fn silent_by(&self, step: usize) -> bool {
        let rests = self.driver.taken.iter().take(step + 1).filter_map(|taken| taken.rest.as_ref());
        rests.map(|rest| rest.voice).any(|voice| voice == Voice::Silent)
    }
}

/// What the plan notes of the hypercalls that pass.
#[derive(Debug, Default)]
struct Notes {
    made: RefCell<Vec<(Number, usize, Nanos)>>,
    struck: Cell<Option<Nanos>>,
}

/// Returns the guest's options. One that finds out after each sleep where it is does not run its scenarios each time: they
/// are those of other lifecycles, and would be more than all of them.
fn options(lifecycle: &Lifecycle, variant: Variant) -> String {
    let wakes = lifecycle.cmdline.contains("wake=1");
    let kept = lifecycle.cmdline.split(' ').filter(|word| !wakes || *word != "selftest_after=1");
    let bitmaps = (variant.evtchn == Abi::TwoLevel).then_some("evtchn=2l");
    kept.chain(bitmaps).collect::<Vec<_>>().join(" ")
}

/// Plays a lifecycle on a host of its own.
pub(super) fn run((lifecycle, variant): (&Lifecycle, Variant), fault: Option<Fault>, arrange: Arrange<'_>) -> Run {
    let host = Host::builder().name(lifecycle.name).kind(variant.kind).vcpus(variant.vcpus).budget(BUDGET).build();
    let (driver, notes) = (Rc::new(RefCell::new(Driver::new(lifecycle.steps))), Rc::new(Notes::default()));
    let cries = Rc::new(RefCell::new(String::new()));
    let cmdline = options(lifecycle, variant);
    arrange(&host);
    let director = Rc::clone(&driver);
    host.direct(move |host| director.borrow_mut().advance(host));
    let played = catch_unwind(AssertUnwindSafe(|| boots(&host, &cmdline, (fault, &notes, &cries))));
    host.direct(|_| ());
    if played.is_ok() {
        host.console().drain();
        driver.borrow_mut().advance(&host);
    }
    let features = ["suspend", "poweroff", "reboot"].map(|name| host.store().read(&format!("control/feature-{name}")));
    let mut violations = host.check().err().unwrap_or_default();
    if crashed(host.state()) {
        // Here the call that crashes the guest returns, and its guards are dropped; on a real Xen it does not.
        let close = Violation::CallAfterStop(Number::EVENT_CHANNEL_OP, 3);
        violations.retain(|violation| *violation != close);
    }
    let driver = driver.replace(Driver::new(&[]));
    Run {
        driver,
        made: notes.made.take(),
        calls: host.trace().calls_since(Mark::default()),
        requests: host.trace().requests_since(Mark::default()),
        struck: notes.struck.get(),
        cries: cries.take(),
        state: host.state(),
        violations,
        panic: played.err().map(|payload| message(payload.as_ref())),
        features: features.into(),
        tested: cmdline.contains("selftest_after=1"),
        wakes: cmdline.contains("wake=1"),
        holdings: host.ledger().holdings(),
    }
}

/// Runs the guest, again after each reboot.
fn boots(host: &Host, cmdline: &str, (fault, notes, cries): (Option<Fault>, &Rc<Notes>, &Rc<RefCell<String>>)) {
    loop {
        let ended = host.run(|guest| {
            let plan = |number, cmd, _nth| {
                let index = notes.made.borrow().len();
                notes.made.borrow_mut().push((number, cmd, host.now()));
                match fault {
                    Some(Fault::Call(at, result)) if at == index => {
                        notes.struck.set(Some(host.now()));
                        Errno::exact(result).err()
                    }
                    _ => None,
                }
            };
            let hook = Faulty::new(guest.hook(), plan);
            guest::run(&MockMachine::with_hook(guest, hook, Rc::clone(cries)), cmdline)
        });
        if ended != Ok(Reason::REBOOT) || host.state() == State::Running {
            return;
        }
        host.toolstack().create();
    }
}

fn message(payload: &(dyn core::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}
