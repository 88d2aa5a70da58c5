//! Entries of the guest's that change places.

use xen_hypercall::GrantRef;

use super::entry::{Entry, Version};
use super::status::{BAD_GNTREF, EAGAIN, OKAY};
use super::table::GrantTable;

impl GrantTable {
    /// Has two entries change places, in version 2 with their status, unless one of them is in use; returns Xen's status.
    pub(crate) fn swap(&mut self, one: GrantRef, other: GrantRef) -> i16 {
        let (Some(first), Some(second)) = (self.entry(one), self.entry(other)) else { return BAD_GNTREF };
        if one == other {
            return OKAY;
        }
        if [one, other].iter().any(|gref| self.active.contains_key(&gref.0)) {
            return EAGAIN;
        }
        let bits = (self.bits(one), self.bits(other));
        self.put(one, (second, bits.1));
        self.put(other, (first, bits.0));
        OKAY
    }

    fn put(&mut self, gref: GrantRef, (entry, bits): (Entry, Option<u16>)) {
        let Some((index, at)) = self.place(gref) else { return };
        self.shared[index].write(at, &entry.bytes[..self.version.entry_size()]);
        if self.version == Version::V2 {
            bits.into_iter().for_each(|bits| self.set_bits(gref, bits));
        }
    }
}
