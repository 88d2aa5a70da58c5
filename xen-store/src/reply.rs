//! Answers.

use crate::{Features, Header, MessageType, Names, Part, Path, Permissions, Reject, StoreError, Transaction, decode};

/// Stands for a request under way, until it is answered or given up.
///
/// Does not compile: it is redeemed once.
/// ```compile_fail,E0382
/// # use xen_store::{Core, Ticket};
/// # fn wrong(core: &mut Core, ticket: Ticket) {
/// core.poll_reply(ticket);
/// core.poll_reply(ticket); // `Answer` gives it back as long as there is none
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "its slot is in use until the ticket is polled to its end, or given up"]
pub struct Ticket(pub(crate) u32);

impl Ticket {
    /// Returns the place of its slot.
    pub(crate) fn place(&self) -> usize {
        crate::exchange::place(self.0)
    }
}

/// What polling a ticket gives.
#[derive(Debug)]
pub enum Answer<'c> {
    /// The request is over, and so is its ticket.
    Done(Result<Reply<'c>, StoreError>),
    /// Not yet.
    Pending(Ticket),
}

/// The answer to a request, of the form that its type asks for.
#[derive(Debug)]
pub struct Reply<'c> {
    /// What it answers, and was checked to be an answer to.
    pub(crate) kind: MessageType,
    pub(crate) body: &'c [u8],
    /// The connection of a core that it came over.
    pub(crate) session: Option<u32>,
}

impl<'c> Reply<'c> {
    /// Takes a message as the answer to a request, by the header that was sent: for one who keeps a session of another kind
    /// than [`Core`](crate::Core) does. [`into_transaction`](Self::into_transaction) is for answers to a core only.
    ///
    /// # Errors
    /// [`StoreError::Said`] if the server refused, [`StoreError::TransactionGone`], and [`StoreError::Rejected`] if the
    /// message is none, or answers another request.
    #[inline]
    pub fn of(asked: &Header, header: &Header, body: &'c [u8]) -> Result<Self, StoreError> {
        let kind = MessageType::from_raw(asked.kind).filter(|_| asked.request == header.request);
        let kind = kind.ok_or(StoreError::Rejected(Reject::WrongRequest(header.request)))?;
        decode::judge((kind, asked.transaction), header, body)?;
        Ok(Self { kind, body, session: None })
    }

    /// Returns the bytes: the value that was read.
    #[must_use]
    pub const fn value(&self) -> &'c [u8] {
        self.body
    }

    /// Copies the bytes to the front of `buffer`.
    ///
    /// # Errors
    /// [`StoreError::BufferTooSmall`] if they do not fit.
    #[inline]
    pub fn copy_to<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        let need = self.body.len();
        let room = buffer.get_mut(..need).ok_or(StoreError::BufferTooSmall(need))?;
        room.copy_from_slice(self.body);
        Ok(room)
    }

    /// Copies the answer to the front of `buffer`.
    pub(crate) fn copied_to<'b>(&self, buffer: &'b mut [u8]) -> Result<Reply<'b>, StoreError> {
        Ok(Reply { kind: self.kind, body: self.copy_to(buffer)?, session: self.session })
    }

    /// Returns the names of a listing.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request was not for a listing and this is none.
    #[inline]
    pub fn names(&self) -> Result<Names<'c>, StoreError> {
        if self.kind == MessageType::Directory {
            return Names::of_checked(self.body).map_err(StoreError::Rejected);
        }
        Names::parse(self.body).map_err(StoreError::Rejected)
    }

    /// Returns permissions.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request was not for permissions and this is none.
    pub fn permissions(&self) -> Result<Permissions<'c>, StoreError> {
        Permissions::parse(self.body).map_err(StoreError::Rejected)
    }

    /// Returns a path: a domain's home.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request was not for a home and this is no path.
    pub fn path(&self) -> Result<Path<'c>, StoreError> {
        decode::path(self.body).map_err(StoreError::Rejected)
    }

    /// Returns a part of a long listing.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request was not for a part and this is none.
    pub fn part(&self) -> Result<Part<'c>, StoreError> {
        Part::parse(self.body).map_err(StoreError::Rejected)
    }

    /// Tells whether a domain is connected to the server.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request did not ask that.
    pub fn is_introduced(&self) -> Result<bool, StoreError> {
        decode::introduced(self.body).map_err(StoreError::Rejected)
    }

    /// Returns what the server offers.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request did not ask that.
    pub fn features(&self) -> Result<Features, StoreError> {
        decode::features(self.body).map_err(StoreError::Rejected)
    }

    /// Returns the one string of the answer: the names of quotas, with blanks between, or the digits of one.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if it is not one string.
    pub fn text(&self) -> Result<&'c [u8], StoreError> {
        decode::text(self.body).map_err(StoreError::Rejected)
    }

    /// Returns the transaction that was begun.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the request did not begin one, [`StoreError::Stale`] if no core asked.
    pub fn into_transaction(self) -> Result<Transaction, StoreError> {
        let id = decode::transaction(self.body).map_err(StoreError::Rejected)?;
        Ok(Transaction { id, session: self.session.ok_or(StoreError::Stale)? })
    }
}
