//! The handles that [`Host`](crate::Host) gives out, one a topic.

mod backend;
mod console;
mod ends;
mod events;
mod faults;
mod granted;
mod grants;
mod ledger;
mod mapped;
mod peer;
mod store;
mod toolstack;
mod trace;

pub use backend::Dom0;
pub use console::Console;
pub use events::Events;
pub use faults::{CallFault, Faults, GrantFault, StoreFault};
pub use granted::{Granted, InUse};
pub use grants::Grants;
pub use ledger::{Holdings, Ledger};
pub use mapped::Mapped;
pub use peer::Peer;
pub use store::Store;
pub use toolstack::Toolstack;
pub use trace::Trace;

/// Makes a handle: a topic of the host.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            pub(super) host: crate::Host,
        }

        impl $name {
            pub(crate) const fn new(host: crate::Host) -> Self {
                Self { host }
            }
        }
    };
}
use handle;
