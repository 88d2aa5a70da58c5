//! Replays the corpus of the fuzz target `store_wire`, and any bytes that proptest thinks of, on stable.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::std_instead_of_core, reason = "as above; hosted")]

#[allow(unreachable_pub, reason = "public for the fuzz target")]
#[path = "../../fuzz/src/store_wire.rs"]
mod harness;

use std::fs;
use std::path::Path;

use harness::{any_answers_to_others, any_bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use xen_store::{Fault, Header, MessageType, StoreError};

/// The first generation of ids, as it is seen on the wire.
const FIRST: u32 = 0x5_1A71 << 12;

fn input(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/store_wire");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn the_whole_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/store_wire");
    let inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(inputs.len() >= 15);
    for input in inputs {
        any_bytes(&input);
    }
}

#[test]
fn inputs_do_what_their_names_say() {
    let good = any_bytes(&input("every-answer")).unwrap();
    assert!(good.replies.iter().all(|reply| matches!(reply, Some(Ok(_)))));
    assert_eq!(good.ignored, (0, 0));
    assert_eq!(any_bytes(&input("events")).unwrap().events.len(), 2);
    let others = any_answers_to_others(&input("every-other-answer")).unwrap();
    assert!(others.replies.iter().all(|reply| matches!(reply, Some(Ok(_)))), "{others:?}");
    assert_eq!((others.replies.len(), others.ignored), (16, (0, 0)));
    let bad = any_answers_to_others(&input("s45-bad-other-answers")).unwrap();
    let (control, rest) = bad.replies.split_last().unwrap();
    assert!(rest.iter().all(|reply| matches!(reply, Some(Err(StoreError::Rejected(_))))), "{bad:?}");
    assert_eq!(control, &Some(Ok(Vec::new())), "a daemon may say anything to a command");
    let oversize = any_bytes(&input("s01-oversize")).unwrap();
    assert_eq!(oversize.standing, Err(StoreError::Poisoned(Fault::Oversize(4097))));
    assert_eq!(any_bytes(&input("s08-unknown-ids")).unwrap().ignored, (4, 0));
    assert_eq!(any_bytes(&input("s15-bad-events")).unwrap().ignored, (0, 5));
    let strays = any_bytes(&input("s08-too-many-strays")).unwrap();
    assert_eq!(strays.standing, Err(StoreError::Poisoned(Fault::Strays)));
}

/// A message that has a chance to mean something.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![0..=26_u32, Just(MessageType::Error.raw()), any::<u32>()];
    let request = prop_oneof![(0..18_u32).prop_map(|place| FIRST | place), any::<u32>()];
    let transaction = prop_oneof![4 => Just(0_u32), 1 => any::<u32>()];
    let text = [
        "OK\0",
        "7\0",
        "ENOENT\0",
        "ENEW\0",
        "vbd\0vif\0",
        "3\0vbd\0\0",
        "T\0",
        "/local/domain/7\0",
        "n0\0r1\0",
        "device/x\x0000001006\0",
    ];
    let body = prop_oneof![
        proptest::sample::select(text.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 0..40),
        (4090..=4096_usize).prop_map(|len| vec![b'x'; len]),
    ];
    (kind, request, transaction, body).prop_map(|(kind, request, transaction, body)| {
        let len = u32::try_from(body.len()).unwrap();
        let mut bytes = Header { kind, request, transaction, len }.encode().to_vec();
        bytes.extend(body);
        bytes
    })
}

/// 400 cases, unless the environment says otherwise.
fn config() -> ProptestConfig {
    let given = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { given } else { ProptestConfig { cases: 400, ..given } }
}

proptest! {
    #![proptest_config(config())]

    /// Any bytes, in any pieces: no panic, and the pieces make no difference.
    #[test]
    fn any_bytes_at_all(bytes in vec(any::<u8>(), 0..2000)) {
        any_bytes(&bytes);
    }

    /// Messages that mean something, cut off at any point: each request is completed at most once.
    #[test]
    fn any_messages(piece in any::<u8>(), messages in vec(message(), 0..12), cut in 0..20_usize) {
        let mut bytes: Vec<u8> = [piece].into_iter().chain(messages.into_iter().flatten()).collect();
        bytes.truncate(bytes.len().saturating_sub(cut).max(1));
        let summary = any_bytes(&bytes).unwrap();
        prop_assert!(summary.replies.len() == 5);
    }
}
