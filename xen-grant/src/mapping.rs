//! Pages of other domains, mapped and copied.

mod copy;
mod error;
mod guard;
mod many;
mod one;

pub use copy::CopyError;
pub use error::{Backoff, FlushError, MapError, MapManyError, UnmapError};
pub use guard::Mapping;
pub use one::Foreign;
