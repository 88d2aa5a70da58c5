//! The ends of a slot ring, one operation at a time: the same seam for ours and for the macros.

/// A request as it came out of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The id that the front gave it.
    pub id: u64,
    /// What is asked for.
    pub operation: u8,
    /// The part that differs.
    pub value: u32,
}

/// An answer as it came out of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The id of the request.
    pub id: u64,
    /// What became of it.
    pub status: i16,
}

/// A front of either make.
pub trait FrontEnd {
    /// Stages a request and returns its id, or `None` if the ring is full; an end without ids of its own takes `id`.
    fn stage(&mut self, value: u32, id: u64) -> Option<u64>;
    /// Publishes, and tells whether to notify.
    fn publish(&mut self) -> bool;
    /// Takes an answer, or makes the final check.
    fn take(&mut self) -> Option<Answered>;
}

/// A back of either make.
pub trait BackEnd {
    /// Takes a request, or makes the final check.
    fn take(&mut self) -> Option<Asked>;
    /// Stages an answer.
    fn stage(&mut self, asked: Asked, status: i16);
    /// Publishes, and tells whether to notify.
    fn publish(&mut self) -> bool;
}
