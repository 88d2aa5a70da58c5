//! Random runs: any answer to any action, time that jumps, facts at any point. What must hold of every run is checked by
//! the fixture at each step; here is what must hold at the end.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::panic, reason = "a panic is a failed test")]

mod support;

use core::mem::discriminant;
use core::task::Poll;

use proptest::prelude::*;
use support::{MS, NEW, NO, OK, PENDING, SAME, Sim};
use xen_hypercall::Nanos;
use xen_suspend::{Abort, Ack, Action, ControlWord, Ending, Event, Fatal, Progress, Refusal, Stage, State};

/// The most steps that a run may take, once nothing fails any more.
const BOUND: usize = 200;

/// Something that happens by itself.
#[derive(Debug, Clone, Copy)]
enum Fact {
    /// The toolstack writes a word; the watch tells of it now, or at a later step.
    Write(ControlWord, bool),
    /// The watch tells of what is in the node.
    Again,
    Channel,
    CallOff,
    Wake,
    Recovered(usize),
    /// An answer to nothing.
    Stray(Event),
}

/// What one step is like.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// 0: the benign answer.
    answer: usize,
    takes: Nanos,
    before: Option<Fact>,
    /// Between the action and its answer.
    within: Option<Fact>,
}

fn word() -> impl Strategy<Value = ControlWord> {
    prop_oneof![
        4 => Just(ControlWord::Suspend),
        2 => Just(ControlWord::Idle),
        1 => Just(ControlWord::Poweroff),
        1 => Just(ControlWord::Reboot),
        1 => Just(ControlWord::parse(b"s3")),
    ]
}

fn stray() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(OK),
        Just(PENDING),
        Just(Event::Finished),
        Just(Event::Tick),
        Just(Event::Done(true)),
        Just(Event::Returned(0)),
        Just(Event::Acknowledged(Ack::Committed)),
        Just(Event::Control(Some(ControlWord::Poweroff))),
        Just(Event::Probed(NEW)),
        Just(Event::Rebuilt(Ok(()))),
        Just(Event::OsFrozen(Ok(()))),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        4 => (word(), any::<bool>()).prop_map(|(word, told)| Fact::Write(word, told)),
        1 => Just(Fact::Again),
        2 => Just(Fact::Channel),
        1 => Just(Fact::CallOff),
        1 => Just(Fact::Wake),
        2 => (0..5_usize).prop_map(Fact::Recovered),
        1 => stray().prop_map(Fact::Stray),
    ]
}

