//! `xen-evtchn`.

use super::{Table, ours, values};

pub(super) const TABLE: Table = Table {
    package: "xen-evtchn",
    rules: &[
        values("bits::MAX_PORTS", &["EVTCHN_2L_NR_CHANNELS"]),
        ours("slot::KINDS::*"),
        ours("slot::Kind::*"),
        ours("slot::KIND_BITS"),
        ours("slot::KIND"),
        ours("slot::BORN_SHIFT"),
        ours("slot::BORN"),
        ours("slot::LIVE"),
        ours("scan::MOST_STEPS"),
        ours("slot::VCPU"),
        ours("slot::VCPU_BITS"),
        ours("slot::QUEUE_SHIFT"),
        ours("slot::QUEUE"),
        ours("resume::CANARY_VCPU"),
        ours("delivery::UNUSED_LINE"),
        // The header has them for Arm alone.
        ours("delivery::PPI"),
        ours("delivery::EDGE"),
        ours("delivery::LOW"),
        ours("two_level::TURN"),
        ours("two_level::LOOKS"),
        ours("two_level::NEVER"),
        values("fifo::WORDS", &["4096 / sizeof(event_word_t)"]),
        values("fifo::LINK_BITS", &["EVTCHN_FIFO_LINK_BITS"]),
        values("fifo::MAX_FIFO_PORTS", &["EVTCHN_FIFO_NR_CHANNELS"]),
        values("fifo::queues::QUEUES", &["EVTCHN_FIFO_MAX_QUEUES"]),
        ours("fifo::queues::ALL"),
        values("fifo::word::PENDING", &["1u << EVTCHN_FIFO_PENDING"]),
        values("fifo::word::MASKED", &["1u << EVTCHN_FIFO_MASKED"]),
        values("fifo::word::LINKED", &["1u << EVTCHN_FIFO_LINKED"]),
        values("fifo::word::BUSY", &["1u << EVTCHN_FIFO_BUSY"]),
        values("fifo::word::LINK", &["EVTCHN_FIFO_LINK_MASK"]),
        values("fifo::word::FRESH", &["1u << EVTCHN_FIFO_MASKED"]),
        ours("fifo::word::TRIES"),
    ],
};
