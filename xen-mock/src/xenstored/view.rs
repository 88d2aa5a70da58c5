//! What one client does to the tree, within a transaction or not.

use std::rc::Rc;

use xen_hypercall::DomId;

use super::Quotas;
use super::path::{join, split};
use super::transaction::Transaction;
use super::tree::{Access, Change, Kind, Node, Permission, Tree};

/// The tree as one client sees it.
pub(crate) struct View<'a> {
    tree: &'a mut Tree,
    transaction: Option<&'a mut Transaction>,
    who: DomId,
    quotas: Quotas,
    changes: Vec<Change>,
}

fn no<T>(name: &str) -> Result<T, String> {
    Err(name.into())
}

impl<'a> View<'a> {
    pub(crate) fn new(
        tree: &'a mut Tree,
        transaction: Option<&'a mut Transaction>,
        (who, quotas): (DomId, Quotas),
    ) -> Self {
        Self { tree, transaction, who, quotas, changes: Vec::new() }
    }

    /// Returns what changed outside of a transaction.
    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    fn peek(&mut self, path: &str) -> Option<Rc<Node>> {
        match &mut self.transaction {
            Some(transaction) => transaction.get(self.tree, path),
            None => self.tree.get(path).cloned(),
        }
    }

    fn put(&mut self, path: &str, node: Option<Rc<Node>>) {
        match (&mut self.transaction, node) {
            (Some(transaction), node) => transaction.set(path, node),
            (None, Some(node)) => self.tree.put(path, node),
            (None, None) => self.tree.delete(path),
        }
    }

    fn note(&mut self, path: &str, kind: Kind, node: Rc<Node>) {
        self.note_change(path, (kind, node, None));
    }

    fn note_change(&mut self, path: &str, (kind, node, before): (Kind, Rc<Node>, Option<Rc<Node>>)) {
        let above = split(path).and_then(|(parent, _)| self.peek(parent));
        let change = Change { path: path.into(), kind, node, before, above };
        match &mut self.transaction {
            Some(transaction) => transaction.note(change),
            None => self.changes.push(change),
        }
    }

    /// Returns a node if the client may do that with it; else `EACCES`, or `ENOENT` where it may know.
    fn node(&mut self, path: &str, wanted: Access) -> Result<Rc<Node>, String> {
        match self.peek(path) {
            Some(node) if node.allows(self.who, wanted) => Ok(node),
            Some(_) => no("EACCES"),
            None => self.absent(path, wanted),
        }
    }

    /// Tells the reason for an absent node by the nearest node above it.
    fn absent(&mut self, path: &str, wanted: Access) -> Result<Rc<Node>, String> {
        let mut at = path;
        while let Some((parent, _)) = split(at) {
            if let Some(node) = self.peek(parent) {
                return if node.allows(self.who, wanted) { no("ENOENT") } else { no("EACCES") };
            }
            at = parent;
        }
        no("ENOENT")
    }

    pub(crate) fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self.node(path, Access::Read).map(|node| node.value.clone())
    }

    pub(crate) fn directory(&mut self, path: &str) -> Result<(u64, Vec<Rc<str>>), String> {
        self.node(path, Access::Read).map(|node| (node.generation, node.children.clone()))
    }

    pub(crate) fn permissions(&mut self, path: &str) -> Result<Vec<Permission>, String> {
        self.node(path, Access::Read).map(|node| node.permissions.clone())
    }

    pub(crate) fn write(&mut self, path: &str, value: &[u8]) -> Result<(), String> {
        let mut node = match self.node(path, Access::Write) {
            Ok(node) => node,
            Err(error) if error == "ENOENT" => self.create(path)?,
            Err(error) => return Err(error),
        };
        Rc::make_mut(&mut node).value = value.to_vec();
        self.fits(&node)?;
        self.put(path, Some(node.clone()));
        self.note(path, Kind::Direct, node);
        Ok(())
    }

    fn fits(&self, node: &Node) -> Result<(), String> {
        if self.who != DomId::DOM0 && node.size() >= self.quotas.node_size { no("ENOSPC") } else { Ok(()) }
    }

    /// Makes or changes a node as dom0 does, which may do everything.
    pub(crate) fn make(
        &mut self,
        path: &str,
        value: &[u8],
        permissions: Option<Vec<Permission>>,
    ) -> Result<(), String> {
        let mut node = match self.peek(path) {
            Some(node) => node,
            None => self.create(path)?,
        };
        let made = Rc::make_mut(&mut node);
        made.value = value.to_vec();
        if let Some(permissions) = permissions {
            made.permissions = permissions;
        }
        self.put(path, Some(node.clone()));
        self.note(path, Kind::Direct, node);
        Ok(())
    }

    /// Makes a node and those missing above it; they inherit permissions, and are the client's own.
    fn create(&mut self, path: &str) -> Result<Rc<Node>, String> {
        let Some((parent_path, name)) = split(path) else { return no("EINVAL") };
        let mut parent = match self.peek(parent_path) {
            Some(parent) => parent,
            None => self.create(parent_path)?,
        };
        if self.who != DomId::DOM0 && self.tree.owned_by(self.who) >= self.quotas.nodes {
            return no("ENOSPC");
        }
        let mut permissions = parent.permissions.clone();
        if self.who != DomId::DOM0 {
            permissions[0].domain = self.who;
        }
        Rc::make_mut(&mut parent).children.push(name.into());
        self.put(parent_path, Some(parent));
        let node = Rc::new(Node { value: Vec::new(), permissions, children: Vec::new(), generation: 0 });
        self.put(path, Some(node.clone()));
        Ok(node)
    }

    pub(crate) fn mkdir(&mut self, path: &str) -> Result<(), String> {
        match self.node(path, Access::Write) {
            Ok(_) => return Ok(()),
            Err(error) if error == "ENOENT" => {}
            Err(error) => return Err(error),
        }
        let node = self.create(path)?;
        self.note(path, Kind::Direct, node);
        Ok(())
    }

    pub(crate) fn remove(&mut self, path: &str) -> Result<(), String> {
        let node = self.node(path, Access::Write);
        let Some((parent_path, name)) = split(path) else { return node.and_then(|_| no("EINVAL")) };
        let node = match node {
            Ok(node) => node,
            // Not there? Fine, if the node above is.
            Err(error) if error == "ENOENT" && self.peek(parent_path).is_some() => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(mut parent) = self.peek(parent_path) {
            Rc::make_mut(&mut parent).children.retain(|child| **child != *name);
            self.put(parent_path, Some(parent));
        }
        self.note(path, Kind::Direct, node.clone());
        self.remove_children(path, &node);
        self.put(path, None);
        Ok(())
    }

    fn remove_children(&mut self, path: &str, node: &Node) {
        for name in &node.children {
            let child_path = join(path, name);
            if let Some(child) = self.peek(&child_path) {
                self.note(&child_path, Kind::Along, child.clone());
                self.remove_children(&child_path, &child);
                self.put(&child_path, None);
            }
        }
    }

    pub(crate) fn set_permissions(&mut self, path: &str, permissions: Vec<Permission>) -> Result<(), String> {
        let mut node = self.node(path, Access::Write)?;
        if self.who != DomId::DOM0 && node.owner() != self.who {
            return no("EACCES");
        }
        if self.who != DomId::DOM0 && permissions[0].domain != self.who {
            return no("EPERM");
        }
        let before = Some(node.clone());
        Rc::make_mut(&mut node).permissions = permissions;
        self.put(path, Some(node.clone()));
        self.note_change(path, (Kind::Direct, node, before));
        Ok(())
    }
}
