//! What can be done with nodes, within a transaction or without.

use xen_hypercall::DomId;

use crate::{
    Listed, Listing, Names, Path, PathBuf, Permission, Permissions, Refusal, Reject, Reply, Request, StoreError, number,
};

/// The nodes of the store: all of them at once, or as a transaction sees them.
///
/// [`Store`](crate::Store) and [`Within`](crate::Within) implement it, so that a driver's function serves both.
///
/// # Errors
/// Every operation gives [`StoreError::Said`] if the server refuses, and otherwise what
/// [`perform`](Nodes::perform) gives.
pub trait Nodes {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`StoreError`]; of those, `TimedOut` and `EpochChanged` leave open whether the server did it.
    fn perform(&mut self, request: Request<'_>) -> Result<Reply<'_>, StoreError>;

    /// Reads the value of a node into the front of `buffer`.
    ///
    /// # Errors
    /// As the trait; [`StoreError::BufferTooSmall`] if the value does not fit.
    #[doc(alias("XS_READ", "xenbus_read"))]
    fn read<'b>(&mut self, path: Path<'_>, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        self.perform(Request::Read(path))?.copy_to(buffer)
    }

    /// Reads a node whose value is a decimal number.
    ///
    /// # Errors
    /// As the trait; [`Reject::BadNumber`] if the value is anything else.
    #[doc(alias("xenbus_scanf", "xenbus_read_unsigned", "xenbus_read_integer"))]
    fn read_number(&mut self, path: Path<'_>) -> Result<u64, StoreError> {
        number(self.perform(Request::Read(path))?.value()).map_err(StoreError::Rejected)
    }

    /// Reads a node whose value is a path, such as `backend`.
    ///
    /// # Errors
    /// As the trait; [`Reject::BadPath`] if the value is no path, or has more than 256 bytes.
    fn read_path(&mut self, path: Path<'_>) -> Result<PathBuf, StoreError> {
        let reply = self.perform(Request::Read(path))?;
        let read = Path::from_bytes(reply.value()).and_then(PathBuf::new);
        read.map_err(|_| StoreError::Rejected(Reject::BadPath))
    }

    /// Writes the value of a node, which is made if need be.
    ///
    /// # Errors
    /// As the trait.
    #[doc(alias("XS_WRITE", "xenbus_write", "xenbus_printf"))]
    fn write(&mut self, path: Path<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.perform(Request::Write(path, value)).map(drop)
    }

    /// Makes a node without a value, unless it is there.
    ///
    /// # Errors
    /// As the trait.
    #[doc(alias("XS_MKDIR", "xenbus_mkdir"))]
    fn mkdir(&mut self, path: Path<'_>) -> Result<(), StoreError> {
        self.perform(Request::MakeDirectory(path)).map(drop)
    }

    /// Removes a node and all below it.
    ///
    /// # Errors
    /// As the trait.
    #[doc(alias("XS_RM", "xenbus_rm"))]
    fn rm(&mut self, path: Path<'_>) -> Result<(), StoreError> {
        self.perform(Request::Remove(path)).map(drop)
    }

    /// Lists the names of a node's children, which `buffer` holds; in parts, if they are too many for one answer.
    ///
    /// # Errors
    /// As the trait; [`StoreError::BufferTooSmall`] if they do not fit. `E2BIG` if the server does not know of parts.
    #[doc(alias("XS_DIRECTORY", "xenbus_directory", "xenbus_ls"))]
    fn directory<'b>(&mut self, path: Path<'_>, buffer: &'b mut [u8]) -> Result<Names<'b>, StoreError> {
        let whole = self.perform(Request::Directory(path)).and_then(|reply| Ok(reply.copy_to(buffer)?.len()));
        match whole {
            Ok(len) => Names::parse(buffer.get(..len).unwrap_or_default()).map_err(StoreError::Rejected),
            Err(StoreError::Said(Refusal::TooBig)) => match self.directory_in_parts(path, buffer) {
                Err(StoreError::Said(Refusal::NotImplemented)) => Err(StoreError::Said(Refusal::TooBig)),
                listed => listed,
            },
            Err(error) => Err(error),
        }
    }

    /// Lists the names of a node's children in parts, as many as `buffer` holds: see [`Listing`].
    ///
    /// # Errors
    /// As the trait; [`StoreError::BufferTooSmall`] if they do not fit, [`Reject::Unsteady`] if the node changes each time.
    #[doc(alias = "XS_DIRECTORY_PART")]
    fn directory_in_parts<'b>(&mut self, path: Path<'_>, buffer: &'b mut [u8]) -> Result<Names<'b>, StoreError> {
        let mut listing = Listing::new(buffer);
        while listing.take(&self.perform(listing.request(path))?)? == Listed::More {}
        listing.names()
    }

    /// Reads the permissions of a node, which `buffer` holds.
    ///
    /// # Errors
    /// As the trait; [`StoreError::BufferTooSmall`] if they do not fit.
    #[doc(alias("XS_GET_PERMS", "xenbus_get_perms"))]
    fn permissions<'b>(&mut self, path: Path<'_>, buffer: &'b mut [u8]) -> Result<Permissions<'b>, StoreError> {
        let body = self.perform(Request::Permissions(path))?.copy_to(buffer)?;
        Permissions::parse(body).map_err(StoreError::Rejected)
    }

    /// Replaces the permissions of a node; the first entry names its owner and what everybody else may do.
    ///
    /// # Errors
    /// As the trait.
    #[doc(alias("XS_SET_PERMS", "xenbus_set_perms"))]
    fn set_permissions(&mut self, path: Path<'_>, permissions: &[Permission]) -> Result<(), StoreError> {
        self.perform(Request::SetPermissions(path, permissions)).map(drop)
    }

    /// Reads where the home of a domain is.
    ///
    /// # Errors
    /// As the trait.
    #[doc(alias("XS_GET_DOMAIN_PATH", "xs_get_domain_path"))]
    fn home(&mut self, domain: DomId) -> Result<PathBuf, StoreError> {
        let reply = self.perform(Request::Home(domain))?;
        PathBuf::new(reply.path()?).map_err(|_| StoreError::Rejected(Reject::BadPath))
    }
}
