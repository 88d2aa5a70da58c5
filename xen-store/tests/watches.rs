//! Watches: unique tokens, coalesced events, late and strange ones.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use support::{Message, give, sent};
use xen_store::{
    Answer, Core, MessageType, Path, PathBuf, Place, Refusal, Request, StoreError, WatchEvent, WatchId, WatchStatus,
};

const VBD: Path<'_> = Path::literal("device/vbd");

/// Registers a watch and returns its token.
fn watched<const R: usize, const W: usize>(core: &mut Core<R, W>, path: Path<'_>) -> (WatchId, String) {
    let watch = core.watch(path).unwrap();
    let request = sent(core).remove(0);
    assert!(request.is(MessageType::Watch));
    give(core, &request.ack());
    assert_eq!(core.watch_status(watch), Ok(WatchStatus::Registered));
    (watch, request.strings()[1].clone())
}

fn below(watch: WatchId, path: &'static str) -> WatchEvent {
    WatchEvent { watch, place: Place::Below(PathBuf::new(Path::literal(path)).unwrap()) }
}

#[test]
fn s41_tokens_are_unique_counters() {
    let mut core: Core<1, 3> = Core::new();
    let (first, one) = watched(&mut core, VBD);
    let (_, two) = watched(&mut core, VBD);
    core.unwatch(first).unwrap();
    let unwatch = sent(&mut core).remove(0);
    assert!(unwatch.is(MessageType::Unwatch));
    assert_eq!(unwatch.strings(), ["device/vbd", &one]);
    give(&mut core, &unwatch.ack());
    let (again, three) = watched(&mut core, VBD);
    assert!(one != two && two != three && one != three);
    assert_ne!(first, again);
    assert_eq!(core.unwatch(first), Err(StoreError::Stale));
}

#[test]
fn an_event_goes_to_its_watch() {
    let mut core: Core<1, 2> = Core::new();
    let (first, one) = watched(&mut core, VBD);
    let (second, two) = watched(&mut core, Path::literal("device"));
    give(&mut core, &Message::event("device/vbd/768/state", &two));
    give(&mut core, &Message::event("device/vbd/768/state", &one));
    assert_eq!(core.poll_event(), Some(below(first, "768/state")));
    assert_eq!(core.poll_event(), Some(below(second, "vbd/768/state")));
    assert_eq!(core.poll_event(), None);
}

#[test]
fn s18_a_flood_of_one_watch_is_one_event_and_starves_no_other() {
    let mut core: Core<1, 2> = Core::new();
    let (noisy, one) = watched(&mut core, VBD);
    let (quiet, two) = watched(&mut core, Path::literal("control"));
    for count in 0..if cfg!(miri) { 300 } else { 100_000 } {
        give(&mut core, &Message::event(&format!("device/vbd/{count}"), &one));
    }
    give(&mut core, &Message::event("control/shutdown", &two));
    assert_eq!(core.poll_event(), Some(WatchEvent { watch: noisy, place: Place::Somewhere }));
    give(&mut core, &Message::event("device/vbd/1", &one));
    assert_eq!(core.poll_event(), Some(below(quiet, "shutdown")), "in its turn");
    assert_eq!(core.poll_event(), Some(below(noisy, "1")));
    assert_eq!(core.poll_event(), None);
}

#[test]
fn s15_s16_strange_events_are_ignored_and_counted() {
    let mut core: Core<1, 2> = Core::new();
    let (watch, token) = watched(&mut core, VBD);
    let wrong = u32::from_str_radix(&token, 16).unwrap() ^ 0x1000;
    let event = |body: &[u8]| Message::new(MessageType::WatchEvent.raw(), 0, 0, body);
    let strange = [
        event(b""),
        event(b"device/vbd\0"),
        event(format!("device/vbd\0{token}").as_bytes()),
        event(format!("device/vbd\0{token}\0more\0").as_bytes()),
        Message::event("device/vbd", ""),
        Message::event("device/vbd", "99999999"),
        Message::event("device/vbd", "+0001000"),
        Message::event("device/vbd", &token.replace('0', "O")),
        Message::event("device/vbd", &format!("{token}0")),
        Message::event("device/vbd", &format!("{wrong:08x}")),
        event(&[0xff; 4096]),
    ];
    for message in &strange {
        give(&mut core, message);
    }
    assert_eq!(core.poll_event(), None);
    assert_eq!(usize::try_from(core.counters().ignored_events), Ok(strange.len()));
    give(&mut core, &Message::event("device/vbd", &token));
    assert_eq!(core.poll_event(), Some(WatchEvent { watch, place: Place::Itself }));
}

