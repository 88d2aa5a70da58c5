//! What each item is called in Xen's headers: the one part of the comparison that is written by hand.
//!
//! A rule is for one item, or by a trailing `*` for all constants below a path that have no nearer one. In what it says of C, `{}`
//! stands for the last name of the path, `{lower}` for the same in lower case, and `{SNAKE}` for it as a C constant.

mod above;
mod blkif;
mod evtchn;
mod grant;
mod hypercall;
mod mock;
mod netif;
mod ring;
mod store;

/// A field, and the members of C's struct that lie there: none for padding, more for a union.
pub(crate) type Member = (&'static str, &'static [&'static str]);

/// What an item is to Xen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meaning {
    /// These expressions in C have its value, or its values in turn.
    Values(&'static [&'static str]),
    /// `xsd_errors` has its text.
    ErrorName,
    /// This type of C has its layout; fields with the same name in C are not listed.
    Layout(&'static str, &'static [Member]),
    /// Nothing: it is ours. Not to be said of a whole module of a crate that speaks to Xen, where a number of Xen's may come to stand.
    Ours,
}

/// Says what an item is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) item: &'static str,
    pub(crate) meaning: Meaning,
}

/// The rules of one crate, or of some of its modules; their paths begin below the crate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) package: &'static str,
    pub(crate) rules: &'static [Rule],
}

/// The crates that are read, and what their items are.
pub(crate) const TABLES: &[Table] = &[
    hypercall::TABLE,
    ring::TABLE,
    blkif::TABLE,
    netif::TABLE,
    evtchn::TABLE,
    grant::TABLE,
    store::TABLE,
    above::SUSPEND,
    above::FRONTEND,
    mock::TABLE,
];

pub(crate) const fn values(item: &'static str, c: &'static [&'static str]) -> Rule {
    Rule { item, meaning: Meaning::Values(c) }
}

pub(crate) const fn error_name(item: &'static str) -> Rule {
    Rule { item, meaning: Meaning::ErrorName }
}

pub(crate) const fn layout(item: &'static str, c: &'static str, members: &'static [Member]) -> Rule {
    Rule { item, meaning: Meaning::Layout(c, members) }
}

pub(crate) const fn ours(item: &'static str) -> Rule {
    Rule { item, meaning: Meaning::Ours }
}
