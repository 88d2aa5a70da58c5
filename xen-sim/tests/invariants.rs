//! What the guest does to Xen and to xenstore in a suspend, by the mock host's own record.

use guest::lifecycle::{Lifecycle, Step};
use xen_hypercall::{Nanos, Number};
use xen_mock::{Call, Host, Mark, Request, State, StoreOp};
use xen_sim::play_on;

const EVTCHN: Number = Number::EVENT_CHANNEL_OP;
const SCHED: Number = Number::SCHED_OP;

fn lifecycle(steps: Vec<Step>) -> Lifecycle {
    Lifecycle { name: "trial", about: "", cmdline: "", steps: Vec::leak(steps), only: None }
}

/// Plays `middle` between the start and the end of a guest.
fn played(middle: &[Step]) -> Host {
    let host = Host::builder().build();
    let steps = [&[Step::Create], middle, &[Step::Poweroff]].concat();
    play_on(&host, &lifecycle(steps)).unwrap_or_else(|failure| panic!("{failure}"));
    host
}

/// Returns the calls, and the requests, from the return of the first suspend call on.
fn after_suspend(host: &Host) -> (Vec<Call>, Vec<Request>) {
    let calls = host.trace().calls_since(Mark::default());
    let is_suspend = |call: &Call| (call.number, call.cmd) == (SCHED, 2) && call.result.is_some();
    let at = calls.iter().position(is_suspend).expect("the guest suspended");
    let requests = host.trace().requests_since(Mark::default());
    let later = requests.into_iter().filter(|request| request.at > calls[at].at).collect();
    (calls[at + 1..].to_vec(), later)
}

