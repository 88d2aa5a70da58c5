//! What a client of xenstore may expect of every server: one suite for the mock host's and for the real daemons, over the
//! ring and over the socket.
//!
//! A case knows neither transport nor server. It has the client under test and, beside it, the hands of the control domain.
//! Where the daemons differ, it says so by [`Server`]; the mock host's server is to be as the daemon in C.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::panic,
    reason = "a test tool: a panic is a failed test, and no length exceeds a message's"
)]

mod bounds;
mod client;
mod drip;
mod mock;
mod nodes;
mod offers;
mod permissions;
mod pipeline;
mod random;
mod script;
mod transactions;
mod watches;
mod wire;
mod wrong;

pub use drip::{Drip, Tap};
pub use mock::{on_mock, said_by_mock};
pub use random::script;
pub use script::{Said, Step, replay};
pub use wire::Wire;

use xen_hypercall::DomId;
use xen_mock::Quotas;
use xen_store::{Link, Nodes, Path, Refusal, Store, StoreError, Transport};

/// The client under test: with so many requests in flight as make a server stop listening for a while, and with more watches
/// than it allows.
pub type Tested<'s, L, T> = Store<'s, L, REQUESTS, WATCHES, T>;

/// Requests that the client has in flight at most.
pub const REQUESTS: usize = 40;
/// Watches that the client has at most.
pub const WATCHES: usize = 136;

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The mock host's.
    Mock,
    /// The daemon in C up to Xen 4.17.
    C,
    /// The daemon in C since Xen 4.18.
    LaterC,
    /// The daemon in OCaml.
    Ocaml,
}

impl Server {
    /// The name by which it refuses what is beyond a quota.
    #[must_use]
    pub const fn quota(self) -> Refusal {
        match self {
            Self::Mock | Self::C | Self::LaterC => Refusal::NoSpace,
            Self::Ocaml => Refusal::Quota,
        }
    }

    /// The name by which it refuses what is asked within a transaction that it does not know.
    #[must_use]
    pub const fn no_transaction(self) -> &'static str {
        match self {
            Self::Mock | Self::C | Self::LaterC => "ENOENT",
            Self::Ocaml => "EIO",
        }
    }

    /// What the mock host must allow a guest to be as this server.
    #[must_use]
    pub fn quotas(self) -> Quotas {
        let quotas = Quotas::default();
        match self {
            // It counts 16 bytes for a node where the other one counts 24, and allows 2048 itself, too.
            Self::LaterC => Quotas { node_size: quotas.node_size + 8 + 1, ..quotas },
            Self::Mock | Self::C | Self::Ocaml => quotas,
        }
    }
}

/// Whose client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A guest without privileges.
    Guest(DomId),
    /// A program of the control domain, which may do everything.
    Control,
}

impl Who {
    /// The domain.
    #[must_use]
    pub const fn domain(self) -> DomId {
        match self {
            Self::Guest(domain) => domain,
            Self::Control => DomId::DOM0,
        }
    }
}

/// The control domain, by another way than the client under test. A path without a `/` in front is below the client's home.
pub trait FarEnd {
    /// Writes a node, and makes it if need be.
    fn write(&mut self, path: &str, value: &[u8]);
    /// Reads a node; `None` if it is not there.
    fn read(&mut self, path: &str) -> Option<Vec<u8>>;
    /// Removes a node, if it is there.
    fn remove(&mut self, path: &str);
    /// Returns the permissions of a node, as on the wire.
    fn permissions(&mut self, path: &str) -> Vec<String>;
    /// Sets the permissions of a node.
    fn set_permissions(&mut self, path: &str, entries: &[String]);
}

/// What a case has to work with.
#[allow(missing_debug_implementations, reason = "the far end is anything")]
pub struct Scene<'s, L, T> {
    /// The client under test.
    pub store: Tested<'s, L, T>,
    /// Whose it is.
    pub who: Who,
    /// What it talks to.
    pub server: Server,
    /// The control domain.
    pub far: Box<dyn FarEnd + 's>,
}

impl<L: Link, T: Transport> Scene<'_, L, T> {
    /// Makes the node below which all cases work, empty and the client's own.
    pub fn prepare(&mut self) {
        let own = format!("n{}", self.who.domain());
        self.far.remove("suite");
        self.far.write("suite", b"");
        self.far.set_permissions("suite", &[own]);
    }

    /// Lets all come in that the server has sent before.
    fn settle(&mut self) {
        self.store.read(TOP, &mut [0; 64]).expect("a node of ours");
    }

    /// Asks by the wire alone, past the core.
    fn raw(&mut self, (kind, transaction): (u32, u32), body: &[u8]) -> Result<Vec<u8>, String> {
        Wire::new().ask(&mut self.store, (kind, transaction), body)
    }
}

/// The node below which all cases work.
const TOP: Path<'_> = Path::literal("suite");

/// Whom a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Every client.
    All,
    /// Those without privileges.
    Guests,
}

/// One thing that a client may expect.
#[derive(Debug)]
pub struct Case<L, T> {
    /// What is expected.
    pub name: &'static str,
    /// Of whom.
    pub audience: For,
    /// Tries it, and panics where it is not so.
    pub run: fn(&mut Scene<'_, L, T>),
}

/// Hands the list of cases to a macro.
#[macro_export]
macro_rules! store_cases {
    ($then:ident) => {
        $then! {
            All: nodes {
                values_come_back, absent_nodes, nodes_above_are_made, a_directory_is_made_once, a_node_goes_with_all_below_it,
                children_are_listed, the_longest_value, homes,
            }
            All: transactions {
                all_at_once, abandoned, a_conflict_is_told, a_conflict_is_done_again, two_that_do_not_meet, ended_is_gone,
            }
            All: watches {
                the_first_event, changes_at_and_below, nothing_after_the_end, two_on_one_path, many_changes_are_one_event,
                a_node_that_goes, within_a_transaction, absolute_and_relative,
            }
            All: pipeline { many_in_flight, matched_in_any_order, a_mixture, watches_in_a_batch, }
            All: offers { a_long_list, a_short_list, a_reset, a_depth, features, the_toolstack, }
            All: client {
                waiting_until_nodes_say_so, what_was_there_before_is_forgotten, a_fence,
            }
            All: wrong { bodies, names, unknown_types, watches_twice, transactions_that_are_none, }
            Guests: permissions {
                what_may_be_read_and_written, what_lies_below, the_owner_decides, inherited, not_for_guests, events_for_who_may_read,
            }
            Guests: bounds { watches, transactions, size, nodes, }
        }
    };
}

macro_rules! cases {
    ($($audience:ident: $module:ident { $($name:ident,)* })*) => {
        /// Returns all cases.
        #[must_use]
        pub fn cases<L: Link, T: Transport>() -> Vec<Case<L, T>> {
            vec![$($(Case {
                name: concat!(stringify!($module), "::", stringify!($name)),
                audience: For::$audience,
                run: $module::$name,
            },)*)*]
        }
    };
}

crate::store_cases!(cases);

const fn said<V>(refusal: Refusal) -> Result<V, StoreError> {
    Err(StoreError::Said(refusal))
}
