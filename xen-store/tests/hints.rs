//! Watches as hints: how far they reach, and what is read again although no event came.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[allow(dead_code, reason = "each test uses its own part")]
#[path = "support/guest.rs"]
mod guest;
mod support;

use guest::Seam;
use support::fake::{Fake, page};
use support::{Message, give, sent};
use xen_hypercall::{DomId, Nanos};
use xen_mock::{Host, Offers};
use xen_store::{
    Core, Depth, Features, Link, MessageType, Nodes, Path, PathBuf, Place, Special, Store, StoreError, WatchEvent,
    WatchId,
};

const VBD: Path<'_> = Path::literal("device/vbd");

fn below(path: &'static str) -> Place {
    Place::Below(PathBuf::new(Path::literal(path)).unwrap())
}

/// Answers the registration that is sent now, and returns its strings.
fn acknowledge(core: &mut Core<1, 2>) -> Vec<String> {
    let request = sent(core).remove(0);
    give(core, &request.ack());
    request.strings()
}

fn events(core: &mut Core<1, 2>, token: &str, paths: &[&str]) -> Vec<Place> {
    let mut places = Vec::new();
    for path in paths {
        give(core, &Message::event(path, token));
        places.extend(core.poll_event().map(|event| event.place));
    }
    places
}

#[test]
fn s21_a_depth_is_sent_only_where_it_is_offered_and_kept_everywhere() {
    let paths = ["device/vbd", "device/vbd/768", "device/vbd/768/state", "/strange/path/indeed"];
    let expected = [Place::Itself, below("768"), Place::Somewhere];
    for (offered, strings) in [(Features::empty(), 2), (Features::WATCH_DEPTH, 3)] {
        let mut core: Core<1, 2> = Core::new();
        core.handle_features(offered);
        let watch = core.watch_depth(VBD, Depth(1)).unwrap();
        let told = acknowledge(&mut core);
        assert_eq!(told.len(), strings);
        assert_eq!(told.get(2).map(String::as_str), (strings == 3).then_some("1"));
        assert_eq!(events(&mut core, &told[1], &paths), expected, "also if the server sends too much");
        core.unwatch(watch).unwrap();
        assert_eq!(acknowledge(&mut core), told[..2], "the end of a watch has no depth");
        core.watch_depth(VBD, Depth(0)).unwrap();
        let told = acknowledge(&mut core);
        assert_eq!(events(&mut core, &told[1], &paths[..3]), [Place::Itself]);
    }
}

