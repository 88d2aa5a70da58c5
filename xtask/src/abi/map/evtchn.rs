//! `xen-evtchn`.

use super::{Table, ours, values};

pub(super) const TABLE: Table = Table {
    package: "xen-evtchn",
    rules: &[
        values("bits::MAX_PORTS", &["EVTCHN_2L_NR_CHANNELS"]),
        ours("slot::KINDS::*"),
        ours("slot::KIND_BITS"),
        ours("slot::KIND"),
        ours("resume::CANARY_VCPU"),
        ours("scan::FULL_TURN"),
    ],
};
