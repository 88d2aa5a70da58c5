//! Pages that the embedder lends without handing them over.
#![expect(unsafe_code, reason = "the embedder vouches for memory")]

use crate::Gfn;

/// A page that the embedder owns and reaches as it likes, and that a peer may reach meanwhile: for I/O without a copy.
///
/// It is a token: it gives no access to the bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct LentPage(Gfn);

impl LentPage {
    /// Lends the guest frame `gfn`.
    ///
    /// # Safety
    /// The caller guarantees, until it has this value back (for ever, if the value is lost): 1. the frame stays memory of this
    /// guest and is used for nothing else; 2. all of its bytes, not only those in question, are fit to be seen by whatever
    /// domain it is offered to; 3. as long as it is offered for writing, or a copy is made to it, this side reaches the bytes
    /// only in ways that tolerate other writers.
    pub const unsafe fn new(gfn: Gfn) -> Self {
        Self(gfn)
    }

    /// Returns the guest frame.
    #[must_use]
    pub const fn gfn(&self) -> Gfn {
        self.0
    }
}
