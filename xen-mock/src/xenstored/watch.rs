//! Watches of a connection.

use super::path::{home, is_within};
use super::tree::{Change, Kind};
use super::wire::{Message, StoreOp};
use xen_hypercall::DomId;

#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// Absolute.
    pub(crate) path: String,
    /// Paths in events are told relative to this, as the watch was.
    pub(crate) relative_to: Option<String>,
    pub(crate) token: String,
    /// How many levels below its path it is told of, if not of all.
    pub(crate) depth: Option<u32>,
}

impl Watch {
    pub(crate) fn new(domain: DomId, (given, absolute): (&str, String), token: &str) -> Self {
        let relative = !given.starts_with('/') && !given.starts_with('@');
        Self { path: absolute, relative_to: relative.then(|| home(domain)), token: token.into(), depth: None }
    }

    /// Returns the event that a change makes, if any.
    pub(crate) fn event_of(&self, change: &Change, reader: DomId) -> Option<Message> {
        let told = match change.kind {
            Kind::Direct => is_within(&change.path, &self.path) && self.reaches(&change.path),
            Kind::Along => change.path == self.path,
        };
        (told && change.may_be_told_to(reader)).then(|| self.event(&change.path))
    }

    fn reaches(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path.trim_end_matches('/')).unwrap_or_default();
        let levels = below.split('/').filter(|name| !name.is_empty()).count();
        self.depth.is_none_or(|depth| levels <= depth as usize)
    }

    /// Returns the event that tells of `path`.
    pub(crate) fn event(&self, path: &str) -> Message {
        let top = self.relative_to.as_deref();
        let shown = top.and_then(|top| path.strip_prefix(top)?.strip_prefix('/')).unwrap_or(path);
        let payload = format!("{shown}\0{}\0", self.token).into_bytes();
        Message { op: StoreOp::WatchEvent, request: 0, transaction: 0, payload }
    }
}
