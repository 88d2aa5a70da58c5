//! `xen-ring`.

use super::{Table, ours, values};

macro_rules! byte_ring {
    ($item:literal, $page:literal, $data:literal, $cons:literal, $prod:literal) => {
        values(
            $item,
            &[
                concat!("offsetof(struct ", $page, ", ", $data, ")"),
                concat!("sizeof(((struct ", $page, " *)0)->", $data, ")"),
                concat!("offsetof(struct ", $page, ", ", $cons, ")"),
                concat!("offsetof(struct ", $page, ", ", $prod, ")"),
            ],
        )
    };
}

pub(super) const TABLE: Table = Table {
    package: "xen-ring",
    rules: &[
        byte_ring!("layout::xenstore::REQ", "xenstore_domain_interface", "req", "req_cons", "req_prod"),
        byte_ring!("layout::xenstore::RSP", "xenstore_domain_interface", "rsp", "rsp_cons", "rsp_prod"),
        byte_ring!("layout::console::IN", "xencons_interface", "in", "in_cons", "in_prod"),
        byte_ring!("layout::console::OUT", "xencons_interface", "out", "out_cons", "out_prod"),
        values("store_page::SERVER_FEATURES", &["offsetof(struct xenstore_domain_interface, server_features)"]),
        values("store_page::CONNECTION", &["offsetof(struct xenstore_domain_interface, connection)"]),
        values("store_page::ERROR", &["offsetof(struct xenstore_domain_interface, error)"]),
        values("store_page::CONNECTED", &["XENSTORE_CONNECTED"]),
        values("store_page::RECONNECT", &["XENSTORE_RECONNECT"]),
        values("store_page::StoreFeatures::*", &["XENSTORE_SERVER_FEATURE_{}"]),
        // Of the headers of Xen 4.22, where they are 4 and 8.
        ours("store_page::StoreFeatures::WATCH_DEPTH"),
        ours("store_page::StoreFeatures::DOMID_ANY"),
        values("flex::*", &["offsetof(struct xen_9pfs_data_intf, {lower})"]),
        values("flex::RING_0", &["XEN_FLEX_RING_SIZE(0)"]),
        // The largest order whose grants fit the page.
        values(
            "flex::FlexOrder::MAX",
            &[concat!(
                "sizeof(struct xen_9pfs_data_intf) + (4 << 9) <= 4096 && ",
                "sizeof(struct xen_9pfs_data_intf) + (4 << 10) > 4096 ? 9 : -1"
            )],
        ),
        values("vchan::LEFT_CONS", &["offsetof(struct vchan_interface, left.cons)"]),
        values("vchan::LEFT_PROD", &["offsetof(struct vchan_interface, left.prod)"]),
        values("vchan::RIGHT_CONS", &["offsetof(struct vchan_interface, right.cons)"]),
        values("vchan::RIGHT_PROD", &["offsetof(struct vchan_interface, right.prod)"]),
        values("vchan::NOTIFY_WRITE", &["VCHAN_NOTIFY_WRITE"]),
        values("vchan::NOTIFY_READ", &["VCHAN_NOTIFY_READ"]),
        // The header says these in comments alone.
        ours("vchan::GONE"),
        ours("vchan::HERE"),
        ours("vchan::AWAITED"),
        ours("vchan::shape::SMALL"),
        ours("vchan::shape::LARGE"),
        ours("vchan::shape::PAGE"),
        ours("vchan::shape::MAX"),
        values("vchan::*", &["offsetof(struct vchan_interface, {lower})"]),
        values("slot::*", &["offsetof(struct blkif_sring, {lower})"]),
        values("slot::FIRST", &["offsetof(struct blkif_sring, ring)"]),
        values(
            "slot::KNOWN",
            &[
                "sizeof(union blkif_sring_entry)",
                "__CONST_RING_SIZE(blkif, 4096)",
                "sizeof(union netif_tx_sring_entry)",
                "__CONST_RING_SIZE(netif_tx, 4096)",
                "sizeof(union netif_rx_sring_entry)",
                "__CONST_RING_SIZE(netif_rx, 4096)",
            ],
        ),
        ours("slot::MAX_ORDER"),
        ours("slot::Slots::FULL"),
        ours("slot::Slots::MIXED"),
        ours("slot::Slots::SIZE"),
        ours("protocol::RequestId"),
        ours("protocol::Protocol::IN_ORDER"),
        ours("index::Number::NONE"),
        ours("index::Number::NEVER"),
        ours("table::Requests::MASK"),
        ours("table::Settler::WIDTH"),
    ],
};
