//! Pages of other domains, which the guest maps and copies, and what their owners do meanwhile.
#![expect(unsafe_code, reason = "makes holes of the mock host's")]

use xen_grant::{Backoff, Foreign, Mapping, Read, Write};
use xen_hypercall::op::grant_table::{Copy, GrantError, GrantStatus, Place};
use xen_hypercall::{DomId, Hole, SharedPage};
use xen_mock::{Granted, Guest, Hook, MapMode};

use super::{Run, Unmap};

const UNMAP: usize = 1;
/// Where each granted page tells which it is.
const MARK: usize = 64;

/// A page that a peer granted to the guest.
struct Given {
    granted: Granted,
    mode: MapMode,
    mark: u32,
    /// How often Xen still says that it is not there.
    absent: u32,
}

/// A page that the guest has mapped.
struct Mapped<'t> {
    guard: Guard<'t>,
    mark: u32,
    life: u32,
}

enum Guard<'t> {
    Read(Mapping<'t, Read, &'t Hook>),
    Write(Mapping<'t, Write, &'t Hook>),
}

/// All of them.
pub(super) struct Strangers<'t> {
    guest: Guest,
    given: Vec<Given>,
    mapped: Vec<Mapped<'t>>,
    holes: Vec<Hole>,
    buffer: SharedPage,
    next: u32,
    /// Mappings that Xen did not end, of the domain that is.
    lost: usize,
}

impl Guard<'_> {
    fn mark(&self) -> Option<u32> {
        let mut bytes = [0; 4];
        let read = match self {
            Self::Read(mapping) => mapping.copy_in(MARK, &mut bytes),
            Self::Write(mapping) => mapping.copy_in(MARK, &mut bytes),
        };
        read.ok().map(|()| u32::from_le_bytes(bytes))
    }
}

impl Strangers<'_> {
    pub(super) fn new(guest: Guest) -> Self {
        let buffer = guest.page();
        Self { guest, given: Vec::new(), mapped: Vec::new(), holes: Vec::new(), buffer, next: 1, lost: 0 }
    }

    fn hole(&mut self) -> Hole {
        self.holes.pop().unwrap_or_else(|| {
            let place = self.guest.hole();
            // SAFETY: no memory is there, and on this side nobody else reaches it.
            unsafe { Hole::new(place.as_ptr(), place.gfn()) }
        })
    }

    /// What a peer granted is gone with it, save what is mapped.
    pub(super) fn died(&mut self, peer: DomId) {
        self.given.retain(|given| given.granted.domain() != peer);
    }

    /// The guest's domain is another: nothing is granted to it, and nothing mapped.
    pub(super) fn moved(&mut self) {
        self.given.clear();
        self.lost = 0;
    }

    pub(super) const fn has_mapped(&self) -> bool {
        !self.mapped.is_empty() || self.lost > 0
    }

    fn nth(&self, nth: usize) -> Option<usize> {
        (!self.given.is_empty()).then(|| nth % self.given.len())
    }

    /// Each mapping shows its page, or is void; the host counts as many as there are guards, and losses.
    pub(super) fn check(&self, life: u32) {
        for mapped in &self.mapped {
            let expected = (mapped.life == life).then_some(mapped.mark);
            assert_eq!(mapped.guard.mark(), expected, "G20, G22: the page, and only as long as it is there");
        }
    }

    pub(super) fn count(&self, life: u32) -> usize {
        self.mapped.iter().filter(|mapped| mapped.life == life).count() + self.lost
    }
}

