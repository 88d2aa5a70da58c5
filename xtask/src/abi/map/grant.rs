//! `xen-grant`.

use super::{Table, ours, values};

pub(super) const TABLE: Table = Table {
    package: "xen-grant",
    rules: &[
        values("entry::RESERVED_ENTRIES", &["GNTTAB_NR_RESERVED_ENTRIES"]),
        values("entry::DOMAIN_SHIFT", &["offsetof(struct grant_entry_v1, domid) * 8"]),
        values("entry::Flags::*", &["GTF_{lower}"]),
        values("entry::Flags::READ_ONLY", &["GTF_readonly"]),
        values("entry::v1::PER_FRAME", &["4096 / sizeof(struct grant_entry_v1)"]),
        values("entry::v1::ENTRY_SIZE", &["sizeof(struct grant_entry_v1)"]),
        values("entry::v1::FRAME", &["offsetof(struct grant_entry_v1, frame)"]),
        ours("entry::v1::RETRIES"),
        values("entry::v2::PER_FRAME", &["4096 / sizeof(union grant_entry_v2)"]),
        values("entry::v2::PER_STATUS_FRAME", &["4096 / sizeof(grant_status_t)"]),
        values("entry::v2::ENTRY_SIZE", &["sizeof(union grant_entry_v2)"]),
        values("entry::v2::FRAME", &["offsetof(union grant_entry_v2, full_page.frame)"]),
        values("entry::v2::STATUS_SIZE", &["sizeof(grant_status_t)"]),
        ours("offer::Read::FLAGS"),
        ours("offer::Write::FLAGS"),
        ours("ledger::Owner::NONE"),
        ours("aside::DEFAULT_CAP"),
        ours("aside::OWN"),
        ours("entries::FREE"),
        ours("pool::NEVER"),
        ours("queue::END"),
        ours("queue::Link::NONE"),
        ours("slot::State::FREE"),
        ours("slot::State::ABSENT"),
        ours("slot::State::STRAY"),
    ],
};