#[test]
fn s17_late_events_of_a_removed_watch_are_dropped() {
    let mut core: Core<1, 1> = Core::new();
    let (watch, token) = watched(&mut core, VBD);
    give(&mut core, &Message::event("device/vbd", &token));
    core.unwatch(watch).unwrap();
    assert_eq!(core.poll_event(), None, "even one that came before");
    give(&mut core, &Message::event("device/vbd", &token));
    assert_eq!(core.poll_event(), None);
    assert_eq!(core.watch(VBD), Err(StoreError::Full), "until the server has forgotten it");
    let unwatch = sent(&mut core).remove(0);
    give(&mut core, &unwatch.error("ENOENT"));
    let (_, other) = watched(&mut core, VBD);
    give(&mut core, &Message::event("device/vbd", &token));
    assert_eq!(core.poll_event(), None);
    assert_ne!(token, other);
}

#[test]
fn a_watch_removed_while_it_is_being_set_is_taken_back() {
    let mut core: Core<1, 1> = Core::new();
    let watch = core.watch(VBD).unwrap();
    let request = sent(&mut core).remove(0);
    core.unwatch(watch).unwrap();
    assert_eq!(sent(&mut core), []);
    give(&mut core, &request.ack());
    let unwatch = sent(&mut core).remove(0);
    assert!(unwatch.is(MessageType::Unwatch));
    assert_eq!(unwatch.body, request.body, "same path, same token");
    give(&mut core, &unwatch.ack());
    assert!(core.is_quiet() && core.watch(VBD).is_ok());
}

#[test]
fn a_refused_watch_says_why() {
    let mut core: Core<1, 1> = Core::new();
    let watch = core.watch(VBD).unwrap();
    let reply = sent(&mut core)[0].error("EQUOTA");
    give(&mut core, &reply);
    let quota = StoreError::Said(Refusal::Quota);
    assert_eq!(core.watch_status(watch), Ok(WatchStatus::Refused(quota)));
    assert_eq!(core.watch_standing(watch), Err(quota));
    core.unwatch(watch).unwrap();
    assert_eq!(sent(&mut core), [], "the server knows of nothing");
    assert_eq!(core.watch_status(watch), Err(StoreError::Stale));
}

#[test]
fn s21_domains_that_went() {
    let mut core: Core<1, 1> = Core::new();
    let (watch, token) = watched(&mut core, Path::RELEASE_DOMAIN);
    give(&mut core, &Message::event("@releaseDomain", &token));
    assert_eq!(core.poll_event(), Some(WatchEvent { watch, place: Place::Itself }));
    give(&mut core, &Message::event("@releaseDomain/7", &token));
    assert_eq!(core.poll_event(), Some(below(watch, "7")));
    give(&mut core, &Message::event("@releaseDomain/../7", &token));
    assert_eq!(core.poll_event(), Some(WatchEvent { watch, place: Place::Somewhere }));
}

/// I29: a watch that the server does not forget at once is not left there.
#[test]
fn an_unwatch_that_is_refused_is_sent_again_but_not_for_ever() {
    let mut core: Core<1, 1> = Core::new();
    let (watch, token) = watched(&mut core, VBD);
    core.unwatch(watch).unwrap();
    for _ in 0..3 {
        let unwatch = sent(&mut core).remove(0);
        assert!(unwatch.is(MessageType::Unwatch));
        assert_eq!(unwatch.strings(), ["device/vbd", &token]);
        assert_eq!(core.watch(VBD), Err(StoreError::Full), "the server may have it");
        give(&mut core, &unwatch.error("EAGAIN"));
    }
    assert!(sent(&mut core).is_empty(), "three times is enough");
    let (watch, _) = watched(&mut core, VBD);
    core.unwatch(watch).unwrap();
    let unwatch = sent(&mut core).remove(0);
    give(&mut core, &unwatch.error("ENOENT"));
    assert!(sent(&mut core).is_empty(), "it does not know it, and that is what was wanted");
}

/// A watch whose answer is lost is told to the server again, or is taken back, as soon as a later request was answered.
#[test]
fn a_registration_that_is_overtaken() {
    for wanted in [true, false] {
        let mut core: Core<1, 1> = Core::new();
        let watch = core.watch(VBD).unwrap();
        let lost = sent(&mut core).remove(0);
        if !wanted {
            core.unwatch(watch).unwrap();
        }
        assert_eq!(core.rewatch_missing(), 0, "the answer may come");
        let ticket = core.submit(Request::Read(VBD), None).unwrap();
        let read = sent(&mut core).remove(0);
        give(&mut core, &read.ok(b""));
        assert!(matches!(core.poll_reply(ticket), Answer::Done(Ok(_))));
        assert_eq!((core.rewatch_missing(), core.is_quiet()), (usize::from(wanted), false));
        let next = sent(&mut core).remove(0);
        assert_eq!((next.is(MessageType::Watch), next.strings()), (wanted, lost.strings()));
        give(&mut core, &lost.ack());
        assert_eq!(core.counters().strays, 1, "too late");
        give(&mut core, &next.ack());
        assert!(core.is_quiet());
        assert_eq!(core.watch_status(watch).is_ok(), wanted);
    }
}
