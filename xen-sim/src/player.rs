//! Interprets the steps of a lifecycle, a little at each of the host's turns.

use guest::Tally;
use guest::lifecycle::Step;
use xen_hypercall::{DomId, Nanos};
use xen_mock::{Destination, Holdings, Host, Operation, Outcome, Reason, Save, State, Vendor};

use crate::heard::Heard;
use crate::hoard::{self, word};
use crate::peer::Peer;
use crate::{Line, frontends};

/// Virtual time that one step may take: more than both of the toolstack's clocks.
pub(crate) const LIMIT: Nanos = Nanos::from_secs(300);

/// How long a guest that sleeps has said nothing.
const QUIET: Nanos = Nanos::from_millis(20);

/// What the guest says of a word that each watch of its hoard told of, once.
const ALL_FIRED: &str = "fired=64";
const ONCE_EACH: &str = "events=64";
const _: () = assert!(guest::GROUPS == 64, "as these words say");

/// What is under way within the present step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub(crate) at: Nanos,
    pub(crate) operation: Option<Operation>,
    pub(crate) domid: DomId,
    pub(crate) ticks: usize,
}

/// How a step stands.
enum Standing {
    Waiting,
    Done,
    Wrong(String),
}

/// Where a lifecycle stands.
#[derive(Debug)]
pub(crate) struct Player {
    steps: &'static [Step],
    next: usize,
    begun: Option<Begun>,
    heard: Heard,
    /// Lines before this one have been matched.
    cursor: usize,
    /// All that was typed.
    typed: Tally,
    /// How many words were written to the hoard.
    pokes: u32,
    /// What the guest held at its first census.
    census: Option<[usize; 9]>,
    wrong: Option<String>,
    /// When it is to be asked again whether the guest sleeps.
    again: Nanos,
    /// The guest's peer, once there is one.
    peer: Peer,
}

impl Player {
    pub(crate) const fn new(steps: &'static [Step]) -> Self {
        Self {
            steps,
            next: 0,
            begun: None,
            heard: Heard::new(),
            cursor: 0,
            typed: Tally::new(),
            pokes: 0,
            census: None,
            wrong: None,
            again: Nanos::ZERO,
            peer: Peer::new(),
        }
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.heard.lines
    }

    /// Returns what went wrong, an unfinished step included.
    pub(crate) fn complaint(&self) -> Option<String> {
        let unfinished =
            || self.steps.get(self.next).map(|step| format!("the guest ended in step {} ({step:?})", self.next));
        self.wrong.clone().or_else(unfinished)
    }

    /// Goes on as far as possible.
    pub(crate) fn advance(&mut self, host: &Host) {
        self.listen(host);
        self.peer.turn(host);
        frontends::turn(host);
        while let (None, Some(&step)) = (&self.wrong, self.steps.get(self.next)) {
            let begun = self.begun(step, host);
            match self.judge(step, begun, host) {
                Standing::Done => {
                    self.next += 1;
                    self.begun = None;
                    self.listen(host);
                }
                Standing::Waiting if host.now().since(begun.at) < LIMIT => return,
                Standing::Waiting => self.complain(host, format!("step {} ({step:?}) took too long", self.next)),
                Standing::Wrong(why) => self.complain(host, format!("step {} ({step:?}): {why}", self.next)),
            }
        }
        if self.next == self.steps.len() {
            end(host);
        }
    }

    /// Begins a step, once.
    fn begun(&mut self, step: Step, host: &Host) -> Begun {
        if let (None, Step::Type(bytes)) = (self.begun, step) {
            self.typed.add(type_in(host, self.typed.bytes(), bytes).as_bytes());
        }
        if let (None, Step::Peer) = (self.begun, step) {
            self.peer.appear(host);
        }
        if let (None, Step::Devices(count)) = (self.begun, step) {
            frontends::appear(host, count);
        }
        if let (None, Step::Poke) = (self.begun, step) {
            self.pokes += 1;
            hoard::poke(host, &word(self.pokes));
        }
        let mut begun = *self.begun.get_or_insert_with(|| begin(step, host, &self.heard.lines));
        if is_unasked(step) && begun.operation.is_none() && self.is_quiet(host) {
            // What the guest said before it stood still does not count from here on.
            self.cursor = self.heard.lines.len();
            begun.operation = Some(freeze(step, host));
            self.begun = Some(begun);
        }
        begun
    }

    /// Tells whether the guest sleeps: nobody promises that it finds out when it is moved in the midst of its work.
    fn is_quiet(&mut self, host: &Host) -> bool {
        let last = self.heard.lines.last().map_or(Nanos::ZERO, |line| line.at);
        let quiet = host.now().since(last) >= QUIET;
        if !quiet && host.now() >= self.again {
            self.again = host.now().after(QUIET);
            host.after(QUIET, |_| {}); // a turn in which this is asked again
        }
        quiet
    }

