//! Transactions, from the caller's side.

use crate::StoreError;

/// A transaction that is open on the server: end it by a commit or an abandon.
///
/// After the connection was replaced a commit says `EAGAIN` and an abandon succeeds, both without a message.
///
/// Does not compile: it ends once.
/// ```compile_fail,E0382
/// # use xen_store::{Link, Store, StoreError};
/// # fn wrong<L: Link>(store: &mut Store<'_, L>) -> Result<(), StoreError> {
/// let transaction = store.begin()?;
/// store.commit(transaction)?;
/// store.abandon(transaction)?;
/// # Ok(())
/// # }
/// ```
///
/// Does not compile: nothing is done in one that has ended.
/// ```compile_fail,E0382
/// # use xen_store::{Link, Nodes, Path, Store, StoreError};
/// # fn wrong<L: Link>(store: &mut Store<'_, L>) -> Result<(), StoreError> {
/// let transaction = store.begin()?;
/// store.commit(transaction)?;
/// store.within(&transaction).write(Path::literal("data/a"), b"1")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a transaction that is not ended stays open on the server"]
pub struct Transaction {
    pub(crate) id: u32,
    pub(crate) session: u32,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it takes effect at once, or nothing does.
    Commit,
    /// Nothing of it takes effect.
    Abandon,
}

impl End {
    pub(crate) const fn letter(self) -> &'static str {
        match self {
            Self::Commit => "T",
            Self::Abandon => "F",
        }
    }
}

/// Why a transaction was not ended as asked.
#[derive(Debug, PartialEq, Eq)]
pub struct EndError {
    /// The reason.
    pub error: StoreError,
    /// The transaction, if it is still open because nothing was sent.
    pub transaction: Option<Transaction>,
}

impl core::fmt::Display for EndError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for EndError {}

impl From<EndError> for StoreError {
    fn from(end: EndError) -> Self {
        end.error
    }
}