impl Run<'_> {
    /// A peer grants a page, which is not there for the next uses.
    pub(super) fn grant(&mut self, peer: DomId, mode: MapMode, absent: u32) {
        let granted = self.site.host.peer(peer).grant(mode);
        let mark = self.strangers.next;
        self.strangers.next += 1;
        granted.set_u32(MARK, mark);
        granted.absent(absent.into());
        self.strangers.given.push(Given { granted, mode, mark, absent });
    }

    /// The guest maps a page, and tries so many times again.
    pub(super) fn map_foreign(&mut self, nth: usize, mode: MapMode, patience: u32) {
        let (Some(at), table) = (self.strangers.nth(nth), self.table) else { return };
        let hole = self.strangers.hole();
        let given = &mut self.strangers.given[at];
        let foreign = Foreign { peer: given.granted.domain(), reference: given.granted.gref() };
        let backoff = Backoff::new(patience, |_| ());
        let guard = match mode {
            MapMode::Read => table.map_read(hole, foreign, backoff).map(Guard::Read),
            MapMode::Write => table.map_write(hole, foreign, backoff).map(Guard::Write),
        };
        let denied = mode == MapMode::Write && given.mode == MapMode::Read;
        let error = |status| Some(GrantError::Status(status));
        let expected = match given.absent > patience {
            _ if denied => error(GrantStatus::GENERAL_ERROR),
            true => error(GrantStatus::EAGAIN),
            false => None,
        };
        if !denied {
            given.absent = given.absent.saturating_sub(patience + 1);
        }
        let mark = given.mark;
        match guard {
            Ok(guard) => {
                assert_eq!(expected, None, "it is not mapped");
                self.strangers.mapped.push(Mapped { guard, mark, life: self.book.life });
            }
            Err(refused) => {
                assert_eq!(Some(refused.error), expected);
                self.strangers.holes.push(refused.hole);
            }
        }
    }

    /// The guest lets a page go, which Xen may refuse.
    pub(super) fn unmap_foreign(&mut self, nth: usize, how: Unmap) {
        let refused = how == Unmap::Refused;
        let count = self.strangers.mapped.len();
        if count == 0 {
            return;
        }
        let Mapped { guard, mark, life } = self.strangers.mapped.swap_remove(nth % count);
        if refused {
            self.sum.lied = true;
            self.site.host.faults().on_grant(UNMAP).status(-1);
        }
        let ended = match guard {
            Guard::Read(mapping) => mapping.unmap().map_err(|error| Guard::Read(error.mapping)),
            Guard::Write(mapping) => mapping.unmap().map_err(|error| Guard::Write(error.mapping)),
        };
        self.site.host.faults().clear();
        let kept = refused && life == self.book.life;
        assert_eq!(ended.is_err(), kept, "G19: it ends, unless Xen refuses");
        match ended {
            Ok(hole) => self.strangers.holes.push(hole),
            Err(guard) => self.strangers.mapped.push(Mapped { guard, mark, life }),
        }
    }

    /// The guest drops a page; if Xen refuses to end the mapping, it is lost, and its place.
    pub(super) fn drop_foreign(&mut self, nth: usize, how: Unmap) {
        let refused = how == Unmap::DropRefused;
        let count = self.strangers.mapped.len();
        if count == 0 {
            return;
        }
        let mapped = self.strangers.mapped.swap_remove(nth % count);
        let (before, lost) = (self.table.lost_mappings(), refused && mapped.life == self.book.life);
        if refused {
            self.sum.lied = true;
            self.site.host.faults().on_grant(UNMAP).status(-1);
        }
        drop(mapped);
        self.site.host.faults().clear();
        assert_eq!(self.table.lost_mappings() - before, u32::from(lost), "G19");
        self.strangers.lost += usize::from(lost);
    }

    /// The guest copies out of a page, as far as it is there.
    pub(super) fn copy_foreign(&mut self, nth: usize) {
        let Some(at) = self.strangers.nth(nth) else { return };
        let (given, buffer) = (&mut self.strangers.given[at], &self.strangers.buffer);
        let from = Place::granted(given.granted.domain(), given.granted.gref(), MARK);
        let mut copies = [Copy::new(from, Place::of(buffer, 0), 4).unwrap_or_else(|_| unreachable!("within a page"))];
        let copied = self.table.copy(&mut copies, Backoff::none());
        assert_eq!(copied.is_ok(), given.absent == 0, "G16: {copied:?}");
        given.absent = given.absent.saturating_sub(1);
        let mut bytes = [0; 4];
        buffer.copy_in(0, &mut bytes);
        assert!(copied.is_err() || u32::from_le_bytes(bytes) == given.mark, "the page that was granted");
    }

    /// Lets go of everything.
    pub(super) fn unmap_all(&mut self) {
        while !self.strangers.mapped.is_empty() {
            self.unmap_foreign(0, Unmap::End);
        }
    }
}
