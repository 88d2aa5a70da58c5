//! The guest's hoard in xenstore, as dom0 of the mock host sees it.

use guest::{GROUPS, HOARD, Tally};
use xen_mock::{Access, Host};

/// The word that is written in its turn.
pub(crate) fn word(number: u32) -> String {
    format!("p{number}")
}

/// Writes a word to all groups.
pub(crate) fn poke(host: &Host, word: &str) {
    (0..GROUPS).for_each(|group| host.store().write(&format!("{HOARD}/{group:02}"), word));
}

/// Counts the nodes in all groups, and sums them up: a line for each, by the order of their names.
pub(crate) fn held(host: &Host) -> (usize, Tally) {
    let store = host.store();
    let sorted = |path: &str| {
        let mut names = store.list(path);
        names.sort_unstable();
        names
    };
    let (mut nodes, mut sum) = (0, Tally::new());
    for group in sorted(HOARD) {
        for name in sorted(&format!("{HOARD}/{group}")) {
            let path = format!("{HOARD}/{group}/{name}");
            let letters = |entry: &xen_mock::Permission| format!("{}{}", letter(entry.access), entry.domain);
            let permissions: Vec<String> = store.permissions(&path).iter().map(letters).collect();
            let value = store.read(&path).unwrap_or_default();
            sum.add(format!("{group}/{name} {value} {}\n", permissions.join(",")).as_bytes());
            nodes += 1;
        }
    }
    (nodes, sum)
}

const fn letter(access: Access) -> char {
    match access {
        Access::None => 'n',
        Access::Read => 'r',
        Access::Write => 'w',
        Access::Both => 'b',
    }
}
