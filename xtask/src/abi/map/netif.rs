//! `xen-ring`, the network protocol.

use super::{Member, Table, layout, ours, values};

/// A field that C does not have, or not under a name of its own.
const PADDING: &[&str] = &[];

const KIND: Member = ("kind", &["type"]);

pub(super) const TABLE: Table = Table {
    package: "xen-ring",
    rules: &[
        // Packets.
        values("netif::chain::FragmentLimit::MIN", &["XEN_NETIF_NR_SLOTS_MIN"]),
        values("netif::chain::EXCESS_MAX", &["__CONST_RING_SIZE(netif_rx, 4096)"]),
        values("netif::status::Status::*", &["NETIF_RSP_{}"]),
        values("netif::tx::Flags::*", &["NETTXF_{lower}"]),
        values("netif::rx::Flags::*", &["NETRXF_{lower}"]),
        values("netif::tx::Tx::ID_BITS", &["8 * sizeof(((struct netif_tx_request *)0)->id)"]),
        values("netif::rx::Rx::ID_BITS", &["8 * sizeof(((struct netif_rx_request *)0)->id)"]),
        ours("netif::tx::Tx::TOTAL_FIRST"),
        ours("netif::rx::Rx::TOTAL_FIRST"),
        ours("netif::rx::Rx::IN_ORDER"),
        ours("netif::part::Part::WHOLE"),
        layout("netif::tx::Slot", "union netif_tx_sring_entry", &[]),
        layout("netif::tx::Request", "struct netif_tx_request", &[]),
        layout("netif::tx::ExtraSlot", "union netif_tx_sring_entry", &[("info", PADDING), ("pad", PADDING)]),
        layout("netif::tx::Answer", "struct netif_tx_response", &[]),
        layout("netif::rx::Slot", "union netif_rx_sring_entry", &[]),
        layout("netif::rx::Request", "struct netif_rx_request", &[]),
        layout("netif::rx::Response", "struct netif_rx_response", &[]),
        // Extra infos.
        values("netif::extra::*", &["XEN_NETIF_EXTRA_TYPE_{}"]),
        values("netif::extra::FLAG_MORE", &["XEN_NETIF_EXTRA_FLAG_MORE"]),
        values("netif::extra::GsoType::*", &["XEN_NETIF_GSO_TYPE_{}"]),
        layout("netif::extra::ExtraInfo", "struct netif_extra_info", &[KIND, ("body", &["u", "u.mcast.addr"])]),
        layout("netif::extra::GsoBody", "__typeof__(((struct netif_extra_info *)0)->u.gso)", &[KIND]),
        layout("netif::extra::HashBody", "__typeof__(((struct netif_extra_info *)0)->u.hash)", &[KIND]),
        // Of Linux's copy of the header: Xen's, up to 4.20, ends before.
        ours("netif::extra::XDP"),
        ours("netif::extra::XdpBody"),
        // Hashes, and the control ring.
        values("netif::hash::HashType::*", &["_XEN_NETIF_CTRL_HASH_TYPE_{}"]),
        values("netif::hash::HashTypes::*", &["XEN_NETIF_CTRL_HASH_TYPE_{}"]),
        values("netif::hash::Algorithm::*", &["XEN_NETIF_CTRL_HASH_ALGORITHM_{}"]),
        values("netif::control::kind::Kind::*", &["XEN_NETIF_CTRL_TYPE_{}"]),
        values("netif::control::kind::Status::*", &["XEN_NETIF_CTRL_STATUS_{}"]),
        values("netif::control::Control::ID_BITS", &["8 * sizeof(((struct xen_netif_ctrl_request *)0)->id)"]),
        layout("netif::control::slot::Slot", "struct xen_netif_ctrl_request", &[KIND]),
        layout("netif::control::slot::Answer", "struct xen_netif_ctrl_response", &[KIND]),
        layout("netif::control::page::PageEntry", "struct xen_netif_gref", &[("page", &["ref"])]),
        values("netif::control::page::READONLY", &["XEN_NETIF_CTRLF_GREF_readonly"]),
    ],
};
