//! Pages that are at several places of the guest's memory at once.
//!
//! Each place is memory of its own, which is made equal to the others whenever the host has a turn: at each hypercall, and
//! around each use of a page by a peer.

use xen_hypercall::Gfn;

use super::{Frame, PAGE};
use crate::grants::MapMode;

/// A place where a page is, too.
#[derive(Debug)]
struct Place {
    gfn: Gfn,
    frame: Frame,
    mode: MapMode,
}

/// A page, and its further places.
#[derive(Debug)]
struct Mirror {
    page: Frame,
    places: Vec<Place>,
    /// What stood there when all were equal.
    last: Box<[u8; PAGE]>,
}

impl Mirror {
    /// Makes all equal: a byte that was changed somewhere is changed everywhere. Returns the places that must not be written
    /// to, and were.
    fn equalise(&mut self, wrong: &mut Vec<Gfn>) {
        let mut next = self.last.clone();
        merge(&mut next, (&self.last, &self.page.bytes(0)));
        for place in &self.places {
            let now = place.frame.bytes(0);
            if place.mode == MapMode::Write {
                merge(&mut next, (&self.last, &now));
            } else if now != *self.last {
                wrong.push(place.gfn);
            }
        }
        for frame in self.places.iter().map(|place| place.frame).chain([self.page]) {
            if frame.bytes(0) != *next {
                frame.write(0, &*next);
            }
        }
        self.last = next;
    }
}

fn merge(to: &mut [u8; PAGE], (last, now): (&[u8; PAGE], &[u8; PAGE])) {
    if last != now {
        for (to, (last, now)) in to.iter_mut().zip(last.iter().zip(now)) {
            if last != now {
                *to = *now;
            }
        }
    }
}

/// All such pages.
#[derive(Debug, Default)]
pub(crate) struct Mirrors(Vec<Mirror>);

impl Mirrors {
    /// Makes all places of all pages equal, and returns those that must not be written to, and were.
    #[must_use]
    pub(crate) fn equalise(&mut self) -> Vec<Gfn> {
        let mut wrong = Vec::new();
        self.0.iter_mut().for_each(|mirror| mirror.equalise(&mut wrong));
        wrong
    }

    /// Has `page` appear at a further place. The places are equal.
    pub(crate) fn attach(&mut self, page: Frame, (gfn, frame): (Gfn, Frame), mode: MapMode) {
        let bytes = page.bytes(0);
        frame.write(0, &bytes);
        let place = Place { gfn, frame, mode };
        match self.0.iter_mut().find(|mirror| mirror.page == page) {
            Some(mirror) => mirror.places.push(place),
            None => self.0.push(Mirror { page, places: vec![place], last: Box::new(bytes) }),
        }
    }

    /// Takes the page away from a place, which reads as a hole then. The places are equal.
    pub(crate) fn detach(&mut self, gfn: Gfn) {
        for mirror in &mut self.0 {
            mirror.places.iter().filter(|place| place.gfn == gfn).for_each(|place| place.frame.vanish());
            mirror.places.retain(|place| place.gfn != gfn);
        }
        self.0.retain(|mirror| !mirror.places.is_empty());
    }

    /// Takes the pages away from all places.
    pub(crate) fn detach_all(&mut self) {
        self.0.drain(..).flat_map(|mirror| mirror.places).for_each(|place| place.frame.vanish());
    }

    pub(crate) fn is_taken(&self, gfn: Gfn) -> bool {
        self.0.iter().flat_map(|mirror| &mirror.places).any(|place| place.gfn == gfn)
    }
}