#[test]
fn i18_a_cancelled_suspend_does_nothing() {
    let host = played(&[Step::Checkpoint, Step::Says("resumed", &["class=cancel"])]);
    let (calls, requests) = after_suspend(&host);
    // Up to the guest's own end, which closes the canary.
    let end = calls.iter().position(|call| (call.number, call.cmd) == (EVTCHN, 3)).expect("the canary is closed");
    let (service, last) = calls.split_at(end);
    assert_eq!(last.iter().map(|call| (call.number, call.cmd)).collect::<Vec<_>>(), [(EVTCHN, 3), (SCHED, 2)]);
    // Sleeps and events only: no port, parameter, frame or grant is touched.
    let allowed = |call: &Call| matches!((call.number, call.cmd), (SCHED, 3) | (EVTCHN, 4));
    let strange: Vec<&Call> = service.iter().filter(|call| !allowed(call)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    // The first message reads the node again; no watch is registered or taken back, ever.
    assert_eq!((requests[0].op, requests[0].path.as_str()), (StoreOp::Read, "control/shutdown"));
    assert!(requests.iter().all(|request| !matches!(request.op, StoreOp::Watch | StoreOp::Unwatch)));
}

/// The same by the list of all messages: one read, and then what the next word of the toolstack's asks for.
#[test]
fn i18_a_cancelled_suspend_sends_one_message() {
    for step in [Step::Checkpoint, Step::SaveOutOfSpace] {
        let host = played(&[step, Step::Says("resumed", &["class=cancel"])]);
        let (_, requests) = after_suspend(&host);
        let names: Vec<(StoreOp, &str)> = requests.iter().map(|one| (one.op, one.path.as_str())).collect();
        let node = "control/shutdown";
        let expected = [
            (StoreOp::Read, node),
            // The guest's own, to report in which domain it is.
            (StoreOp::Read, "domid"),
            // The poweroff that ends the guest: read after the event, and acknowledged.
            (StoreOp::Read, node),
            (StoreOp::TransactionStart, ""),
            (StoreOp::Read, node),
            (StoreOp::Write, node),
            (StoreOp::TransactionEnd, "T"),
        ];
        assert_eq!(names, expected, "{step:?}");
    }
}

#[test]
fn i11_a_new_domain_is_rebuilt_in_the_order_of_the_stages() {
    let host = played(&[Step::SaveRestore, Step::Says("resumed", &["class=new"])]);
    let (calls, _) = after_suspend(&host);
    let seen: Vec<(usize, usize)> = calls.iter().map(|call| (call.number.0, call.cmd)).take(17).collect();
    let (hvm, memory, grant) = (Number::HVM_OP.0, Number::MEMORY_OP.0, Number::GRANT_TABLE_OP.0);
    let expected = [
        // The witnesses: the canary port, the callback read back.
        (EVTCHN.0, 5),
        (hvm, 1),
        // B1 callback, B2 shared_info.
        (hvm, 0),
        (memory, 7),
        // B3 event channels by FIFO: the queues of vCPU 0, a page of event words.
        (EVTCHN.0, 11),
        (EVTCHN.0, 12),
        // B5 grant table: version, size, frame.
        (grant, 8),
        (grant, 6),
        (memory, 7),
        // B6 console: page and port, and the event for what it kept.
        (hvm, 1),
        (hvm, 1),
    ];
    assert_eq!(seen[..expected.len()], expected);
    // B8 the canary, B11 the port of xenstore, after all of those.
    let at = |wanted| seen.iter().position(|call| *call == wanted).expect("it is made");
    assert!(at((EVTCHN.0, 7)) >= expected.len());
    let params: Vec<usize> = (0..seen.len()).filter(|&index| seen[index] == (hvm, 1)).collect();
    assert!(params.last().unwrap() > &at((EVTCHN.0, 7)), "xenstore comes last: {seen:?}");
}

/// I4: the node is only ever written empty, and never removed. I28: what is published is published again.
#[test]
fn i4_i28_what_the_guest_writes_to_xenstore() {
    let host = played(&[Step::Checkpoint, Step::SaveRestore, Step::Says("resumed", &["class=new"])]);
    let requests = host.trace().requests_since(Mark::default());
    let count = |op, path: &str| requests.iter().filter(|one| one.op == op && one.path.ends_with(path)).count();
    assert_eq!(count(StoreOp::Rm, "control/shutdown"), 0);
    assert_eq!(host.store().read("control/shutdown").as_deref(), Some(""));
    for feature in ["control/feature-suspend", "control/feature-poweroff", "control/feature-reboot"] {
        assert_eq!(count(StoreOp::Write, feature), 2, "{feature}: at the start, and in the new domain");
        assert_eq!(host.store().read(feature).as_deref(), Some("1"), "{feature}");
    }
    // Each acknowledgement is a transaction; the checkpoint's, the save's and the poweroff's.
    let acknowledged = requests.iter().filter(|one| one.op == StoreOp::Write && one.path.ends_with("control/shutdown"));
    let transactions: Vec<u32> = acknowledged.map(|one| one.transaction).collect();
    assert_eq!(transactions.len(), 3);
    assert!(transactions.iter().all(|&transaction| transaction != 0), "{transactions:?}");
}

/// I4: whatever is in the node at any time, it is a word of the toolstack's or empty, and the node is there.
#[test]
fn i4_the_node_never_holds_a_word_of_the_guests() {
    fn look(host: &Host) {
        if host.state() != State::Gone {
            let word = host.store().read("control/shutdown").expect("the node is there");
            assert!(["", "suspend", "poweroff", "junk"].contains(&word.as_str()), "{word}");
        }
        host.after(Nanos::from_millis(1), look);
    }
    let host = Host::builder().build();
    look(&host);
    let steps = vec![
        Step::Create,
        Step::Checkpoint,
        Step::SaveRestore,
        Step::Word("junk"),
        Step::Says("unknown", &["word=junk"]),
        Step::NodeIs("junk"),
        Step::SlowResume,
        Step::Poweroff,
    ];
    play_on(&host, &lifecycle(steps)).unwrap_or_else(|failure| panic!("{failure}"));
}

/// I13, I14, I26, I29, I46: however often and in whatever way the guest is suspended, it holds what it held.
#[test]
fn i13_a_hundred_cycles_leave_nothing_behind() {
    // Numbers of ports may differ; how many there are may not.
    let held = |middle: &[Step]| {
        let held = played(middle).ledger().holdings();
        let within = |path: String| path.splitn(5, '/').nth(4).unwrap_or_default().to_owned();
        let paths: Vec<String> = held.watches.into_iter().map(|(path, _)| within(path)).collect();
        (held.ports.len(), held.grants, paths, held.transactions, held.grant_frames.len(), held.mappings)
    };
    let once = held(&[]);
    assert_eq!(once.0, 0, "the canary is closed at the end");
    assert_eq!(once.2, ["control/shutdown"]);
    assert!(once.1.is_empty() && once.3.is_empty());
    let cycle = [Step::Checkpoint, Step::SaveRestore, Step::SlowResume, Step::FreezeHere];
    let middle: Vec<Step> = cycle.into_iter().cycle().take(100).collect();
    assert_eq!(held(&middle), once);
}
