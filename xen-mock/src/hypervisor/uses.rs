//! The use of a grant, whosever it is.

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::grants::status::{BAD_COPY_ARG, GENERAL_ERROR};
use crate::grants::{Access, Content, MapMode, Refusal, Shape};
use crate::memory::{Frame, PAGE};
use crate::violation::{GrantMisuse, Violation};
use crate::world::World;

/// Bytes of a page that may be copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) frame: Frame,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) const fn whole(frame: Frame) -> Self {
        Self { frame, start: 0, end: PAGE }
    }

    pub(crate) fn part(frame: Frame, offset: u16, length: u16) -> Self {
        Self { frame, start: offset.into(), end: usize::from(offset) + usize::from(length) }
    }

    /// Tells whether bytes may be copied, or which status Xen gives.
    pub(crate) const fn check(self, offset: usize, length: usize) -> Result<(), i16> {
        match offset + length {
            end if end > PAGE => Err(BAD_COPY_ARG),
            end if offset < self.start || end > self.end => Err(GENERAL_ERROR),
            _ => Ok(()),
        }
    }
}

/// How often a grant may lead to another one: Xen follows one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    One,
    None,
}

impl World {
    /// Has all places of a page equal, and looks at what the guest wrote into its table.
    pub(crate) fn watch_grants(&mut self) {
        let written = self.memory.mirrors.equalise();
        self.violations.extend(written.into_iter().map(|gfn| Violation::Grant(GrantMisuse::WroteToReadOnly(gfn))));
        let (memory, shared_info) = (&self.memory, self.domain.shared_info);
        let tables: Vec<Gfn> = self.domain.grants.mapped().collect();
        let owns = |gfn: Gfn| memory.frame(gfn).is_some_and(|frame| frame != shared_info) && !tables.contains(&gfn);
        let found = self.domain.grants.watch(owns);
        self.violations.extend(found);
    }

    /// Notes a wrong use of grants.
    pub(crate) fn misuse(&mut self, misuse: GrantMisuse) {
        self.violation(Violation::Grant(misuse));
    }

    /// The guest stops for good, in good order: what it has not given back.
    pub(crate) fn stopped_with_grants(&mut self) {
        let mappings: Vec<u32> = self.tracks.all().map(|(handle, _)| handle).collect();
        self.domain.grants.in_use().into_iter().for_each(|gref| self.misuse(GrantMisuse::GrantLeft(gref)));
        mappings.into_iter().for_each(|handle| self.misuse(GrantMisuse::MappingLeft(handle)));
    }

    /// Tells whether Xen knows the domain of that number; `DOMID_SELF` is none.
    pub(crate) fn knows_domain(&self, domain: DomId) -> bool {
        domain == self.domain.id || self.peers.knows(domain)
    }

    /// Notes one more mapping of a grant, and returns the page.
    pub(crate) fn pin(&mut self, owner: DomId, gref: GrantRef, access: Access) -> Result<Frame, Refusal> {
        if owner == self.domain.id {
            let memory = &self.memory;
            return self.domain.grants.pin(gref, access, |gfn| memory.frame(gfn));
        }
        if !self.peers.knows(owner) {
            return Err(Refusal::NoDomain);
        }
        // A dying domain gives nothing any more.
        let alive = self.peers.is_alive(owner);
        let foreign = self.peers.given.get_mut(&(owner, gref)).ok_or(Refusal::Beyond)?;
        if alive { foreign.pin(access) } else { Err(Refusal::Nothing) }
    }

    /// Ends one mapping of a grant.
    pub(crate) fn unpin(&mut self, owner: DomId, gref: GrantRef, mode: MapMode) {
        if owner == self.domain.id {
            return self.domain.grants.unpin(gref, mode);
        }
        let Some(foreign) = self.peers.given.get_mut(&(owner, gref)) else { return };
        foreign.unpin(mode);
        if foreign.mappings() == 0 && !self.peers.is_alive(owner) {
            self.peers.given.remove(&(owner, gref));
        }
    }

    /// Finds the bytes that `access` may copy by a grant.
    pub(crate) fn reach(
        &mut self,
        (owner, gref): (DomId, GrantRef),
        access: Access,
        steps: Steps,
    ) -> Result<Span, Refusal> {
        if owner == self.domain.id {
            self.reach_own(gref, access, steps)
        } else {
            self.reach_foreign(owner, (gref, access), steps)
        }
    }

    fn reach_own(&mut self, gref: GrantRef, access: Access, steps: Steps) -> Result<Span, Refusal> {
        let content = self.domain.grants.look(gref, access)?;
        let find = |gfn| self.memory.frame(gfn).ok_or(Refusal::BadFrame);
        match content {
            Content::Page(gfn) => find(gfn).map(Span::whole),
            Content::Part { gfn, offset, length } => find(gfn).map(|frame| Span::part(frame, offset, length)),
            Content::Through { domain, gref } => {
                self.reach_through(self.domain.id, (domain, gref), (access.mode, steps))
            }
            Content::Nothing | Content::Transfer => Err(Refusal::Nothing),
        }
    }

    fn reach_foreign(
        &mut self,
        owner: DomId,
        (gref, access): (GrantRef, Access),
        steps: Steps,
    ) -> Result<Span, Refusal> {
        if !self.peers.is_alive(owner) {
            return Err(if self.peers.knows(owner) { Refusal::Nothing } else { Refusal::NoDomain });
        }
        let foreign = self.peers.given.get_mut(&(owner, gref)).ok_or(Refusal::Beyond)?;
        foreign.admits(access)?;
        let frame = foreign.frame;
        match foreign.shape {
            Shape::Page => Ok(Span::whole(frame)),
            Shape::Part { offset, length } => Ok(Span::part(frame, offset, length)),
            Shape::Through { domain, gref } => self.reach_through(owner, (domain, gref), (access.mode, steps)),
        }
    }

    /// Goes one step on, as the domain that passed a grant on.
    fn reach_through(
        &mut self,
        by: DomId,
        to: (DomId, GrantRef),
        (mode, steps): (MapMode, Steps),
    ) -> Result<Span, Refusal> {
        // What leads on must lead to another domain, and not on from there.
        if steps == Steps::None || to.0 == by || !self.knows_domain(to.0) {
            return Err(Refusal::Nothing);
        }
        self.reach(to, Access { domain: by, mode }, Steps::None)
    }
}
