//! `xen-suspend` and `xen-frontend`: no number of Xen's so far.

use super::{Table, ours};

/// Pure steps and traits: what it says to Xen it says by the crates below, so its constants are paces and limits.
pub(super) const SUSPEND: Table = Table { package: "xen-suspend", rules: &[ours("*")] };

pub(super) const FRONTEND: Table = Table {
    package: "xen-frontend",
    rules: &[ours("console::INPUT"), ours("console::OUTPUT"), ours("console::suspend::PATIENCE")],
};
