//! The guest on hosts where something is wrong.

use xen_sim::TROUBLES;

#[test]
fn the_guest_survives_every_trouble() {
    let mut failed = Vec::new();
    for trouble in TROUBLES {
        if let Err(failure) = trouble.play() {
            failed.push(format!("{}: {failure}", trouble.lifecycle.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
