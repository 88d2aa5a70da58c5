//! What the nodes hold, how they are written, and the words that others write to the groups.

use xen_hypercall::DomId;
use xen_store::{Access, BadPath, Path, PathBuf, Permission, Reply, Request, Requests, StoreError};

use super::{GROUPS, HOARD};
use crate::Tally;
use crate::scenario::Failed;
use crate::voice::Line;

/// The longest word that is written to the groups.
const LONGEST: usize = 16;

type Ask<'a> = &'a mut dyn FnMut(Request<'_>) -> Result<(), StoreError>;

/// All nodes of one life: their values are others in each domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    pub(super) nodes: usize,
    /// The domain that owns them.
    pub(super) own: DomId,
    pub(super) life: u32,
}

/// A node: its group, and its number there.
#[derive(Clone, Copy)]
struct Place(usize, usize);

impl Content {
    /// The node of this number: groups take turns.
    const fn place(number: usize) -> Place {
        Place(number % GROUPS, number / GROUPS)
    }

    fn value(&self, Place(group, number): Place) -> Line {
        let noise = (group * 100 + number).wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF;
        Line::bare(format_args!("{}.{noise:08x}", self.life))
    }

    /// Four kinds take turns: the owner's own, one that all may read, one that dom0 may read, and one that it may write, too.
    const fn permissions(&self, Place(_, number): Place) -> ([Permission; 2], usize) {
        let (others, dom0, count) = match number % 4 {
            0 => (Access::None, Access::None, 1),
            1 => (Access::Read, Access::None, 1),
            2 => (Access::None, Access::Read, 2),
            _ => (Access::Write, Access::Both, 2),
        };
        let own = Permission { domain: self.own, access: others };
        ([own, Permission { domain: DomId::DOM0, access: dom0 }], count)
    }

    /// Counts a line for each node, in the order of their names: `GROUP/NUMBER VALUE PERMISSION,…`.
    pub(super) fn sum(&self) -> Tally {
        let mut sum = Tally::new();
        for group in 0..GROUPS {
            (group..self.nodes).step_by(GROUPS).for_each(|number| self.line(Self::place(number), &mut sum));
        }
        sum
    }

    fn line(&self, place: Place, sum: &mut Tally) {
        let (permissions, count) = self.permissions(place);
        sum.add(Line::bare(format_args!("{:02}/{:02} ", place.0, place.1)).bytes());
        sum.add(self.value(place).bytes());
        for (at, permission) in permissions[..count].iter().enumerate() {
            sum.add(if at == 0 { b" " } else { b"," });
            sum.add(Line::bare(format_args!("{permission}")).bytes());
        }
        sum.add(b"\n");
    }
}

/// The path of a group.
pub(super) fn group(number: usize) -> Result<PathBuf<64>, BadPath> {
    PathBuf::new(Path::literal(HOARD))?.join(format_args!("{number:02}"))
}

/// Writes all nodes: each its value, and then its permissions.
pub(super) struct Writes<'c> {
    content: &'c Content,
    outcome: Result<(), StoreError>,
}

impl<'c> Writes<'c> {
    pub(super) const fn new(content: &'c Content) -> Self {
        Self { content, outcome: Ok(()) }
    }

    /// The first thing that went wrong, if something did.
    pub(super) const fn outcome(self) -> Result<(), StoreError> {
        self.outcome
    }
}

impl Requests for Writes<'_> {
    fn count(&self) -> usize {
        self.content.nodes * 2
    }

    fn ask(&mut self, index: usize, ask: Ask<'_>) -> Result<(), StoreError> {
        let place = Content::place(index / 2);
        let path = group(place.0).and_then(|group| group.join(format_args!("{:02}", place.1)));
        let path = path.map_err(|_| StoreError::TooLong)?;
        if index.is_multiple_of(2) {
            return ask(Request::Write(path.as_path(), self.content.value(place).bytes()));
        }
        let (permissions, count) = self.content.permissions(place);
        ask(Request::SetPermissions(path.as_path(), &permissions[..count]))
    }

    fn answer(&mut self, _: usize, answer: Result<Reply<'_>, StoreError>) {
        self.outcome = self.outcome.and(answer.map(drop));
    }
}

/// Reads what all groups hold, which should be the same.
pub(super) struct Words {
    first: [u8; LONGEST],
    len: usize,
    outcome: Result<(), Failed>,
}

impl Words {
    pub(super) const fn new() -> Self {
        Self { first: [0; LONGEST], len: 0, outcome: Ok(()) }
    }

    /// Returns the word, if it is everywhere.
    pub(super) fn same(&self) -> Result<&str, Failed> {
        self.outcome?;
        core::str::from_utf8(&self.first[..self.len]).map_err(|_| Failed("no-text"))
    }
}

impl Requests for Words {
    fn count(&self) -> usize {
        GROUPS
    }

    fn ask(&mut self, index: usize, ask: Ask<'_>) -> Result<(), StoreError> {
        ask(Request::Read(group(index).map_err(|_| StoreError::TooLong)?.as_path()))
    }

    fn answer(&mut self, _: usize, answer: Result<Reply<'_>, StoreError>) {
        let word = answer.as_ref().map_or(&b""[..], Reply::value);
        if self.len == 0 && word.len() <= LONGEST {
            self.len = word.len();
            self.first[..word.len()].copy_from_slice(word);
        }
        if word.is_empty() || *word != self.first[..self.len] {
            self.outcome = Err(Failed("another-word"));
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;
    use std::string::ToString as _;
    use std::vec::Vec;

    use super::{Content, Place};
    use crate::Tally;
    use xen_hypercall::DomId;

    const CONTENT: Content = Content { nodes: 1000, own: DomId(5), life: 3 };

    #[test]
    fn a_line_has_name_value_and_permissions() {
        let mut expected = Tally::new();
        expected.add(b"00/00 3.00000000 n5\n00/01 3.9e3779b9 r5\n00/02 3.3c6ef372 n5,r0\n");
        expected.add(b"00/03 3.daa66d2b w5,b0\n00/04 3.78dde6e4 n5\n01/00 3.cdab8c44 n5\n");
        let mut found = Tally::new();
        for place in [Place(0, 0), Place(0, 1), Place(0, 2), Place(0, 3), Place(0, 4), Place(1, 0)] {
            CONTENT.line(place, &mut found);
        }
        assert_eq!(found.to_string(), expected.to_string());
    }

    #[test]
    fn no_two_nodes_and_no_two_lives_are_alike() {
        let values = |content: Content| -> Vec<Vec<u8>> {
            (0..content.nodes).map(|number| content.value(Content::place(number)).bytes().to_vec()).collect()
        };
        let all: BTreeSet<_> = [CONTENT, Content { life: 4, ..CONTENT }].into_iter().flat_map(values).collect();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn the_sum_tells_of_values_owners_and_numbers() {
        let others = [
            CONTENT,
            Content { life: 4, ..CONTENT },
            Content { own: DomId(6), ..CONTENT },
            Content { nodes: 999, ..CONTENT },
        ];
        let sums: BTreeSet<_> = others.map(|content| content.sum().to_string()).into_iter().collect();
        assert_eq!(sums.len(), 4);
    }
}
