//! What the caller has to supply.

use xen_benches::harness::report::Report;
use xen_store::Core;

/// What the documentation of [`Core`] says, and the assertion beside it holds.
const DOCUMENTED: [(&str, usize); 3] = [("a request in flight", 4240), ("a watch", 464), ("a session, besides", 4568)];

/// Adds the rows.
pub(super) fn rows(report: &mut Report) {
    let besides = size_of::<Core<0, 0>>();
    let bytes = [size_of::<Core<1, 0>>() - besides, size_of::<Core<0, 1>>() - besides, besides];
    for ((name, told), bytes) in DOCUMENTED.into_iter().zip(bytes) {
        let what = format!("{bytes} bytes of the caller's, documented ≤ {told}; nothing is allocated");
        report.row(&format!("memory: {name}"), &what, (bytes <= told).into());
    }
}
