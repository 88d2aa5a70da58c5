use super::*;

const OWN: &str = TITLES[0];

const ROUND: &str = "domain 3
port    1: VCPU 0: Interdomain (Connected) - Remote Domain 0, Port 20
port    2: VCPU 0: Interdomain (Connected) - Remote Domain 0, Port 21
port    3: VCPU 0: IPI
port    4: VCPU 1: Virtual IRQ 0
grant (XEN) gnttab_usage_print_all [ key 'g' pressed
grant (XEN) [ref] localdom mfn      pin          localdom gmfn     flags
grant (XEN) grant-table for remote d0 (v1)
grant (XEN)   9 frames (64 max), 1 maptrack frames (1024 max)
grant (XEN) [0x007]      3 0x9b8f0 0x00000002          0 0x0feff0 0x19
grant (XEN) [ref] localdom mfn      pin          localdom gmfn     flags
grant (XEN) grant-table for remote d3 (v1)
grant (XEN)   1 frames (64 max), 0 maptrack frames (1024 max)
grant (XEN) [0x000]      0 0x9b8fb 0x00000002          0 0x0fefff 0x19
grant (XEN) [0x001]      0 0x9b8fe 0x00000002          0 0x0feffc 0x19
grant (XEN) [ref] localdom mfn      pin          localdom gmfn     flags
grant (XEN) grant-table for remote d31 (v1)
grant (XEN)   2 frames (64 max), 0 maptrack frames (1024 max)
grant (XEN) [0x000]      0 0x9b8fb 0x00000002          0 0x0fefff 0x19
grant (XEN) gnttab_usage_print_all ] done
store Domain 3:
store nodes           :       17
store watches         :        1
store transactions    :        0
store outstanding     :        0
store memory          :     1024
free 1496";

/// The round, and the same once more with a line replaced.
fn two(old: &str, new: &str) -> Vec<String> {
    assert!(ROUND.contains(old), "{old}");
    ROUND.lines().chain(ROUND.replace(old, new).lines()).map(str::to_owned).collect()
}

#[test]
fn ports_and_grants_of_the_domain_alone_are_counted() {
    let census = read(&two("", ""), OWN).unwrap().remove(0);
    assert_eq!((census.grants, census.frames, census.free), (2, [1, 0], 1496));
    let ports = [("IPI", 1), ("Interdomain (Connected)", 2), ("Virtual IRQ 0", 1)];
    assert!(census.store.into_iter().eq([("nodes", 17), ("transactions", 0), ("watches", 1)]));
    assert!(census.ports.iter().map(|(kind, count)| (kind.as_str(), *count)).eq(ports), "{:?}", census.ports);
}

#[test]
fn other_numbers_and_another_domain_are_no_growth() {
    let moved = two("domain 3", "domain 31").iter().map(|line| line.replace("Port 21", "Port 44")).collect::<Vec<_>>();
    assert_eq!(read(&moved, OWN).unwrap()[1].frames, [2, 0], "its own section");
    let renumbered = two("port    3: VCPU 0: IPI", "port    9: VCPU 0: IPI");
    assert!(compare(&renumbered, [2, 0]).unwrap().contains("round 2: 4 ports"));
    let poorer = two("free 1496", "free 1400");
    assert!(compare(&poorer, [2, 0]).unwrap().contains("1400 MiB"), "shown, and left to the reader");
}

#[test]
fn a_port_a_grant_or_a_frame_more_is_growth() {
    let ipi = "port    3: VCPU 0: IPI";
    let entry = "grant (XEN) [0x001]      0 0x9b8fe 0x00000002          0 0x0feffc 0x19";
    let frames = "grant (XEN)   1 frames (64 max)";
    for (old, new) in [
        (ipi, format!("{ipi}\nport    5: VCPU 0: IPI")),
        (ipi, "port    3: VCPU 0: Interdomain (Waiting connection) - Remote Domain 0".into()),
        (entry, format!("{entry}\n{}", entry.replace("001", "008"))),
        (frames, frames.replace('1', "2")),
        ("nodes           :       17", "nodes           :       18".into()),
        ("watches         :        1", "watches         :        2".into()),
        ("transactions    :        0", "transactions    :        1".into()),
    ] {
        let error = compare(&two(old, &new), [2, 0]).unwrap_err().to_string();
        assert!(error.contains("does not hold the same: round 1: "), "{error}");
    }
}

#[test]
fn a_census_that_sees_nothing_is_none() {
    for (old, new) in [
        ("(v1)\ngrant (XEN)   1 frames (64 max), 0 maptrack frames (1024 max)", "(v1)"),
        ("grant-table for remote d3 ", "grant-table for remote d8 "),
        ("free 1496", "free"),
        ("store nodes ", "store knots "),
        ("watches         :        1", "watches         :        0"),
        ("port    3: VCPU 0: IPI", "port usage: lsevtchn"),
    ] {
        assert!(read(&two(old, new), OWN).is_err(), "{new}");
    }
    let portless: Vec<String> = two("", "").into_iter().filter(|line| !line.starts_with("port")).collect();
    assert!(read(&portless, OWN).is_err());
    assert!(read(&["port 1: VCPU 0: IPI".into()], OWN).is_err());
}

#[test]
fn both_daemons_are_understood() {
    let told = |text: &'static str| stored(text.lines());
    let ocaml = told("dom2 quota: 1077/1200\n\nwatches : 65").unwrap();
    assert!(ocaml.into_iter().eq([("nodes", 1077), ("watches", 65)]));
    let newer =
        told("Domain 2:\nnodes           :       17 (max:     1000)\nwatches         :        1 (max:      128)")
            .unwrap();
    assert!(newer.into_iter().eq([("nodes", 17), ("watches", 1)]));
    assert!(told("dom2 quota: not set\nwatches : 1").is_err());
    assert!(told("").is_err());
}

#[test]
fn a_round_that_was_not_counted_is_missed() {
    assert!(compare(&two("", ""), [3, 0]).unwrap_err().to_string().contains("2 of 3"));
    assert!(compare(&[], [1, 0]).is_err());
}

/// What the guest has, and a peer that has mapped one page of it.
fn with_peer(round: &str) -> Vec<String> {
    let peer = round.replace("domain 3", "peer 31").replace("0 maptrack", "1 maptrack");
    round.lines().chain(peer.lines()).map(str::to_owned).collect()
}

#[test]
fn the_peer_is_counted_apart() {
    let two = [with_peer(ROUND), with_peer(ROUND)].concat();
    let told = compare(&two, [2, 2]).unwrap();
    assert!(told.contains("its peer, round 2: 4 ports") && told.contains("2 grant and 1 maptrack"), "{told}");
    assert!(compare(&two, [2, 0]).unwrap_err().to_string().contains("2 of 0 rounds of its peer"));
    let grown = with_peer(ROUND).iter().map(|line| line.replace("1 maptrack", "2 maptrack")).collect();
    let error = compare(&[with_peer(ROUND), grown].concat(), [2, 2]).unwrap_err().to_string();
    assert!(error.contains("its peer does not hold the same"), "{error}");
}
