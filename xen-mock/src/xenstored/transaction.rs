//! Transactions: a layer over the tree, and what it was built on.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::tree::{Change, Node, Tree};

/// A transaction, as the C xenstored keeps it: it conflicts when any node that it touched has changed since.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    layer: BTreeMap<String, Option<Rc<Node>>>,
    /// The generation of each node touched, when it was first touched.
    seen: BTreeMap<String, Option<u64>>,
    changes: Vec<Change>,
}

impl Transaction {
    pub(crate) fn get(&mut self, tree: &Tree, path: &str) -> Option<Rc<Node>> {
        self.seen.entry(path.into()).or_insert_with(|| tree.generation(path));
        self.layer.get(path).map_or_else(|| tree.get(path).cloned(), Clone::clone)
    }

    pub(crate) fn set(&mut self, path: &str, node: Option<Rc<Node>>) {
        self.layer.insert(path.into(), node);
    }

    pub(crate) fn note(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Brings the layer into the tree and returns what changed, or `None` on a conflict.
    pub(crate) fn commit(self, tree: &mut Tree) -> Option<Vec<Change>> {
        if self.seen.iter().any(|(path, generation)| tree.generation(path) != *generation) {
            return None;
        }
        for (path, node) in self.layer {
            match node {
                Some(node) => tree.put(&path, node),
                None => tree.delete(&path),
            }
        }
        Some(self.changes)
    }
}
