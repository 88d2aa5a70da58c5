//! Transactions: a layer over the tree, and what it was built on.

use std::collections::BTreeMap;
use std::rc::Rc;

use xen_hypercall::DomId;

use super::path::split;
use super::tree::{Change, Kind, Node, Tree};

type Nodes = BTreeMap<String, Option<Rc<Node>>>;

/// A transaction, as the C xenstored keeps it: it sees each node as it was when it first looked, and conflicts when any node
/// that it looked at has changed since.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    layer: Nodes,
    /// Each node as it was when it was first looked at.
    seen: Nodes,
    changed: BTreeMap<String, Kind>,
    created: bool,
    /// Something of it could not be done, so that nothing will.
    failed: bool,
}

impl Transaction {
    pub(crate) fn get(&mut self, tree: &Tree, path: &str) -> Option<Rc<Node>> {
        let seen = self.seen.entry(path.into()).or_insert_with(|| tree.get(path).cloned());
        self.layer.get(path).unwrap_or(seen).clone()
    }

    pub(crate) fn set(&mut self, path: &str, node: Option<Rc<Node>>) {
        self.layer.insert(path.into(), node);
    }

    /// Notes a change; that of a node itself outweighs one that it went along with.
    pub(crate) fn note(&mut self, path: &str, kind: Kind) {
        let noted = self.changed.entry(path.into()).or_insert(kind);
        if kind == Kind::Direct {
            *noted = kind;
        }
    }

    pub(crate) const fn note_created(&mut self) {
        self.created = true;
    }

    pub(crate) const fn fail(&mut self) {
        self.failed = true;
    }

    /// Returns how many nodes of a domain there are, with those that it made and without those that it removed.
    pub(crate) fn owned_by(&self, tree: &Tree, who: DomId) -> usize {
        let of = |nodes: &Nodes, path: &str| nodes.get(path).is_some_and(|node| is_of(node.as_ref(), who));
        let made = self.layer.keys().filter(|path| of(&self.layer, path)).count();
        let had = self.layer.keys().filter(|path| of(&self.seen, path)).count();
        tree.owned_by(who) + made - had
    }

    /// Brings the layer into the tree, and returns what changed.
    pub(crate) fn commit(self, tree: &mut Tree, (who, most): (DomId, usize)) -> Result<Vec<Change>, String> {
        if self.failed {
            return Err("ENOMEM".into());
        }
        if self.created && who != DomId::DOM0 && self.owned_by(tree, who) >= most {
            return Err("ENOSPC".into());
        }
        let changed = |(path, seen): (&String, &Option<Rc<Node>>)| {
            tree.generation(path) != seen.as_ref().map(|node| node.generation)
        };
        if self.seen.iter().any(changed) {
            return Err("EAGAIN".into());
        }
        for (path, node) in self.layer {
            match node {
                Some(node) => tree.put(&path, node),
                None => tree.delete(&path),
            }
        }
        let seen = &self.seen;
        Ok(self.changed.into_iter().map(|(path, kind)| told(tree, seen, (path, kind))).collect())
    }
}

fn is_of(node: Option<&Rc<Node>>, who: DomId) -> bool {
    node.is_some_and(|node| node.owner() == who)
}

/// Who could read a node before is told of its change, and who can now it or the one above.
fn told(tree: &Tree, seen: &Nodes, (path, kind): (String, Kind)) -> Change {
    let before = seen.get(&path).cloned().flatten();
    let now = tree.get(&path).cloned();
    let above = now.as_ref().and_then(|_| split(&path)).and_then(|(parent, _)| tree.get(parent).cloned());
    Change { readable: [before, now, above].into_iter().flatten().collect(), path, kind }
}
