//! Pages of other domains, mapped.

mod guard;
mod many;
mod one;

pub use guard::Mapping;
pub use many::{Batch, MapManyError};
pub use one::{Backoff, MapError, UnmapError};
