//! The bodies of the fuzz targets, one file each; `cargo test` replays their corpora on stable through the same files.

pub mod store_wire;
