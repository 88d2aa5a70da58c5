//! Many requests at once: each has its own answer, whatever becomes of the others.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use support::fake::{Fake, page};
use support::{Message, give, sent};
use xen_hypercall::Nanos;
use xen_store::{Core, Fault, Link, Path, Pipeline, Reply, Request, Requests, Store, StoreError, WatchId};

/// Reads of `n/0`, `n/1` and so on.
struct Reads {
    answers: Vec<Vec<Result<String, StoreError>>>,
    skipped: Option<usize>,
    long: Option<usize>,
    watch: Option<WatchId>,
}

impl Reads {
    fn new(count: usize) -> Self {
        Self { answers: vec![Vec::new(); count], skipped: None, long: None, watch: None }
    }
}

impl Requests for Reads {
    fn count(&self) -> usize {
        self.answers.len()
    }

    fn ask(
        &mut self,
        index: usize,
        ask: &mut dyn FnMut(Request<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match Some(index) {
            at if at == self.skipped => Ok(()),
            at if at == self.long => ask(Request::Write(Path::literal("n"), &[0; 4096])),
            _ => ask(Request::Read(Path::new(&format!("n/{index}")).unwrap())),
        }
    }

    fn answer(&mut self, index: usize, answer: Result<Reply<'_>, StoreError>) {
        self.answers[index].push(answer.map(|reply| String::from_utf8(reply.value().to_vec()).unwrap()));
    }

    fn watch(&self, _index: usize) -> Option<WatchId> {
        self.watch
    }
}

fn echo(request: &Message) -> Vec<Message> {
    vec![request.ok(request.strings()[0].as_bytes())]
}

#[test]
fn each_request_has_its_own_answer_once() {
    let page = page();
    let fake = Fake::new(&page, echo);
    let mut core: Core<4, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    for count in [0, 1, 4, 5, 1000] {
        let mut reads = Reads::new(count);
        store.pipeline(&mut reads);
        let expected: Vec<_> = (0..count).map(|at| vec![Ok(format!("n/{at}"))]).collect();
        assert_eq!(reads.answers, expected);
    }
}

/// S12: a server that holds answers back, and gives them in the opposite order.
#[test]
fn s12_answers_in_any_order() {
    let page = page();
    let mut held = Vec::new();
    let fake = Fake::new(&page, move |request| {
        held.push(request.clone());
        if held.len() < 4 { Vec::new() } else { held.drain(..).rev().flat_map(|request| echo(&request)).collect() }
    });
    let mut core: Core<4, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let mut reads = Reads::new(40);
    store.pipeline(&mut reads);
    assert!(reads.answers.iter().enumerate().all(|(at, answers)| *answers == [Ok(format!("n/{at}"))]));
}

#[test]
fn what_cannot_be_asked_fails_alone_and_what_is_not_asked_has_no_answer() {
    let page = page();
    let fake = Fake::new(&page, echo);
    let mut core: Core<2, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let mut reads = Reads::new(6);
    (reads.skipped, reads.long) = (Some(1), Some(3));
    store.pipeline(&mut reads);
    let lengths: Vec<_> = reads.answers.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 0, 1, 1, 1, 1]);
    assert_eq!(reads.answers[3], [Err(StoreError::TooLong)]);
    assert_eq!(reads.answers[5], [Ok("n/5".to_owned())]);
}

/// S13: an answer that never comes ends what waits after the patience, and no sooner; the rest is not asked any more.
#[test]
fn s13_a_lost_answer_ends_the_rest_in_time() {
    let page = page();
    let fake = Fake::new(&page, |request| if request.strings()[0] == "n/7" { Vec::new() } else { echo(request) });
    let mut core: Core<4, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    store.set_patience(Nanos::from_secs(2));
    let before = fake.now();
    let mut reads = Reads::new(12);
    store.pipeline(&mut reads);
    assert_eq!(fake.now().since(before), Nanos::from_secs(2));
    let failed: Vec<_> = (0..12).filter(|at| reads.answers[*at] == [Err(StoreError::TimedOut)]).collect();
    assert_eq!(failed, [7], "one lost answer costs a slot, not the others");
    assert!(reads.answers.iter().all(|answers| answers.len() == 1));
}

/// S01: a session that ends answers everything with the reason.
#[test]
fn s01_a_poisoned_session_answers_all() {
    let page = page();
    let fake = Fake::new(&page, |request| {
        let mut answer = request.ok(b"");
        answer.header.len = if request.strings()[0] == "n/2" { 5000 } else { 0 };
        vec![answer]
    });
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let mut reads = Reads::new(5);
    store.pipeline(&mut reads);
    let poisoned = vec![Err(StoreError::Poisoned(Fault::Oversize(5000)))];
    assert_eq!(reads.answers[1], [Ok(String::new())]);
    assert!(reads.answers[2..].iter().all(|answers| *answers == poisoned));
}

/// One event for a ring full of requests.
#[test]
fn events_are_few() {
    let page = page();
    let fake = Fake::new(&page, echo);
    let mut core: Core<64, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let before = fake.notified.get();
    store.pipeline(&mut Reads::new(640));
    let events = fake.notified.get() - before;
    assert!(events * 16 <= 640, "{events} events");
}

/// S18: what a watch told before the answer is void with that, and what it tells after it stands, however late one looks.
#[test]
fn s18_an_answer_is_newer_than_what_was_told_before_it() {
    for (before, after) in [(1, 0), (0, 1), (1, 1), (0, 0)] {
        let mut core: Core<4, 1> = Core::new();
        let watch = core.watch(Path::literal("n/0")).unwrap();
        let request = sent(&mut core).remove(0);
        let event = Message::event("n/0", &request.strings()[1]);
        give(&mut core, &request.ack());
        let mut reads = Reads { watch: Some(watch), ..Reads::new(1) };
        let mut pipeline = Pipeline::<4>::new();
        pipeline.fill(&mut core, &mut reads);
        let read = sent(&mut core).remove(0);
        let (events, answer) = ([&event; 2], read.ok(b"v"));
        let messages = events[..before].iter().copied().chain([&answer]).chain(events[..after].iter().copied());
        core.handle_bytes(&messages.flat_map(Message::bytes).collect::<Vec<_>>()).unwrap();
        assert!(pipeline.drain(&mut core, &mut reads));
        assert_eq!(core.poll_event_of(watch).is_some(), after > 0, "{before} before, {after} after");
    }
}

/// An answer for which nobody waits any more makes nothing void: nobody knows what it says.
#[test]
fn s11_what_was_told_before_an_answer_that_was_given_up_stands() {
    let mut core: Core<4, 1> = Core::new();
    let watch = core.watch(Path::literal("n/0")).unwrap();
    let request = sent(&mut core).remove(0);
    give(&mut core, &request.ack());
    let mut reads = Reads { watch: Some(watch), ..Reads::new(1) };
    let mut pipeline = Pipeline::<4>::new();
    pipeline.fill(&mut core, &mut reads);
    let read = sent(&mut core).remove(0);
    pipeline.give_up(&mut core, &mut reads, StoreError::TimedOut);
    give(&mut core, &Message::event("n/0", &request.strings()[1]));
    give(&mut core, &read.ok(b"v"));
    assert!(core.poll_event_of(watch).is_some());
}
