//! `xen-ring`, the block protocol.

use super::{Member, Table, layout, ours, values};

/// A field that C does not have.
const PADDING: &[&str] = &[];

/// The fields that the layouts have between C's.
const PADDED: &[Member] = &[("pad", PADDING)];

pub(super) const TABLE: Table = Table {
    package: "xen-ring",
    rules: &[
        values("blkif::request::Operation::*", &["BLKIF_OP_{}"]),
        values("blkif::request::DiscardFlags::*", &["BLKIF_DISCARD_{}"]),
        values("blkif::answer::Status::*", &["BLKIF_RSP_{}"]),
        values("blkif::info::Info::*", &["VDISK_{}"]),
        values("blkif::segment::MAX_SEGMENTS", &["BLKIF_MAX_SEGMENTS_PER_REQUEST"]),
        values("blkif::indirect::MAX_PAGES", &["BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST"]),
        values("blkif::indirect::SEGMENTS_IN_PAGE", &["4096 / sizeof(struct blkif_request_segment)"]),
        values(
            "blkif::indirect::SegmentLimit::MAX",
            &["BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST * (4096 / sizeof(struct blkif_request_segment))"],
        ),
        values("blkif::abi::Blkif::ID_BITS", &["8 * sizeof(((struct blkif_request *)0)->id)"]),
        // The headers say it in comments alone.
        ours("blkif::sector::SECTOR_SIZE"),
        ours("blkif::segment::LAST"),
        layout("blkif::segment::Raw", "struct blkif_request_segment", PADDED),
        ours("blkif::segment::Raw::NONE"),
        ours("blkif::segment::Segments::NONE"),
        layout("blkif::x86_64::Slot", "union blkif_sring_entry", &[]),
        layout("blkif::x86_64::ReadWrite", "struct blkif_request", PADDED),
        layout("blkif::x86_64::DiscardSlot", "struct blkif_request_discard", PADDED),
        layout(
            "blkif::x86_64::IndirectSlot",
            "struct blkif_request_indirect",
            &[("pad", PADDING), ("pad2", PADDING), ("pad3", PADDING)],
        ),
        layout("blkif::x86_64::Answer", "struct blkif_response", &[("pad", PADDING), ("pad2", PADDING)]),
        layout("blkif::x86_32::Halves", "uint64_t", &[]),
        layout("blkif::x86_32::Slot", "union blkif_x86_32_sring_entry", &[]),
        layout("blkif::x86_32::ReadWrite", "struct blkif_x86_32_request", &[]),
        layout("blkif::x86_32::DiscardSlot", "struct blkif_x86_32_request_discard", &[]),
        layout(
            "blkif::x86_32::IndirectSlot",
            "struct blkif_x86_32_request_indirect",
            &[("pad2", PADDING), ("pad3", &["pad"])],
        ),
        layout("blkif::x86_32::Answer", "struct blkif_x86_32_response", PADDED),
    ],
};
