//! Random requests, the same to two servers.

use std::fmt;

use super::{Scene, Server, Wire};
use xen_store::{Link, Transport};

/// Transactions that a script has open at most.
const SLOTS: usize = 3;
/// The type that a transaction begins with, and the one that it ends with.
const START: u32 = 6;
/// The end of a transaction.
const END: u32 = 7;
const READ: u32 = 2;
const UNWATCH: u32 = 5;
const DIRECTORY_PART: u32 = 22;

/// One thing that is done.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// The client asks something, within the transaction of this slot, if one is open there.
    Ask(u32, Option<usize>, Vec<u8>),
    /// The client begins a transaction in a free slot.
    Begin(usize),
    /// The client ends a transaction by this word.
    End(usize, &'static [u8]),
    /// The control domain writes a node.
    Write(&'static str, Vec<u8>),
    /// The control domain removes a node.
    Remove(&'static str),
    /// The control domain sets the permissions of a node, if it is there.
    Allow(&'static str, Vec<String>),
}

/// What came of a step: the answer, and the events that came with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    answer: Option<Result<Vec<u8>, String>>,
    events: Vec<Vec<u8>>,
}

impl Said {
    /// Makes it what `server` says where the mock host's says this.
    pub(super) fn of(mut self, server: Server, step: &Step) -> Self {
        if let Step::Ask(UNWATCH, _, body) = step
            && server == Server::LaterC
            && body.windows(2).any(|pair| pair == b"//")
        {
            // It looks at the name before it looks for the watch.
            self.answer = Some(Err("EINVAL".into()));
        }
        self
    }
}

/// Does a script's steps, and returns what came of each.
pub fn replay<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>, steps: &[Step]) -> Vec<Said> {
    let mut talk = Talk { wire: Wire::new(), open: [None; SLOTS] };
    scene.far.remove("/local/domain/0/theirs");
    scene.far.write("/local/domain/0/theirs", b"");
    scene.far.write("suite/a", b"a");
    let own = format!("n{}", scene.who.domain());
    scene.far.set_permissions("suite/a", &[own]);
    steps.iter().map(|step| talk.one(scene, step)).collect()
}

struct Talk {
    wire: Wire,
    open: [Option<u32>; SLOTS],
}

impl Talk {
    fn one<L: Link, T: Transport>(&mut self, scene: &mut Scene<'_, L, T>, step: &Step) -> Said {
        let answer = match step {
            Step::Ask(kind, slot, body) => {
                let transaction = slot.and_then(|slot| self.open[slot]).unwrap_or(0);
                let answer = self.wire.ask(&mut scene.store, (*kind, transaction), body);
                Some(answer.map(|body| comparable(*kind, body)))
            }
            Step::Begin(slot) => self.begin(scene, *slot),
            Step::End(slot, word) => {
                let transaction = self.open[*slot].take().unwrap_or(0);
                let answer = self.wire.ask(&mut scene.store, (END, transaction), word);
                Some(if answer == Err("ENOMEM".into()) && scene.server == Server::LaterC {
                    // Nodes that it removes are gone already, so that its guest would have less than none.
                    Err("EAGAIN".into())
                } else {
                    answer
                })
            }
            Step::Write(path, value) => {
                scene.far.write(path, value);
                None
            }
            Step::Remove(path) => {
                scene.far.remove(path);
                None
            }
            Step::Allow(path, entries) => {
                if scene.far.read(path).is_some() {
                    scene.far.set_permissions(path, entries);
                }
                None
            }
        };
        // Its answer comes behind all events of the step.
        let _whatever = self.wire.ask(&mut scene.store, (READ, 0), b"suite\0");
        let mut events = std::mem::take(&mut self.wire.events);
        events.sort();
        Said { answer, events }
    }

    /// Begins, and keeps the number to itself: servers differ in them.
    fn begin<L: Link, T: Transport>(
        &mut self,
        scene: &mut Scene<'_, L, T>,
        slot: usize,
    ) -> Option<Result<Vec<u8>, String>> {
        if self.open[slot].is_some() {
            return None;
        }
        let answer = self.wire.ask(&mut scene.store, (START, 0), b"\0");
        self.open[slot] =
            answer.as_ref().ok().map(|id| String::from_utf8_lossy(id).trim_end_matches('\0').parse().unwrap());
        Some(answer.map(drop).map(|()| Vec::new()))
    }
}

/// What two servers must agree on: the generation in front of a part of a list is each one's own.
fn comparable(kind: u32, body: Vec<u8>) -> Vec<u8> {
    if kind != DIRECTORY_PART {
        return body;
    }
    let names = body.iter().position(|byte| *byte == 0).map_or(0, |end| end + 1);
    body[names..].to_vec()
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(kind, slot, body) => write!(f, "ask {kind} within {slot:?}: {}", shown(body)),
            Self::Begin(slot) => write!(f, "begin {slot}"),
            Self::End(slot, word) => write!(f, "end {slot} by {}", shown(word)),
            Self::Write(path, value) => write!(f, "dom0 writes {path}: {}", shown(value)),
            Self::Remove(path) => write!(f, "dom0 removes {path}"),
            Self::Allow(path, entries) => write!(f, "dom0 allows {path}: {entries:?}"),
        }
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            None => write!(f, "-")?,
            Some(Ok(body)) => write!(f, "{}", shown(body))?,
            Some(Err(error)) => write!(f, "{error}")?,
        }
        self.events.iter().try_for_each(|event| write!(f, " event({})", shown(event)))
    }
}

fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    if text.len() > 60 { format!("{}… {} bytes", &text[..40], bytes.len()) } else { text }
}
