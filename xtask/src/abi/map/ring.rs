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
        ours("slot::Slots::SIZE"),
        ours("protocol::RequestId"),
        ours("protocol::Protocol::IN_ORDER"),
        ours("entry::TURN"),
        ours("table::Requests::MASK"),
        ours("table::Taker::WIDTH"),
    ],
};
