//! The host: the handle to everything, and its turns.

use std::cell::{RefCell, RefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use xen_hypercall::{DomId, Nanos};

use crate::builder::Builder;
use crate::config::Config;
use crate::domain::{Reason, State};
use crate::guest::Guest;
use crate::handles::{Console, Dom0, Events, Faults, Grants, Ledger, Peer, Store, Toolstack, Trace};
use crate::violation::Violation;
use crate::world::World;

type Director = Box<dyn FnMut(&Host)>;
type Script = Box<dyn FnOnce(&Host)>;

/// The domain was destroyed, or shot by its watchdog, while the guest ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destroyed;

/// What lies beside the world because it calls back into it.
#[derive(Default)]
struct Stage {
    director: Option<Director>,
    scripts: Vec<(Nanos, Script)>,
}

/// A host with one guest domain; a cheap handle, all clones of which are the same host.
///
/// All happens on one thread and in virtual time: nothing sleeps, and the same test gives the same run.
#[derive(Clone)]
pub struct Host {
    world: Rc<RefCell<World>>,
    stage: Rc<RefCell<Stage>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("now", &self.now()).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Host {
    /// Begins to describe a host.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(config: Config) -> Self {
        let world = Rc::new(RefCell::new(World::new(config)));
        Self { world, stage: Rc::default() }
    }

    /// Borrows the world; never across a callback.
    pub(crate) fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// Returns the guest's side: hook, processor and memory.
    #[must_use]
    pub fn guest(&self) -> Guest {
        Guest::new(self.clone())
    }

    /// Returns xenstore, as dom0 sees it.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(self.clone())
    }

    /// Returns the far end of the guest's console.
    #[must_use]
    pub fn console(&self) -> Console {
        Console::new(self.clone())
    }

    /// Returns the toolstack.
    #[must_use]
    pub fn toolstack(&self) -> Toolstack {
        Toolstack::new(self.clone())
    }

    /// Returns the place to ask for faults.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults::new(self.clone())
    }

    /// Returns the record of what the guest did.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::new(self.clone())
    }

    /// Returns the record of what the guest holds.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.clone())
    }

    /// Returns the backends' side: ports and grants of the guest as dom0 uses them.
    #[must_use]
    pub fn dom0(&self) -> Dom0 {
        Dom0::new(self.clone())
    }

    /// Returns how events come in, and the ways in which Xen or a peer may go wrong there.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }

    /// Returns the guest's grant table, as Xen has it.
    #[must_use]
    pub fn grants(&self) -> Grants {
        Grants::new(self.clone())
    }

    /// Returns another domain, of this number, at the guest's grants. Xen knows it from then on.
    ///
    /// # Panics
    /// If it is the guest's own number, or no real domain's.
    #[must_use]
    pub fn peer(&self, domain: DomId) -> Peer {
        assert!(domain.is_real() && domain != self.world().domain.id, "{domain} is another domain than the guest");
        Peer::new(self.clone(), domain)
    }

    /// Returns the virtual time since the host was built.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.world().now()
    }

    /// Returns what the domain is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.world().domain.state
    }

    /// Has `director` called at each of the host's turns: whenever the guest polls, yields, blocks or shuts down.
    ///
    /// It may use the host in every way. It replaces the director before it. A sleeping guest has a turn whenever
    /// something happens, so a director that waits for a time asks for it with [`Host::at`].
    pub fn direct(&self, director: impl FnMut(&Self) + 'static) {
        self.stage.borrow_mut().director = Some(Box::new(director));
    }

    /// Has `script` called once, at the first turn at or after the virtual time `at`; a sleeping guest has one then.
    pub fn at(&self, at: Nanos, script: impl FnOnce(&Self) + 'static) {
        self.stage.borrow_mut().scripts.push((at, Box::new(script)));
    }

    /// Has `script` called once, `delay` from now.
    pub fn after(&self, delay: Nanos, script: impl FnOnce(&Self) + 'static) {
        self.at(self.now().after(delay), script);
    }

    /// Runs the guest until it returns, or until its domain is destroyed, which happens inside of a hypercall.
    ///
    /// # Errors
    /// [`Destroyed`] when the domain vanished under the guest; its stack was unwound.
    pub fn run<T>(&self, guest: impl FnOnce(Guest) -> T) -> Result<T, Destroyed> {
        let side = self.guest();
        catch_unwind(AssertUnwindSafe(|| guest(side))).or_else(|payload| match payload.downcast::<Destroyed>() {
            Ok(destroyed) => Err(*destroyed),
            Err(other) => resume_unwind(other),
        })
    }

    /// Tells whether the guest kept the rules.
    ///
    /// # Errors
    /// All that it did and must not do, in order.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut world = self.world();
        world.watch_grants();
        world.watch_events();
        world.watch_emulated();
        world.watch_cut_off();
        if world.violations.is_empty() { Ok(()) } else { Err(world.violations.clone()) }
    }

    /// Gives the host one turn: daemons, toolstack, scripts, director.
    pub(crate) fn turn(&self) {
        self.world().run_due();
        while let Some(script) = self.next_script() {
            script(self);
        }
        let director = self.stage.borrow_mut().director.take();
        if let Some(mut director) = director {
            director(self);
            self.stage.borrow_mut().director.get_or_insert(director);
        }
        self.world().run_due();
        self.world().flush_store();
    }

    fn next_script(&self) -> Option<Script> {
        let now = self.now();
        let mut stage = self.stage.borrow_mut();
        let due = stage.scripts.iter().enumerate().filter(|(_, (at, _))| *at <= now);
        let (index, _) = due.min_by_key(|(index, (at, _))| (*at, *index))?;
        Some(stage.scripts.remove(index).1)
    }

    /// Returns when something happens next, be it that the guest's own patience ends.
    pub(crate) fn next_due(&self, world: &World, until: Option<Nanos>) -> Option<Nanos> {
        let script = self.stage.borrow().scripts.iter().map(|(at, _)| *at).min();
        let own = until.filter(|_| world.domain.state == State::Running);
        [world.next_due(), script, own].into_iter().flatten().min()
    }

    /// Ends the guest's run if its domain is no more, or was shot by its watchdog.
    pub(crate) fn leave_if_gone(&self) {
        let ended = matches!(self.state(), State::Gone | State::Shutdown(Reason::Watchdog));
        if ended && !std::thread::panicking() {
            resume_unwind(Box::new(Destroyed));
        }
    }
}
