//! A xenstore client: sans-IO core, transactions, watches, and a blocking facade.
#![no_std]
#![forbid(unsafe_code)]

mod blocking;
mod decode;
mod engine;
mod error;
mod event;
mod exchange;
mod kind;
mod link;
mod names;
mod nodes;
mod outgoing;
mod parser;
mod path;
mod path_buf;
mod permission;
mod port_link;
mod refusal;
mod reply;
mod request;
mod slot;
mod text;
mod transaction;
mod watch;
mod wire;
mod xenbus;

pub use blocking::{Attempts, Store, Within};
pub use decode::number;
pub use engine::{Core, Counters};
pub use error::{Fault, Reject, StoreError};
pub use event::{BELOW_MAX, Place, WatchEvent, WatchId};
pub use kind::MessageType;
pub use link::Link;
pub use names::Names;
pub use nodes::Nodes;
pub use parser::Parser;
pub use path::{BadPath, Path};
pub use path_buf::PathBuf;
pub use permission::{Access, Permission, Permissions};
pub use port_link::{LinkError, PortLink};
pub use refusal::{ERROR_NAME_MAX, ErrorName, Refusal};
pub use reply::{Answer, Reply, Ticket};
pub use request::Request;
pub use transaction::{End, EndError, Transaction};
pub use watch::{WATCHED_PATH_MAX, WatchStatus};
pub use wire::{ABSOLUTE_PATH_MAX, HEADER_SIZE, Header, PAYLOAD_MAX, RELATIVE_PATH_MAX};
pub use xenbus::XenbusState;
