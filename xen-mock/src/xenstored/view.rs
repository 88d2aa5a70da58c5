//! What one client does to the tree, within a transaction or not.

use std::rc::Rc;

use xen_hypercall::DomId;

use super::Quotas;
use super::path::{join, split};
use super::transaction::Transaction;
use super::tree::{Access, Change, Kind, Node, Permission, Tree};

/// Permissions of a node that a guest may set.
const MOST_PERMISSIONS: usize = 5;

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

    /// Notes that a node, which is as in `readable`, or was so, has changed.
    fn note(&mut self, (path, kind): (&str, Kind), readable: [Option<Rc<Node>>; 2]) {
        match &mut self.transaction {
            Some(transaction) => transaction.note(path, kind),
            None => {
                let above = split(path).and_then(|(parent, _)| self.tree.get(parent).cloned());
                let readable = readable.into_iter().chain([above]).flatten().collect();
                self.changes.push(Change { path: path.into(), kind, readable });
            }
        }
    }

    /// Whatever was tried in a transaction and could not be done spoils it.
    fn spoil(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.fail();
        }
    }

    fn owned(&self) -> usize {
        match &self.transaction {
            Some(transaction) => transaction.owned_by(self.tree, self.who),
            None => self.tree.owned_by(self.who),
        }
    }

    /// Returns a node if the client may do that with it; else `EACCES`, or `ENOENT` where it may know.
    fn node(&mut self, path: &str, wanted: Access) -> Result<Rc<Node>, String> {
        match self.peek(path) {
            Some(node) if node.allows(self.who, wanted) => Ok(node),
            // The node above is looked at all the same, which a transaction remembers.
            Some(_) => self.may_know(path, wanted).and_then(|()| no("EACCES")),
            None => self.may_know(path, wanted).and_then(|()| no("ENOENT")),
        }
    }

    /// Tells whether a client may know of a node: whether it may do that with the nearest one above.
    fn may_know(&mut self, path: &str, wanted: Access) -> Result<(), String> {
        let mut at = path;
        while let Some((parent, _)) = split(at) {
            if let Some(node) = self.peek(parent) {
                return if node.allows(self.who, wanted) { Ok(()) } else { no("EACCES") };
            }
            at = parent;
        }
        Ok(())
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
        let node = match self.node(path, Access::Write) {
            Ok(mut node) => {
                Rc::make_mut(&mut node).value = value.to_vec();
                self.fits(&node)?;
                self.put(path, Some(node.clone()));
                node
            }
            Err(error) if error == "ENOENT" => self.create(path, value)?,
            Err(error) => return Err(error),
        };
        self.note((path, Kind::Direct), [Some(node), None]);
        Ok(())
    }

    fn fits(&mut self, node: &Node) -> Result<(), String> {
        if self.who == DomId::DOM0 || node.size() < self.quotas.node_size {
            return Ok(());
        }
        self.spoil();
        no("ENOSPC")
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
            None => self.create(path, value)?,
        };
        let made = Rc::make_mut(&mut node);
        made.value = value.to_vec();
        if let Some(permissions) = permissions {
            made.permissions = permissions;
        }
        self.put(path, Some(node.clone()));
        self.note((path, Kind::Direct), [Some(node), None]);
        Ok(())
    }

    /// Makes a node and those missing above it, or none; they inherit permissions, and are the client's own.
    fn create(&mut self, path: &str, value: &[u8]) -> Result<Rc<Node>, String> {
        let mut chain = self.chain(path)?;
        if let Some(transaction) = &mut self.transaction {
            transaction.note_created();
        }
        if let Some((_, node)) = chain.last_mut() {
            Rc::make_mut(node).value = value.to_vec();
        }
        // Looked at from below upwards; the topmost is there already and has one child more.
        let (owned, fresh) = (self.owned(), chain.len() - 1);
        for (at, (_, node)) in chain.iter().rev().enumerate() {
            if self.who != DomId::DOM0 && at < fresh && owned + at >= self.quotas.nodes {
                if at > 0 {
                    self.spoil();
                }
                return no("ENOSPC");
            }
            self.fits(node)?;
        }
        for (path, node) in &chain {
            self.put(path, Some(node.clone()));
        }
        chain.pop().map(|(_, node)| node).ok_or_else(|| "EINVAL".into())
    }

    /// Returns the nearest node above that is there, and those that are not, down to the last.
    fn chain(&mut self, path: &str) -> Result<Vec<(String, Rc<Node>)>, String> {
        let Some((parent_path, name)) = split(path) else { return no("EINVAL") };
        let mut chain = match self.peek(parent_path) {
            Some(parent) => vec![(parent_path.into(), parent)],
            None => self.chain(parent_path)?,
        };
        let Some((_, parent)) = chain.last_mut() else { return no("EINVAL") };
        Rc::make_mut(parent).children.push(name.into());
        let mut permissions = parent.permissions.clone();
        if self.who != DomId::DOM0 {
            permissions[0].domain = self.who;
        }
        let node = Node { value: Vec::new(), permissions, children: Vec::new(), generation: 0 };
        chain.push((path.into(), Rc::new(node)));
        Ok(chain)
    }

    pub(crate) fn mkdir(&mut self, path: &str) -> Result<(), String> {
        match self.node(path, Access::Write) {
            Ok(_) => return Ok(()),
            Err(error) if error == "ENOENT" => {}
            Err(error) => return Err(error),
        }
        let node = self.create(path, b"")?;
        self.note((path, Kind::Direct), [Some(node), None]);
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
        // A transaction that saw the one above before, or removed it, does not know there of what was made since.
        let Some(mut parent) = self.peek(parent_path) else { return no("EINVAL") };
        self.note((path, Kind::Direct), [Some(node.clone()), None]);
        self.remove_children(path, &node)?;
        self.put(path, None);
        let Some(child) = parent.children.iter().position(|child| **child == *name) else { return no("EIO") };
        Rc::make_mut(&mut parent).children.remove(child);
        self.put(parent_path, Some(parent));
        Ok(())
    }

    /// Removes what is below a node; `EIO` if a child is listed that is not there: it was removed since a transaction saw the list.
    fn remove_children(&mut self, path: &str, node: &Node) -> Result<(), String> {
        for name in &node.children {
            let child_path = join(path, name);
            let Some(child) = self.peek(&child_path) else { return no("EIO") };
            self.note((&child_path, Kind::Along), [Some(child.clone()), None]);
            self.remove_children(&child_path, &child)?;
            self.put(&child_path, None);
        }
        Ok(())
    }

    pub(crate) fn set_permissions(&mut self, path: &str, permissions: Vec<Permission>) -> Result<(), String> {
        if self.who != DomId::DOM0 && permissions.len() > MOST_PERMISSIONS {
            return no("ENOSPC");
        }
        let mut node = self.node(path, Access::Write)?;
        if self.who != DomId::DOM0 && node.owner() != self.who {
            return no("EACCES");
        }
        if self.who != DomId::DOM0 && permissions[0].domain != self.who {
            return no("EPERM");
        }
        let before = Some(node.clone());
        Rc::make_mut(&mut node).permissions = permissions;
        self.fits(&node)?;
        self.put(path, Some(node.clone()));
        self.note((path, Kind::Direct), [Some(node), before]);
        Ok(())
    }
}
