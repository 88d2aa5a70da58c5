//! A function whose code `bench ring` reads.

use xen_ring::{Misbehaved, Notify};

use crate::ours::OurFront;
use crate::wire::Block;

/// Publishes and tells whether to notify, as code of its own.
///
/// # Errors
/// The reason, if the back misbehaved.
#[inline(never)]
pub fn push(front: &mut OurFront<Block, 32>) -> Result<Notify, Misbehaved> {
    front.publish_only()
}
