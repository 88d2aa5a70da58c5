//! Faults: what goes wrong, and when.

use std::collections::{BTreeMap, VecDeque};

use xen_hypercall::{DomId, Number, Port};

use crate::xenstored::Twist;
use crate::xenstored::path::absolute;
use crate::xenstored::wire::StoreOp;

/// Which of the matching things are hit: `skip` go by, then `times` are hit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) skip: u64,
    pub(crate) times: u64,
}

impl Window {
    pub(crate) const ONCE: Self = Self { skip: 0, times: 1 };

    fn hits(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let hit = self.times > 0;
        self.times = self.times.saturating_sub(1);
        hit
    }
}

#[derive(Debug)]
pub(crate) struct CallRule {
    pub(crate) number: Option<Number>,
    pub(crate) cmd: Option<usize>,
    pub(crate) window: Window,
    pub(crate) result: isize,
}

#[derive(Debug)]
pub(crate) struct StoreRule {
    pub(crate) op: StoreOp,
    pub(crate) path: Option<String>,
    pub(crate) window: Window,
    pub(crate) twist: Twist,
}

/// What becomes of one operation on grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantTwist {
    /// It is not done, and this is its status.
    Status(i16),
    /// It is not done, and its status stays as it was.
    Unwritten,
    /// The call ends here, with this error.
    Call(isize),
}

#[derive(Debug)]
pub(crate) struct GrantRule {
    pub(crate) cmd: usize,
    pub(crate) window: Window,
    pub(crate) twist: GrantTwist,
}

#[derive(Debug)]
pub(crate) struct EventRule {
    pub(crate) port: Port,
    pub(crate) window: Window,
}

#[derive(Debug, Default)]
pub(crate) struct FaultRules {
    pub(crate) calls: Vec<CallRule>,
    pub(crate) store: Vec<StoreRule>,
    pub(crate) events: Vec<EventRule>,
    /// Numbers that the next ports have by what Xen says, without being opened.
    pub(crate) wrong_ports: VecDeque<Port>,
    /// What Xen says of the state of ports.
    pub(crate) wrong_states: BTreeMap<u32, u32>,
    pub(crate) grants: Vec<GrantRule>,
    /// What is told of the table's size: frames, and frames that there may be.
    pub(crate) grant_size: Option<(u32, u32)>,
    /// How many frames are written of those that were asked for.
    pub(crate) grant_frames_written: Option<usize>,
    /// dom0 wants the emulated devices to be used.
    pub(crate) refuses_drivers: bool,
}

impl FaultRules {
    /// Returns what a hypercall shall return without being made.
    pub(crate) fn call(&mut self, number: Number, cmd: usize) -> Option<isize> {
        let matching = self.calls.iter_mut().filter(|rule| {
            rule.number.is_none_or(|wanted| wanted == number) && rule.cmd.is_none_or(|wanted| wanted == cmd)
        });
        // Every matching rule counts the call, the first that hits it decides.
        matching.filter_map(|rule| rule.window.hits().then_some(rule.result)).reduce(|first, _| first)
    }

    /// Returns what becomes of an operation on grants.
    pub(crate) fn grant(&mut self, cmd: usize) -> Option<GrantTwist> {
        let matching = self.grants.iter_mut().filter(|rule| rule.cmd == cmd);
        matching.filter_map(|rule| rule.window.hits().then_some(rule.twist)).reduce(|first, _| first)
    }

    /// Returns what becomes of a request to xenstored.
    pub(crate) fn twist(&mut self, op: StoreOp, path: &str, domain: DomId) -> Option<Twist> {
        let path = absolute(domain, path);
        let same = |wanted: &String| absolute(domain, wanted) == path;
        let matching = self.store.iter_mut().filter(|rule| rule.op == op && rule.path.as_ref().is_none_or(same));
        matching.filter_map(|rule| rule.window.hits().then(|| rule.twist.clone())).reduce(|first, _| first)
    }

    /// Tells whether an event is lost.
    pub(crate) fn drops_event(&mut self, port: Port) -> bool {
        let matching = self.events.iter_mut().filter(|rule| rule.port == port);
        matching.map(|rule| rule.window.hits()).filter(|hit| *hit).count() > 0
    }
}
