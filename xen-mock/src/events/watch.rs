//! Looks whether the guest left alone what is Xen's in the memory of the FIFO ABI.

use xen_hypercall::Port;

use super::fifo::{BUSY, Fifo, LINK, LINKED, MASKED, PENDING, RESERVED, WORDS};
use crate::memory::PAGE;
use crate::violation::Violation;
use crate::world::World;

const KNOWN: u32 = PENDING | MASKED | LINKED | BUSY | LINK;

/// Tells whether a guest that found `seen` may leave `found`.
///
/// It may mask, unmask (not while the word is busy), clear the event, and take the port out of its queue, which takes
/// LINK along. It may set the event anew only once the port is out.
pub(super) const fn may_become(seen: u32, found: u32) -> bool {
    let (set, gone) = (found & !seen, seen & !found);
    let xens = set & (LINKED | BUSY | LINK | !KNOWN) != 0 || gone & BUSY != 0;
    let unmasked_busy = seen & BUSY != 0 && gone & MASKED != 0;
    let link_cut = gone & LINK != 0 && found & LINKED != 0;
    let link_left = gone & LINKED != 0 && found & LINK != 0;
    let raised_in_queue = set & PENDING != 0 && found & LINKED != 0;
    !(xens || unmasked_busy || link_cut || link_left || raised_in_queue)
}

/// Tells whether a guest that found `seen` in its control block may leave `found`: it takes ready bits away.
pub(super) fn block_may_become(seen: &[u8], found: &[u8]) -> bool {
    let (ready, rest) = found.split_at(RESERVED);
    ready.iter().zip(seen).all(|(now, before)| now & !before == 0) && rest == &seen[RESERVED..]
}

fn word_at(page: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]])
}

impl Fifo {
    /// Looks at all words and control blocks, and returns what the guest did since the last time.
    fn look(&mut self) -> Vec<Violation> {
        let mut found = std::mem::take(&mut self.misuse);
        for (index, page) in self.pages_mut().iter_mut().enumerate() {
            let now = page.frame.bytes::<PAGE>(0);
            if page.seen != now {
                let first = index * WORDS;
                let words = (0..WORDS).map(|at| (first + at, word_at(&page.seen, at * 4), word_at(&now, at * 4)));
                let wrong = words.filter(|(_, seen, found)| seen != found && !may_become(*seen, *found));
                let told = |(port, seen, found)| Violation::EventWord { port: Port(port as u32), seen, found };
                found.extend(wrong.map(told));
                page.seen.copy_from_slice(&now);
            }
        }
        for (vcpu, block) in self.blocks_mut() {
            let now = block.place.frame.bytes(block.place.offset);
            if !block_may_become(&block.seen, &now) {
                found.push(Violation::ControlBlock(vcpu));
            }
            block.seen = now;
        }
        found
    }
}

impl World {
    /// Notes what the guest did to event words and control blocks, and must not.
    pub(crate) fn watch_events(&mut self) {
        let found = self.domain.fifo.as_mut().map(Fifo::look).unwrap_or_default();
        self.violations.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_may_do_what_the_header_has_it_do() {
        let linked = PENDING | LINKED | 5;
        for (seen, found) in [
            (0, 0),
            (0, MASKED),
            (MASKED, 0),
            (linked, linked | MASKED),
            (linked | MASKED, linked),
            (linked, LINKED | 5),
            (linked, PENDING),
            (linked, 0),
            (MASKED, MASKED | PENDING),
            (MASKED | BUSY | LINKED, MASKED | BUSY),
        ] {
            assert!(may_become(seen, found), "{seen:#x} to {found:#x}");
        }
    }

    #[test]
    fn it_may_not_touch_what_is_xens() {
        let linked = PENDING | LINKED | 5;
        for (seen, found) in [
            (0, LINKED),
            (0, BUSY),
            (0, 5),
            (0, 1 << 17),
            (linked, PENDING | 5),
            (linked, PENDING | LINKED),
            (linked, PENDING | LINKED | 7),
            (LINKED | 5, linked),
            (MASKED | BUSY, MASKED),
            (MASKED | BUSY, BUSY),
        ] {
            assert!(!may_become(seen, found), "{seen:#x} to {found:#x}");
        }
    }

    #[test]
    fn of_the_control_block_it_may_clear_ready_bits_alone() {
        let mut seen = [0; 72];
        (seen[0], seen[1], seen[8]) = (3, 0x80, 9);
        let with = |at: usize, value: u8| {
            let mut found = seen;
            found[at] = value;
            block_may_become(&seen, &found)
        };
        assert!(with(0, 3) && with(0, 1) && with(0, 0) && with(1, 0));
        assert!(!with(0, 7) && !with(2, 1), "ready bits that Xen has not set");
        assert!(!with(4, 1), "the reserved word");
        assert!(!with(8, 0) && !with(71, 1), "heads");
    }
}
