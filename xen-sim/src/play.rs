//! Plays one lifecycle on a mock host.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use guest::lifecycle::Lifecycle;
use xen_hypercall::Nanos;
use xen_hypercall::op::sched::Reason;
use xen_mock::Host;

use crate::player::Player;
use crate::{Arrangement, MockMachine};

/// One line that the guest said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was first seen, in virtual time since the host was built.
    pub at: Nanos,
    /// What it says, without its end.
    pub text: String,
}

/// What a lifecycle did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// All that the guest said.
    pub lines: Vec<Line>,
    /// What it said in emergencies.
    pub emergencies: String,
}

impl Report {
    /// Returns the names of the guest's own scenarios that went well.
    #[must_use]
    pub fn scenarios(&self) -> Vec<String> {
        let name = |line: &Line| {
            let rest = line.text.strip_prefix("xen-guest: scenario name=")?;
            rest.strip_suffix(" result=ok").map(str::to_owned)
        };
        self.lines.iter().filter_map(name).collect()
    }
}

/// Why a lifecycle failed, and what the guest had said by then.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The step and what was wrong with it.
    pub why: String,
    /// What the guest said.
    pub report: Report,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.why)?;
        let said = &self.report.lines;
        for line in said.iter().skip(said.len().saturating_sub(12)) {
            writeln!(f, "    {}", line.text)?;
        }
        write!(f, "    {}", self.report.emergencies.trim_end())
    }
}

impl std::error::Error for Failure {}

/// Runs the guest through a lifecycle on a mock host, and then asks the host whether the guest kept the rules.
///
/// # Errors
/// [`Failure`] if a step did not end as it should, the guest said `FAIL`, or it broke a rule of the host's.
pub fn play(lifecycle: &Lifecycle, arrangement: Arrangement) -> Result<Report, Failure> {
    play_on(&arrangement.fit(lifecycle).host(lifecycle.name), lifecycle)
}

/// Does as [`play`] on a host of the caller's, whose traces and ledger then tell what the guest did.
///
/// # Errors
/// As [`play`].
pub fn play_on(host: &Host, lifecycle: &Lifecycle) -> Result<Report, Failure> {
    let player = Rc::new(RefCell::new(Player::new(lifecycle.steps)));
    let director = Rc::clone(&player);
    host.direct(move |host| director.borrow_mut().advance(host));
    let emergencies = Rc::new(RefCell::new(String::new()));
    run(host, lifecycle, (&player, &emergencies));
    // The end of the console's text may come without an event.
    host.console().drain();
    player.borrow_mut().advance(host);
    let report = Report { lines: player.borrow().lines().to_vec(), emergencies: emergencies.borrow().clone() };
    let why = player.borrow().complaint().or_else(|| rules(host));
    match why {
        None => Ok(report),
        Some(why) => Err(Failure { why, report }),
    }
}

/// Runs the guest, again after each reboot, until it stops for good.
fn run(host: &Host, lifecycle: &Lifecycle, (player, emergencies): (&RefCell<Player>, &Rc<RefCell<String>>)) {
    loop {
        let machine = |guest| MockMachine::new(guest, Rc::clone(emergencies));
        let ended = host.run(|guest| guest::run(&machine(guest), lifecycle.cmdline));
        player.borrow_mut().advance(host);
        if ended != Ok(Reason::REBOOT) {
            return;
        }
        host.toolstack().create();
    }
}

fn rules(host: &Host) -> Option<String> {
    let broken = host.check().err()?;
    let list: Vec<String> = broken.iter().map(ToString::to_string).collect();
    Some(format!("the guest broke the rules: {}", list.join("; ")))
}