    fn complain(&mut self, host: &Host, why: String) {
        self.wrong = Some(why);
        end(host);
    }

    /// Takes in what the guest has said since, whole lines only.
    fn listen(&mut self, host: &Host) {
        let failed = self.heard.listen(host).iter().find(|line| event(&line.text) == Some("FAIL"));
        let failed = failed.map(|line| line.text.clone());
        if let (None, Some(why)) = (&self.wrong, failed) {
            self.complain(host, why);
        }
    }

    fn judge(&mut self, step: Step, begun: Begun, host: &Host) -> Standing {
        let same = |host: &Host| host.guest().domid() == begun.domid;
        match step {
            Step::Create => self.find("ready", &[]),
            Step::Reboot if finished(host, begun) => self.find("ready", &[]),
            Step::Says(event, words) => self.find(event, words),
            Step::NeverSays(name) if self.heard.lines.iter().any(|line| event(&line.text) == Some(name)) => {
                Standing::Wrong("it was said".into())
            }
            Step::Census => self.count(host),
            Step::NodeIs(word) => Standing::from(host.store().read("control/shutdown").unwrap_or_default() == word),
            Step::Gone => Standing::from(!matches!(host.state(), State::Running | State::Shutdown(Reason::Suspend))),
            Step::Alive => Standing::from(ticks(&self.heard.lines) >= begun.ticks + 2),
            Step::Checkpoint | Step::SaveOutOfSpace => {
                expect(host, begun, |end| end == Outcome::Resumed(1) && same(host))
            }
            Step::SlowResume => expect(host, begun, |end| end == Outcome::Resumed(0) && same(host)),
            // What a frozen vCPU's register held is its own affair: the result is of no call.
            Step::Pause | Step::FreezeHere => {
                expect(host, begun, |end| matches!(end, Outcome::Resumed(_)) && same(host))
            }
            Step::SaveRestore | Step::Migrate | Step::FreezeMove => {
                expect(host, begun, |end| matches!(end, Outcome::Restored(_)) && !same(host))
            }
            Step::SaveFails => {
                expect(host, begun, |end| matches!(end, Outcome::NotAcknowledged | Outcome::NotSuspended))
            }
            Step::Poweroff => expect(host, begun, |end| end == Outcome::Stopped(Reason::Poweroff)),
            Step::Reboot => expect(host, begun, |end| end == Outcome::Stopped(Reason::Reboot)).then_wait(),
            Step::RestoreCheckpoint => Standing::Wrong("the mock host cannot go back to an image".into()),
            Step::Heard => Standing::from(self.has_heard()),
            Step::Loaded => self.compare_load(host),
            Step::Devices(_) => self.find("devices", &["result=ok"]),
            Step::Hoarded => self.compare_hoard(host),
            Step::Poke => self.find("poked", &[&format!("word={}", word(self.pokes)), ALL_FIRED, ONCE_EACH]),
            Step::SaveAway | Step::RestoreHere => Standing::Wrong("the mock host has no second machine".into()),
            Step::Word(_) | Step::Type(_) | Step::Peer | Step::NeverSays(_) => Standing::Done,
        }
    }

    /// Compares what the guest holds with what it held at first. The numbers of ports and grants are its own affair.
    fn count(&mut self, host: &Host) -> Standing {
        let (held, nodes) = (host.ledger().holdings(), host.ledger().nodes());
        let Holdings { ports, grants, watches, transactions, grant_frames, .. } = &held;
        let lists = [ports.len(), grants.len(), watches.len(), transactions.len(), grant_frames.len()];
        let [ports, grants, watches, transactions, frames] = lists;
        let (mappings, [blocks, pages]) = (held.mappings, [held.control_blocks, held.event_pages]);
        let now = [ports, grants, watches, transactions, nodes, frames, mappings, blocks, pages];
        let first = *self.census.get_or_insert(now);
        if now == first { Standing::Done } else { Standing::Wrong(format!("it holds {now:?}, first {first:?}")) }
    }

    /// Looks for it among all lines, for the number of bytes is never the same twice.
    fn has_heard(&self) -> bool {
        let all = format!("xen-guest: heard {}", self.typed);
        self.heard.lines.iter().any(|line| line.text == all)
    }

    /// Compares what came of the load with what the guest says that it wrote.
    fn compare_load(&mut self, host: &Host) -> Standing {
        let Standing::Done = self.find("load", &[]) else { return Standing::Waiting };
        let mut came = Tally::new();
        for line in host.console().lines().iter().filter(|line| line.starts_with("load ")) {
            came.add(line.as_bytes());
            came.add(b"\n");
        }
        let written = self.heard.lines.get(self.cursor - 1).map_or("", |line| line.text.as_str());
        if written.ends_with(" amid=0") {
            return Standing::Wrong("no suspend came amid it".into());
        }
        let same = written.starts_with(&format!("xen-guest: load {came} "));
        if same { Standing::Done } else { Standing::Wrong(format!("{came} came, {written}")) }
    }