#[test]
fn s39_a_depth_survives_servers_that_differ() {
    let mut core: Core<1, 2> = Core::new();
    core.handle_features(Features::WATCH_DEPTH);
    let deep = core.watch_depth(VBD, Depth(1)).unwrap();
    assert_eq!(acknowledge(&mut core).len(), 3);
    let one = core.watch(Special::Released(Some(DomId(7))).path().as_path()).unwrap();
    assert_eq!(acknowledge(&mut core)[0], "@releaseDomain/7");

    core.epoch_changed();
    core.rewatch();
    let told = acknowledge(&mut core);
    assert_eq!((told.len(), told[0].as_str()), (2, "device/vbd"), "the older one is not told of it");
    assert_eq!(sent(&mut core), [], "nor of a name that it would take and never speak of");
    assert_eq!(core.watch_standing(one), Err(StoreError::NotOffered(Features::WATCH_DEPTH)));
    assert_eq!(core.rewatch_missing(), 1);
    assert_eq!(core.registering(), 0);
    assert_eq!(core.watch_standing(deep), Ok(()));

    core.epoch_changed();
    core.handle_features(Features::WATCH_DEPTH);
    core.rewatch();
    assert_eq!(sent(&mut core).iter().map(|request| request.strings().len()).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn s21_special_names() {
    let mut core: Core<1, 2> = Core::new();
    let seven = Special::Released(Some(DomId(7))).path();
    let refused = core.watch(seven.as_path());
    assert_eq!(refused, Err(StoreError::NotOffered(Features::WATCH_DEPTH)), "it would never fire");
    core.handle_features(Features::WATCH_DEPTH);
    core.watch_depth(Path::RELEASE_DOMAIN, Depth(3)).unwrap();
    let told = acknowledge(&mut core);
    assert_eq!(told[2], "1", "servers know no other");
    let places = events(
        &mut core,
        &told[1],
        &["@releaseDomain", "@releaseDomain/12", "@releaseDomain/32752", "@releaseDomain/x", "@releaseDomain/1/2"],
    );
    let domains: Vec<_> = places.iter().map(Place::domain).collect();
    assert_eq!(domains, [None, Some(DomId(12)), None, None], "and the last has too many levels");
    core.watch_depth(Path::INTRODUCE_DOMAIN, Depth(0)).unwrap();
    assert_eq!(acknowledge(&mut core).len(), 2, "of no depth a server would never speak");
}

#[test]
fn s49_a_flood_of_ends_is_one_event() {
    let mut core: Core<1, 2> = Core::new();
    core.handle_features(Features::WATCH_DEPTH);
    let watch = core.watch_depth(Path::RELEASE_DOMAIN, Depth(1)).unwrap();
    let told = acknowledge(&mut core);
    for domain in 0..if cfg!(miri) { 50 } else { 5000 } {
        give(&mut core, &Message::event(&format!("@releaseDomain/{}", domain % 30_000), &told[1]));
    }
    assert_eq!(core.poll_event(), Some(WatchEvent { watch, place: Place::Somewhere }));
    assert_eq!(core.poll_event(), None);
}

#[test]
fn s19_a_watch_without_events_is_read_again() {
    let mut core: Core<1, 2> = Core::new();
    core.set_reread(Nanos(100));
    let watch = core.watch(VBD).unwrap();
    let token = acknowledge(&mut core).remove(1);
    core.handle_time(Nanos(1000));
    assert_eq!((core.poll_event(), core.poll_deadline()), (None, Some(Nanos(1100))));
    core.handle_time(Nanos(1099));
    assert_eq!(core.poll_event(), None);
    core.handle_time(Nanos(1100));
    let again = Some(WatchEvent { watch, place: Place::Itself });
    assert_eq!((core.poll_event(), core.poll_event()), (again, None));
    assert_eq!(core.poll_deadline(), Some(Nanos(1200)));

    give(&mut core, &Message::event("device/vbd/1", &token));
    core.handle_time(Nanos(1190));
    assert_eq!(core.poll_deadline(), Some(Nanos(1290)), "an event puts it off");
    core.handle_time(Nanos(1300));
    let event = Some(WatchEvent { watch, place: below("1") });
    assert_eq!(core.poll_event(), event, "one that waits says enough");
    core.unwatch(watch).unwrap();
    core.handle_time(Nanos(9999));
    assert_eq!(core.poll_event(), None, "nothing comes after the end");
    acknowledge(&mut core);
    assert_eq!(core.poll_deadline(), None);
}

#[test]
fn s19_unless_it_is_set_nothing_is_read_again() {
    let mut core: Core<1, 2> = Core::new();
    core.watch(VBD).unwrap();
    acknowledge(&mut core);
    for now in [0, 1, u64::MAX] {
        core.handle_time(Nanos(now));
        assert_eq!((core.poll_event(), core.poll_deadline()), (None, None));
    }
}

/// A server that takes the watch, and then never says that anything changed.
#[test]
fn s19_who_waits_learns_of_a_change_whose_event_was_lost() {
    let page = page();
    let fake = Fake::new(&page, |request| match request.is(MessageType::Read) {
        true => vec![request.ok(b"changed")],
        false => vec![request.ack()],
    });
    let mut core: Core<1, 1> = Core::new();
    core.set_reread(Nanos::from_secs(2));
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let watch = store.watch(VBD).unwrap();
    let before = fake.now();
    let event = store.wait_event(before.after(Nanos::from_secs(60))).unwrap();
    assert_eq!(event, Some(WatchEvent { watch, place: Place::Itself }));
    assert_eq!(fake.now().since(before), Nanos::from_secs(2));
    assert_eq!(store.read(VBD, &mut [0; 16]), Ok(&b"changed"[..]));
}

#[test]
fn depths_on_the_mock_host() {
    for watch_depth in [false, true] {
        let host = Host::builder().offers(Offers { watch_depth, ..Offers::default() }).build();
        let seam = Seam::new(&host);
        let page = seam.page();
        let mut core: Core<2, 2> = Core::new();
        let mut store = Store::attach(&page, &mut core, &seam).unwrap();
        let watch: WatchId = store.watch_depth(Path::literal("data"), Depth(1)).unwrap();
        while store.wait_event(seam.after(10)).unwrap().is_some() {}
        host.store().write("data/a/deep", "1");
        host.store().write("data/a", "1");
        assert_eq!(store.wait_event(seam.after(10)), Ok(Some(WatchEvent { watch, place: below("a") })));
        store.unwatch(watch).unwrap();
        store.wait_event(seam.after(10)).unwrap();
        assert!(host.ledger().holdings().watches.is_empty());
        host.check().unwrap();
    }
}
