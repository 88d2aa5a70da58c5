//! How the two ends of a device find and greet each other.

mod connection;
mod device;
mod round;
mod state;
pub(crate) mod waves;

pub use connection::{Connection, OtherEnd, XenbusError};
pub use device::{Device, Phase, Side, Unfit};
pub use state::XenbusState;

pub(crate) use round::Round;
