//! Nodes and who may do what to them.

use std::collections::BTreeMap;
use std::rc::Rc;

use xen_hypercall::DomId;

/// What a domain may do with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `n`: nothing.
    None,
    /// `r`: read.
    Read,
    /// `w`: write.
    Write,
    /// `b`: both.
    Both,
}

impl Access {
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::None => 'n',
            Self::Read => 'r',
            Self::Write => 'w',
            Self::Both => 'b',
        }
    }

    pub(crate) fn covers(self, wanted: Self) -> bool {
        self == Self::Both || self == wanted
    }
}

/// One entry of a node's permissions. In the first, the domain is the owner and the access is everybody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The domain.
    pub domain: DomId,
    /// What it may do.
    pub access: Access,
}

impl Permission {
    /// Parses `r5` and the like.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let access = match text.chars().next()? {
            'n' => Access::None,
            'r' => Access::Read,
            'w' => Access::Write,
            'b' => Access::Both,
            _ => return None,
        };
        Some(Self { domain: DomId(text.get(1..)?.parse().ok()?), access })
    }

    /// Tells whether it is for every domain.
    pub(crate) fn is_for_any(&self) -> bool {
        self.domain == DomId::ANY
    }

    pub(crate) fn text(self) -> String {
        format!("{}{}", self.access.letter(), self.domain)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Vec<u8>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) children: Vec<Rc<str>>,
    pub(crate) generation: u64,
}

impl Node {
    pub(crate) fn owner(&self) -> DomId {
        self.permissions[0].domain
    }

    pub(crate) fn allows(&self, who: DomId, wanted: Access) -> bool {
        if who == DomId::DOM0 || who == self.owner() {
            return true;
        }
        let own = self.permissions[1..].iter().find(|it| it.domain == who || it.is_for_any());
        own.unwrap_or(&self.permissions[0]).access.covers(wanted)
    }

    /// As the C xenstored counts it: a header, and 8 bytes a permission.
    pub(crate) fn size(&self) -> usize {
        let names: usize = self.children.iter().map(|name| name.len() + 1).sum();
        24 + self.permissions.len() * 8 + self.value.len() + names
    }
}

/// Something happened to a node.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) path: String,
    /// Tell only watches on this very path: it went with a node above it.
    pub(crate) kind: Kind,
    /// Who may read one of these may know of it: the node as it is and was, and the one above.
    pub(crate) readable: Vec<Rc<Node>>,
}

impl Change {
    pub(crate) fn may_be_told_to(&self, who: DomId) -> bool {
        self.readable.iter().any(|node| node.allows(who, Access::Read))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The node itself: watches on it and above it are told.
    Direct,
    /// It was removed with a node above it: only watches on it are told.
    Along,
}

#[derive(Debug)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Rc<Node>>,
    generation: u64,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let permissions = vec![Permission { domain: DomId::DOM0, access: Access::None }];
        let root = Node { value: Vec::new(), permissions, children: Vec::new(), generation: 1 };
        Self { nodes: BTreeMap::from([("/".into(), Rc::new(root))]), generation: 1 }
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Rc<Node>> {
        self.nodes.get(path)
    }

    pub(crate) fn put(&mut self, path: &str, mut node: Rc<Node>) {
        self.generation += 1;
        Rc::make_mut(&mut node).generation = self.generation;
        self.nodes.insert(path.into(), node);
    }

    pub(crate) fn delete(&mut self, path: &str) {
        self.generation += 1;
        self.nodes.remove(path);
    }

    pub(crate) fn generation(&self, path: &str) -> Option<u64> {
        self.get(path).map(|node| node.generation)
    }

    pub(crate) fn owned_by(&self, who: DomId) -> usize {
        self.nodes.values().filter(|node| node.owner() == who).count()
    }
}
