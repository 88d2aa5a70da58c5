//! What every benchmark is made of: samples, rows and their verdicts, a picture, and the arguments of its command.

mod command;
pub mod count;
pub mod partner;
pub mod placement;
pub mod plot;
pub mod report;
pub mod sample;

pub use command::{Bench, main};