    /// Compares the nodes with what the guest said in the line that was matched last.
    fn compare_hoard(&self, host: &Host) -> Standing {
        let (nodes, sum) = hoard::held(host);
        let told = self.cursor.checked_sub(1).and_then(|at| self.heard.lines.get(at)).map_or("", |line| &line.text);
        let same = told.ends_with(&format!(" nodes={nodes} {sum}"));
        if same { Standing::Done } else { Standing::Wrong(format!("there are nodes={nodes} {sum}; {told}")) }
    }

    /// Looks for a line behind the last one matched.
    fn find(&mut self, name: &str, words: &[&str]) -> Standing {
        let fits = |line: &Line| {
            let has = |word: &&str| line.text.split(' ').any(|field| field == *word);
            event(&line.text) == Some(name) && words.iter().all(has)
        };
        match self.heard.lines.iter().skip(self.cursor).position(fits) {
            Some(found) => {
                self.cursor += found + 1;
                Standing::Done
            }
            None => Standing::Waiting,
        }
    }
}

impl Standing {
    /// An end of the toolstack's part that is not yet the end of the step.
    fn then_wait(self) -> Self {
        if let Self::Done = self { Self::Waiting } else { self }
    }
}

impl From<bool> for Standing {
    fn from(done: bool) -> Self {
        if done { Self::Done } else { Self::Waiting }
    }
}

/// Destroys the domain, if it still runs.
pub(crate) fn end(host: &Host) {
    if host.state() == State::Running {
        host.toolstack().destroy();
    }
}

fn finished(host: &Host, begun: Begun) -> bool {
    outcome(host, begun).is_some() && host.state() == State::Running
}

pub(crate) fn outcome(host: &Host, begun: Begun) -> Option<Outcome> {
    host.toolstack().outcome(begun.operation?)
}

fn expect(host: &Host, begun: Begun, good: impl FnOnce(Outcome) -> bool) -> Standing {
    match outcome(host, begun) {
        None => Standing::Waiting,
        Some(end) if good(end) => Standing::Done,
        Some(end) => Standing::Wrong(format!("it ended as {end:?}")),
    }
}

/// Types so many letters, behind those typed before; returns them.
fn type_in(host: &Host, before: usize, bytes: u32) -> String {
    let letters = ('a'..='z').cycle().skip(before % 26);
    let text: String = letters.take(bytes.try_into().unwrap_or(usize::MAX)).collect();
    host.console().send(&text);
    text
}

/// Does what a step does at its beginning.
pub(crate) fn begin(step: Step, host: &Host, lines: &[Line]) -> Begun {
    let toolstack = host.toolstack();
    let operation = match step {
        Step::Checkpoint | Step::SaveFails => Some(toolstack.save(Save::Checkpoint)),
        Step::SaveOutOfSpace => Some(toolstack.save(Save::Fail)),
        Step::SlowResume => Some(toolstack.save(Save::SlowResume)),
        Step::Migrate => Some(toolstack.save(Save::Restore(elsewhere()))),
        Step::SaveRestore => {
            Some(toolstack.save(Save::Restore(Destination { ports_before: 2, ..Destination::default() })))
        }
        Step::Poweroff => Some(toolstack.poweroff()),
        Step::Reboot => Some(toolstack.reboot()),
        Step::Word(word) => {
            toolstack.word(word);
            None
        }
        _ => None,
    };
    Begun { at: host.now(), operation, domid: host.guest().domid(), ticks: ticks(lines) }
}

/// Whether a step lets the guest stand still without asking it.
const fn is_unasked(step: Step) -> bool {
    matches!(step, Step::Pause | Step::FreezeHere | Step::FreezeMove)
}

fn freeze(step: Step, host: &Host) -> Operation {
    host.toolstack().freeze(match step {
        Step::Pause => Save::SlowResume,
        Step::FreezeHere => Save::Checkpoint,
        _ => Save::Restore(Destination::default()),
    })
}

/// A host of another kind: newer, of another vendor, and just started.
fn elsewhere() -> Destination {
    Destination {
        uptime: Nanos::from_secs(7),
        vendor: Some(Vendor::Amd),
        version: Some((4, 20)),
        ..Destination::default()
    }
}

pub(crate) fn ticks(lines: &[Line]) -> usize {
    lines.iter().filter(|line| event(&line.text) == Some("tick")).count()
}

/// Returns the name of a line's event, if it is one of the guest's.
pub(crate) fn event(line: &str) -> Option<&str> {
    line.strip_prefix("xen-guest: ")?.split(' ').next()
}
