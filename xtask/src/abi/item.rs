//! What the crates define: the items that may be part of Xen's ABI.

use std::collections::BTreeMap;

/// One item of a crate, by its path: `xen-hypercall::op::sched::Reason::CRASH`.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

/// What an item is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A constant, a variant with its number, or an entry of a table.
    Constant(syn::Expr),
    /// A struct laid out by the rules of C: its fields in their order.
    Struct(Vec<(String, syn::Type)>),
    /// A type that is laid out as another.
    Same(syn::Type),
}

/// All that was read.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) list: Vec<Item>,
    /// Sizes that the sources assert, by the struct's path.
    pub(crate) asserted: BTreeMap<String, syn::Expr>,
    /// What cannot be checked as it is written.
    pub(crate) problems: Vec<String>,
}

impl Items {
    pub(crate) fn add(&mut self, path: String, kind: Kind) {
        if self.list.iter().any(|item| item.path == path) {
            self.problems.push(format!("{path}: there are two of them"));
        }
        self.list.push(Item { path, kind });
    }

    /// Finds what `name`, a path in the source, means in `scope`: the nearest item that ends so.
    pub(crate) fn find(&self, name: &str, scope: &str) -> Option<&Item> {
        let mut around = scope;
        loop {
            let wanted = format!("{around}::{name}");
            let here = self.list.iter().find(|item| item.path == wanted);
            match (here, around.rsplit_once("::")) {
                (Some(item), _) => return Some(item),
                (None, Some((outer, _))) => around = outer,
                (None, None) => break,
            }
        }
        let tail = format!("::{name}");
        let crate_of = |path: &str| path.split("::").next().map(str::to_owned);
        let mut elsewhere: Vec<&Item> = self.list.iter().filter(|item| item.path.ends_with(&tail)).collect();
        if elsewhere.iter().any(|item| crate_of(&item.path) == crate_of(scope)) {
            elsewhere.retain(|item| crate_of(&item.path) == crate_of(scope));
        }
        match elsewhere.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}
