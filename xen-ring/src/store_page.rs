//! The words of a xenstore page that are not of its rings: what the server offers, and how the connection stands.

use core::fmt;

use xen_hypercall::SharedPage;

use crate::Words;
use crate::words::Word;

const SERVER_FEATURES: usize = 2064;
const CONNECTION: usize = 2068;
const ERROR: usize = 2072;

const CONNECTED: u32 = 0;
const RECONNECT: u32 = 1;

bitflags::bitflags! {
    /// What a xenstore server offers; unknown bits are kept.
    ///
    /// # Xen
    /// `XENSTORE_SERVER_FEATURE_*` of `io/xs_wire.h`; the last two came with Xen 4.22.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct StoreFeatures: u32 {
        /// The guest may have its ring connected anew.
        const RECONNECTION = 1 << 0;
        /// The page has a word that says why the server stopped.
        const ERROR = 1 << 1;
        /// A watch may be limited to so many levels below its path.
        const WATCH_DEPTH = 1 << 2;
        /// A node's permissions may name any domain.
        const DOMID_ANY = 1 << 3;
    }
}

/// How the connection stands, by its word in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreConnection {
    /// The rings serve.
    Connected,
    /// The server is to connect the rings anew, or for the first time: nothing else in the page means anything.
    Reconnecting,
    /// A value that the header does not name.
    Other(u32),
}

/// The words of a xenstore page behind its rings' indices.
///
/// Nothing of them is remembered: each call is one load or one store.
///
/// # Xen
/// `struct xenstore_domain_interface` of `io/xs_wire.h`, and `docs/misc/xenstore-ring.txt`.
pub struct StoreWords<'p, W: Words + 'p = SharedPage> {
    features: W::Word<'p>,
    connection: W::Word<'p>,
    error: W::Word<'p>,
}

impl<'p, W: Words> StoreWords<'p, W> {
    /// Finds the words in a page; `None` if the memory is smaller than that.
    pub fn find(page: &'p W) -> Option<Self> {
        let (features, connection) = (page.word(SERVER_FEATURES)?, page.word(CONNECTION)?);
        Some(Self { features, connection, error: page.word(ERROR)? })
    }

    /// Tells what the server offers. It may come to offer more at any time; nothing while the rings are being connected.
    pub fn features(&self) -> StoreFeatures {
        StoreFeatures::from_bits_retain(self.features.load())
    }

    /// Tells how the connection stands.
    pub fn connection(&self) -> StoreConnection {
        match self.connection.load() {
            CONNECTED => StoreConnection::Connected,
            RECONNECT => StoreConnection::Reconnecting,
            other => StoreConnection::Other(other),
        }
    }

    /// Asks the server to connect the rings anew, if it offers [`StoreFeatures::RECONNECTION`]; then notify it.
    ///
    /// Until the connection stands again no other word or byte of the page is to be looked at, and nothing written.
    pub fn reconnect(&self) {
        self.connection.store(RECONNECT);
    }

    /// Returns the code by which the server says why it stopped; 0 if it did not.
    ///
    /// It means something if the server offers [`StoreFeatures::ERROR`]; codes that the header does not name may come.
    pub fn error(&self) -> u32 {
        self.error.load()
    }
}

impl<W: Words> fmt::Debug for StoreWords<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreWords").field("connection", &self.connection()).finish_non_exhaustive()
    }
}