fn some(of: u32) -> impl Strategy<Value = Option<Fact>> {
    prop_oneof![of => Just(None), 1 => fact().prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![12 => Just(0), 1 => 1..4_usize];
    let takes = prop_oneof![
        12 => Just(MS),
        2 => (1..3000_u64).prop_map(Nanos::from_millis),
        1 => (1..60_u64).prop_map(Nanos::from_secs),
    ];
    (answer, takes, some(6), some(12)).prop_map(|(answer, takes, before, within)| Step {
        answer,
        takes,
        before,
        within,
    })
}

/// The other answers that an action may get.
fn others(action: Action) -> Vec<Event> {
    let fatal = |stage| Event::Rebuilt(Err(Fatal { stage, errno: None }));
    match action {
        Action::Admit => vec![Event::Admitted(Err(Refusal::Policy))],
        Action::Prepare(_) | Action::Freeze(_) | Action::Resume(..) => {
            vec![PENDING, NO, Event::Device(Poll::Ready(Err(Refusal::NoMemory)))]
        }
        Action::Acknowledge(_) => vec![Event::Acknowledged(Ack::Denied)],
        Action::FreezeOs => vec![Event::OsFrozen(Err(Refusal::Busy))],
        Action::Fence | Action::Park | Action::StoreUp(_) => vec![Event::Done(false)],
        Action::Call => [0, 2, -22].map(Event::Returned).to_vec(),
        Action::Probe => vec![Event::Probed(SAME)],
        Action::Rebuild(_) => vec![fatal(Stage::Store), fatal(Stage::Grants)],
        _ => vec![],
    }
}

/// A run, and what the toolstack may still tell.
#[derive(Debug)]
struct Run {
    sim: Sim,
    /// A word was written of which the watch has not told.
    untold: bool,
    /// How many operations were over when the watch told the last time.
    told: usize,
}

impl Run {
    fn new(devices: usize) -> Self {
        let mut sim = Sim::new(devices);
        // Devices that recover on the way in are taken along out of their order.
        sim.strict = false;
        Self { sim, untold: false, told: 0 }
    }

    fn happen(&mut self, fact: Fact) {
        match fact {
            Fact::Write(word, told) => {
                self.sim.node = word;
                self.untold = true;
                if told {
                    self.happen(Fact::Again);
                }
            }
            Fact::Again => {
                self.untold = false;
                self.told = self.sim.endings.len();
                self.sim.tell(Event::Word(self.sim.node));
            }
            Fact::Channel => self.sim.tell(Event::Channel),
            Fact::CallOff => self.sim.tell(Event::CallOff),
            Fact::Wake => self.sim.tell(Event::Wake),
            Fact::Recovered(index) => self.sim.tell(Event::Recovered(index)),
            Fact::Stray(event) => self.stray(event),
        }
    }

    /// Changes nothing, unless it happens to fit.
    fn stray(&mut self, event: Event) {
        let action = self.sim.coordinator.poll();
        if self.sim.benign(action).is_none_or(|fits| discriminant(&fits) != discriminant(&event)) {
            self.sim.tell(event);
            assert_eq!(self.sim.coordinator.poll(), action, "{event:?}");
        }
    }

    /// Does one step of the script; tells whether it was the last that is possible.
    fn step(&mut self, step: Step) -> bool {
        step.before.into_iter().for_each(|fact| self.happen(fact));
        let action = self.sim.coordinator.poll();
        self.sim.trace.push(action);
        let answer = step.answer.checked_sub(1).and_then(|index| others(action).get(index).copied());
        let event = self.sim.perform_as(action, step.takes, answer);
        step.within.into_iter().for_each(|fact| self.happen(fact));
        if let Some(event) = event {
            self.sim.tell(event);
        }
        matches!(action, Action::Stop(_) | Action::Crash(_))
    }

    /// I42: nothing fails any more, and it comes to rest.
    fn settle(&mut self) -> Action {
        for _ in 0..BOUND {
            let action = self.sim.step();
            match action {
                Action::Idle if self.untold => self.happen(Fact::Again),
                Action::Idle | Action::Stop(_) | Action::Crash(_) => return action,
                _ => {}
            }
        }
        panic!("no rest: {:?}", self.sim.trace);
    }

    /// I5: what is left in the node is not served, or was refused.
    fn check_word(&self) {
        match self.sim.node {
            ControlWord::Idle => {}
            ControlWord::Suspend => {
                let refused =
                    |ending: &Ending| matches!(ending, Ending::Aborted(why) if !matches!(why, Abort::Call(_)));
                let refused = self.sim.endings[self.told..].iter().any(refused);
                assert!(refused, "a suspend was lost: {:?}", self.sim.trace);
            }
            word => assert!(word.stop().is_none(), "{word} was lost: {:?}", self.sim.trace),
        }
    }
}

fn play(devices: usize, script: &[Step]) {
    let mut run = Run::new(devices);
    let over = script.iter().any(|&step| run.step(step));
    let last = if over { run.sim.coordinator.poll() } else { run.settle() };
    if let Action::Crash(_) = last {
        assert_eq!(run.sim.coordinator.state(), State::Fatal);
        return;
    }
    assert_eq!(run.sim.held, []);
    assert!(run.sim.progress().iter().all(|at| matches!(at, Progress::Running | Progress::Degraded)));
    let (admitted, ended) = (run.sim.count(Action::Admit), run.sim.endings.len());
    assert!(run.sim.calls <= admitted && admitted <= ended);
    if last == Action::Idle {
        run.check_word();
        // And it is as good as new: the degraded come back, and the next request is served.
        (0..devices).for_each(|index| run.happen(Fact::Recovered(index)));
        let calls = run.sim.calls;
        run.happen(Fact::Write(ControlWord::Suspend, true));
        assert_eq!(run.settle(), Action::Idle);
        assert_eq!(run.sim.calls, calls + 1);
        assert!(run.sim.all(Progress::Running));
    }
}

/// Some hundred runs; more by `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let given = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { given } else { ProptestConfig { cases: 200, ..given } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_run_keeps_its_promises(devices in 0..=4_usize, script in prop::collection::vec(step(), 0..160)) {
        play(devices, &script);
    }

    /// Begun with a request, and with fewer faults: most runs reach the call.
    #[test]
    fn every_run_to_the_call_keeps_its_promises(
        devices in 0..=4_usize,
        channel in any::<bool>(),
        mut script in prop::collection::vec(step(), 30..120),
    ) {
        for step in script.iter_mut().take(10 + 2 * devices) {
            (step.answer, step.takes) = (0, MS);
            step.before = None;
            step.within = step.within.filter(|fact| matches!(fact, Fact::Recovered(_) | Fact::Channel | Fact::Stray(_)));
        }
        script[0].before = Some(if channel { Fact::Channel } else { Fact::Write(ControlWord::Suspend, true) });
        play(devices, &script);
    }
}
