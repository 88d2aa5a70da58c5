//! The private table of requests: the only source of truth about what was asked.

use core::mem;

use crate::index::{narrow, wide};
use crate::protocol::IdWidth;
use crate::{Misbehaved, Protocol, RequestId};

/// Requests by place, at most `N`, with a free list through the places.
#[derive(Debug)]
pub(crate) struct Table<P: Protocol, T, const N: usize> {
    entries: [Entry<P::Kind, T>; N],
    free: u32,
}

#[derive(Debug)]
struct Entry<K, T> {
    generation: u32,
    state: State<K, T>,
}

#[derive(Debug)]
enum State<K, T> {
    Free { next: u32 },
    Taken { number: u64, kind: K, token: T },
}

impl<P: Protocol, T, const N: usize> Table<P, T, N> {
    const WIDTH: IdWidth = IdWidth::of::<P>();

    pub(crate) fn new() -> Self {
        let entry = |place| Entry { generation: 0, state: State::Free { next: narrow(place).saturating_add(1) } };
        Self { entries: core::array::from_fn(entry), free: 0 }
    }

    /// Puts a request into a free place and returns its id; `None` if there is none.
    pub(crate) fn insert(&mut self, number: u64, kind: P::Kind, token: T) -> Option<RequestId> {
        let place = self.free;
        let entry = self.entries.get_mut(wide(place))?;
        let State::Free { next } = entry.state else { return None };
        entry.generation = entry.generation.wrapping_add(1);
        entry.state = State::Taken { number, kind, token };
        self.free = next;
        Some(Self::WIDTH.pack(place, entry.generation))
    }

    /// Takes out the request that an answer names, if it was published and fits.
    ///
    /// Requests below number `published` are answerable.
    pub(crate) fn settle(&mut self, response: &P::Response, published: u64) -> Result<T, Misbehaved> {
        let id = P::id(response);
        let place = u32::try_from(Self::WIDTH.place(id)).map_err(|_| Misbehaved::UnknownId(id))?;
        let entry = self.entries.get_mut(wide(place)).ok_or(Misbehaved::UnknownId(id))?;
        match entry.state {
            State::Taken { number, .. } if number >= published => return Err(Misbehaved::NotOutstanding(id)),
            State::Free { .. } => return Err(Misbehaved::NotOutstanding(id)),
            State::Taken { .. } if !Self::WIDTH.is_of(id, entry.generation) => return Err(Misbehaved::Stale(id)),
            State::Taken { kind, .. } if !P::answers(response, kind) => return Err(Misbehaved::WrongKind(id)),
            State::Taken { .. } => {}
        }
        match mem::replace(&mut entry.state, State::Free { next: self.free }) {
            State::Taken { token, .. } => {
                self.free = place;
                Ok(token)
            }
            State::Free { .. } => Err(Misbehaved::NotOutstanding(id)),
        }
    }

    /// Takes out the oldest request of all.
    pub(crate) fn oldest(&mut self) -> Option<(u64, T)> {
        let number_of = |entry: &Entry<P::Kind, T>| match entry.state {
            State::Taken { number, .. } => Some(number),
            State::Free { .. } => None,
        };
        let taken = self.entries.iter_mut().filter(|entry| number_of(entry).is_some());
        let entry = taken.min_by_key(|entry| number_of(entry))?;
        match mem::replace(&mut entry.state, State::Free { next: narrow(N) }) {
            State::Taken { number, token, .. } => Some((number, token)),
            State::Free { .. } => None,
        }
    }
}
