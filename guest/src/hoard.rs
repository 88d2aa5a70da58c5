//! A hoard in xenstore: watches and many nodes, which are to come through everything.
//!
//! The nodes lie in groups below [`HOARD`], and each group is watched. A new domain has none of them: the guest writes them
//! again, with other values. Whoever looks at them from outside compares them with the checksum that the guest says; and
//! writes a word to all groups, which the guest says once each watch has told of it.

mod nodes;

use core::fmt;

use xen_hypercall::{DomId, Hypercall};
use xen_store::{Link, Nodes, Store, WatchId};
use xen_suspend::Class;

use crate::Machine;
use crate::peer::wait;
use crate::scenario::{Bench, Failed, at};
use crate::start::DOMID;
use crate::voice::Voice;
use nodes::{Content, Words, Writes, group};

/// Below this node lie the groups.
pub const HOARD: &str = "data/hoard";
/// Groups, each with a number of two digits: so many are watched.
pub const GROUPS: usize = 64;
/// The most nodes that there are numbers for, two digits in each group.
pub(crate) const MOST: usize = 6400;

/// How often there is no event in a row before no further one is expected: a sixth of a second.
const CALM: u32 = 6;

/// The watches of a guest, and what is known of its nodes.
#[derive(Debug)]
pub(crate) struct Hoard {
    watches: [Option<WatchId>; GROUPS],
    /// Events of each watch since they were told of last.
    fired: [u32; GROUPS],
    content: Content,
}

impl Hoard {
    /// Has nothing yet; of no nodes it does nothing.
    pub(crate) const fn new(nodes: usize) -> Self {
        Self { watches: [None; GROUPS], fired: [0; GROUPS], content: Content { nodes, own: DomId::DOM0, life: 0 } }
    }

    /// Makes the hoard, or looks after it; `class` is that of the resume before it, if there was one. Says how it stands.
    pub(crate) fn review<M: Machine, H: Hypercall>(
        &mut self,
        bench: &Bench<'_, '_, '_, M, H>,
        (voice, class): (&Voice<'_, '_, M, H>, Option<Class>),
    ) {
        if self.content.nodes == 0 {
            return;
        }
        match self.stages(bench, class) {
            Ok(Seen { fired, events }) => {
                let class: &dyn fmt::Display = class.as_ref().map_or(&"none", |class| class);
                let (nodes, sum) = (self.content.nodes, self.content.sum());
                voice.say(format_args!("hoard class={class} fired={fired} events={events} nodes={nodes} {sum}"));
            }
            Err(why) => voice.fail(format_args!("hoard why={why}")),
        }
    }

    /// Takes events, and says the word that was written to all groups when all watches have told of it.
    pub(crate) fn turn<M: Machine, H: Hypercall>(
        &mut self,
        bench: &Bench<'_, '_, '_, M, H>,
        voice: &Voice<'_, '_, M, H>,
    ) {
        if self.content.nodes == 0 || self.gather(&mut bench.store.borrow_mut()) == 0 {
            return;
        }
        let Seen { fired, events } = self.seen();
        if fired < GROUPS {
            return;
        }
        let mut words = Words::new();
        bench.store.borrow_mut().pipeline(&mut words);
        match words.same() {
            Ok(word) => voice.say(format_args!("poked word={word} fired={fired} events={events}")),
            Err(why) => voice.fail(format_args!("hoard why={why}")),
        }
        self.fired = [0; GROUPS];
    }

    /// Returns the events that there were before the guest itself wrote anything.
    fn stages<M: Machine, H: Hypercall>(
        &mut self,
        bench: &Bench<'_, '_, '_, M, H>,
        class: Option<Class>,
    ) -> Result<Seen, Failed> {
        if class.is_none() {
            self.watch(&mut bench.store.borrow_mut())?;
        }
        let fresh = matches!(class, None | Some(Class::New));
        if fresh {
            // One that does not come is told of by the number.
            let _ = wait(bench, || {
                self.gather(&mut bench.store.borrow_mut());
                (self.seen().fired == GROUPS).then_some(())
            });
        }
        self.calm_down(bench);
        let seen = self.seen();
        if fresh {
            self.write(bench)?;
            // They are of what the guest wrote itself.
            self.calm_down(bench);
        }
        self.fired = [0; GROUPS];
        Ok(seen)
    }

    fn watch<L: Link, const R: usize, const W: usize>(&mut self, store: &mut Store<'_, L, R, W>) -> Result<(), Failed> {
        for (number, watch) in self.watches.iter_mut().enumerate() {
            let path = group(number).map_err(at("path"))?;
            *watch = Some(store.watch(path.as_path()).map_err(at("watch"))?);
        }
        Ok(())
    }

    /// Writes all nodes and their permissions.
    fn write<M: Machine, H: Hypercall>(&mut self, bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
        let mut store = bench.store.borrow_mut();
        let own = store.read_number(DOMID).map_err(at("domid"))?;
        self.content.own = DomId(u16::try_from(own).map_err(at("domid"))?);
        self.content.life += 1;
        let mut writes = Writes::new(&self.content);
        store.pipeline(&mut writes);
        writes.outcome().map_err(at("write"))
    }

    /// Takes events until no more come.
    fn calm_down<M: Machine, H: Hypercall>(&mut self, bench: &Bench<'_, '_, '_, M, H>) {
        let mut calm = 0;
        let _ = wait(bench, || {
            calm = if self.gather(&mut bench.store.borrow_mut()) == 0 { calm + 1 } else { 0 };
            (calm >= CALM).then_some(())
        });
    }

    /// Takes the events that there are, and tells how many.
    fn gather<L: Link, const R: usize, const W: usize>(&mut self, store: &mut Store<'_, L, R, W>) -> usize {
        // A session that is over has no events: the watches that are missing tell.
        let _ = store.pump();
        let mut heard = 0;
        for (watch, fired) in self.watches.iter().zip(&mut self.fired) {
            if watch.is_some_and(|watch| store.core().poll_event_of(watch).is_some()) {
                *fired += 1;
                heard += 1;
            }
        }
        heard
    }

    fn seen(&self) -> Seen {
        Seen { fired: self.fired.iter().filter(|fired| **fired > 0).count(), events: self.fired.iter().sum() }
    }
}

/// How many watches told of something, and how often in all.
struct Seen {
    fired: usize,
    events: u32,
}
