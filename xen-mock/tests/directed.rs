//! A whole story, told as a list of steps: how an interpreter of lifecycles is written.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::{Client, after, set_callback};
use xen_hypercall::op::sched;
use xen_mock::{Destination, Guest, Host, Operation, Outcome, Reason, Save, State};

#[derive(Clone, Copy)]
enum Step {
    Checkpoint,
    SaveRestore,
    SaveFails,
    Poweroff,
    Reboot,
    Says(&'static str),
}

/// Where the story stands.
struct Story {
    steps: &'static [Step],
    at: usize,
    running: Option<Operation>,
}

impl Story {
    fn finished(&self) -> bool {
        self.at == self.steps.len()
    }

    /// Goes on as far as it can now.
    fn turn(&mut self, host: &Host) {
        // Between the end of one domain and the creation of the next, only what was begun can end.
        while !self.finished() && (host.state() == State::Running || self.running.is_some()) && self.step(host) {
            self.at += 1;
            self.running = None;
        }
    }

    fn step(&mut self, host: &Host) -> bool {
        let step = self.steps[self.at];
        if let Step::Says(node) = step {
            return host.store().read(node).is_some();
        }
        let toolstack = host.toolstack();
        let operation = *self.running.get_or_insert_with(|| match step {
            Step::Checkpoint => toolstack.save(Save::Checkpoint),
            Step::SaveRestore => toolstack.save(Save::Restore(Destination::default())),
            Step::SaveFails => toolstack.save(Save::Fail),
            Step::Poweroff => toolstack.poweroff(),
            Step::Reboot => toolstack.reboot(),
            Step::Says(_) => unreachable!(),
        });
        let Some(outcome) = toolstack.outcome(operation) else { return false };
        let expected = match step {
            Step::Checkpoint => matches!(outcome, Outcome::Resumed(1)),
            Step::SaveRestore => matches!(outcome, Outcome::Restored(_)),
            Step::SaveFails => matches!(outcome, Outcome::NotAcknowledged | Outcome::NotSuspended),
            Step::Poweroff => outcome == Outcome::Stopped(Reason::Poweroff),
            Step::Reboot => outcome == Outcome::Stopped(Reason::Reboot),
            Step::Says(_) => false,
        };
        assert!(expected, "step {}: {outcome:?}", self.at);
        true
    }
}

/// A guest that serves all words, the third suspend of each life excepted.
fn guest(host: &Host, guest: &Guest) {
    let mut client = Client::new(host);
    let mut suspends = 0;
    loop {
        set_callback(&client.xen);
        client.write("data/ready", "1").unwrap();
        let word = loop {
            match client.read("control/shutdown").unwrap() {
                word if word.is_empty() || (word == "suspend" && suspends == 2) => {}
                word => break word,
            }
            sched::poll(&client.xen, &[], after(guest, 500)).unwrap();
        };
        client.acknowledge(&word);
        match word.as_str() {
            "suspend" => suspends += 1,
            _ => {
                let reason = if word == "reboot" { sched::Reason::REBOOT } else { sched::Reason::POWEROFF };
                assert_eq!(sched::shutdown(&client.xen, reason), 0);
                return;
            }
        }
        if client.suspend() == 0 {
            client.rebuild();
        }
    }
}

#[test]
fn a_story_is_told_to_its_end() {
    use Step::{Checkpoint, Poweroff, Reboot, SaveFails, SaveRestore, Says};
    let steps = &[
        Says("data/ready"),
        Checkpoint,
        SaveRestore,
        SaveFails,
        Says("data/ready"),
        Reboot,
        Says("data/ready"),
        Poweroff,
    ];
    let story = Rc::new(RefCell::new(Story { steps, at: 0, running: None }));
    let host = Host::builder().build();
    let told = Rc::clone(&story);
    host.direct(move |host| told.borrow_mut().turn(host));
    loop {
        host.run(|side| guest(&host, &side)).unwrap();
        if host.state() != State::Shutdown(Reason::Reboot) {
            break;
        }
        host.toolstack().create();
    }
    assert!(story.borrow().finished(), "stuck at step {}", story.borrow().at);
    host.check().unwrap();
}
