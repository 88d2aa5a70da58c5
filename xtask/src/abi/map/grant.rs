//! `xen-grant`.

use super::{Table, ours, values};

pub(super) const TABLE: Table = Table {
    package: "xen-grant",
    rules: &[
        values("entry::ENTRIES_PER_FRAME", &["4096 / sizeof(struct grant_entry_v1)"]),
        values("entry::RESERVED_ENTRIES", &["GNTTAB_NR_RESERVED_ENTRIES"]),
        values("entry::ENTRY_SIZE", &["sizeof(struct grant_entry_v1)"]),
        values("entry::FRAME", &["offsetof(struct grant_entry_v1, frame)"]),
        values("entry::DOMAIN_SHIFT", &["offsetof(struct grant_entry_v1, domid) * 8"]),
        values("entry::Flags::*", &["GTF_{lower}"]),
        values("entry::Flags::READ_ONLY", &["GTF_readonly"]),
        ours("entry::RETRIES"),
        ours("offer::Read::FLAGS"),
        ours("offer::Write::FLAGS"),
        ours("free::END"),
        ours("free::IN_USE"),
        ours("free::QUARANTINED"),
        ours("table::DEFAULT_CAP"),
        ours("table::VERSION"),
    ],
};
