//! `xen-store`.

use super::{Table, error_name, layout, ours, values};

pub(super) const TABLE: Table = Table {
    package: "xen-store",
    rules: &[
        layout(
            "wire::Header",
            "struct xsd_sockmsg",
            &[("kind", &["type"]), ("request", &["req_id"]), ("transaction", &["tx_id"])],
        ),
        values("wire::HEADER_SIZE", &["sizeof(struct xsd_sockmsg)"]),
        values("wire::PAYLOAD_MAX", &["XENSTORE_PAYLOAD_MAX"]),
        values("wire::ABSOLUTE_PATH_MAX", &["XENSTORE_ABS_PATH_MAX"]),
        values("wire::RELATIVE_PATH_MAX", &["XENSTORE_REL_PATH_MAX"]),
        values("wire::MESSAGE_MAX", &["sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX"]),
        values("kind::MessageType::*", &["XS_{SNAKE}"]),
        values("kind::MessageType::GetPermissions", &["XS_GET_PERMS"]),
        values("kind::MessageType::SetPermissions", &["XS_SET_PERMS"]),
        values("kind::MessageType::MakeDirectory", &["XS_MKDIR"]),
        values("kind::MessageType::Remove", &["XS_RM"]),
        error_name("refusal::Refusal::*"),
        // Of oxenstored, not of the header.
        ours("blocking::suspend::ATTEMPTS"),
        ours("watch::FAREWELLS"),
        ours("refusal::Refusal::Quota"),
        ours("refusal::ERROR_NAME_MAX"),
        values("xenbus::state::STATES::*", &["XenbusState{}"]),
        ours("xenbus::round::VALUE_MAX"),
        ours("blocking::xenbus::REREAD"),
        ours("exchange::PLACE_BITS"),
        ours("exchange::PLACE_MASK"),
        ours("exchange::PLACES"),
        ours("exchange::FIRST_GENERATION"),
        ours("engine::receive::STRAYS_MAX"),
        ours("path::Path::RELEASE_DOMAIN"),
        ours("path::Path::INTRODUCE_DOMAIN"),
        ours("event::BELOW_MAX"),
        ours("watch::WATCHED_PATH_MAX"),
        ours("blocking::PATIENCE"),
        ours("blocking::PIECE"),
        ours("blocking::PIECES"),
        ours("socket::RUN"),
        ours("socket::SPAN"),
        ours("socket::ROOM"),
    ],
};
