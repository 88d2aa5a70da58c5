//! The guest with all its services: ticks, and whatever the toolstack asks for.

use core::cell::RefCell;
use core::fmt;

use xen_frontend::console::{ConsoleDevice, ConsoleService};
use xen_hypercall::op::sched::Reason;
use xen_hypercall::{Hypercall, Nanos};
use xen_store::{Link, Nodes as _};
use xen_suspend::services::{ClockService, EventService, GrantService, IpiPark, StoreService, VcpuService, XenArch};
use xen_suspend::{
    Class, Control, Deadlines, DeviceSlot, DeviceSlots, Embedder, Ending, Observer, Outcome, Resumed, Runner,
    SuspendCoordinator,
};

use crate::ballast::Ballast;
use crate::contrary::Contrary;
use crate::embedding::{Around, ByOption, OneLoop, Witnessing};
use crate::frontends;
use crate::hoard::Hoard;
use crate::load::{Load, Turn};
use crate::peer::Obedient;
use crate::scenario::{Bench, Trial, run_all};
use crate::start::{BUDGET, DOMID, End, Ground, LinkOf, REQUESTS, StoreOf, WATCHES};
use crate::trace::{Counts, Trace};
use crate::{Machine, Options, Role};

/// How long a guest with a load sleeps: so long that a share of 64 KiB lasts beyond the next suspend.
const SOON: Nanos = Nanos::from_millis(25);

/// Why the coordinator is to look.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// There may be a word of the toolstack's.
    Word,
    /// The guest slept, and may have been frozen.
    Wake,
}

/// A guest in service.
pub(crate) struct Service<'s, 'p, 'b, M: Machine, H: Hypercall> {
    ground: &'s Ground<'p, 'b, M, H>,
    store: &'s RefCell<StoreOf<'p, 'b, M, H>>,
    options: Options,
    trace: &'s Trace,
    ballast: Ballast,
    load: Load,
    trial: Trial<'p, 'b, M, H>,
    hoard: Hoard,
    /// What obeys another guest, if this is its peer.
    obedient: Option<Obedient<'p, 'b, M, H>>,
    /// Counts ticks; kept in memory, so that it proves that memory came through.
    ticks: u64,
    due: Nanos,
}

/// What the rebuild and the coordinator need beside the guest itself.
pub(crate) struct Engine<'e, 'p, 'b, M: Machine, H: Hypercall> {
    pub(crate) events: EventService<'b, &'b H, M::Gate>,
    pub(crate) vcpu: VcpuService<&'b H>,
    pub(crate) link: StoreServiceOf<'e, 'p, 'b, M, H>,
    pub(crate) control: &'e mut dyn Control,
}

/// xenstore's part of the rebuild.
type StoreServiceOf<'e, 'p, 'b, M, H> =
    StoreService<'e, 'p, RefCell<StoreOf<'p, 'b, M, H>>, &'p LinkOf<'b, M, H>, REQUESTS, WATCHES>;

impl<'s, 'p, 'b, M: Machine, H: Hypercall> Service<'s, 'p, 'b, M, H> {
    /// Makes the guest; it has not ticked yet.
    pub(crate) const fn new(
        ground: &'s Ground<'p, 'b, M, H>,
        store: &'s RefCell<StoreOf<'p, 'b, M, H>>,
        (options, trace, ballast): (Options, &'s Trace, Ballast),
    ) -> Self {
        let load = Load::new(options.load_kib);
        let trial = Trial::new(options.trial);
        let hoard = Hoard::new(options.hoard);
        let obedient = match options.role {
            Role::Tested => None,
            Role::Peer => Some(Obedient::new(ground.base, ground.table)),
        };
        Self { ground, store, options, trace, ballast, load, trial, hoard, obedient, ticks: 0, due: Nanos::ZERO }
    }

    /// Serves until the guest is to stop.
    pub(crate) fn serve(mut self, mut engine: Engine<'_, 'p, 'b, M, H>) -> End {
        let mut slots = [DeviceSlot::new(); 2];
        let mut coordinator =
            SuspendCoordinator::new(&mut slots, Deadlines::default().with_dr(self.options.rendezvous));
        if self.options.selftest {
            self.selftest();
        }
        self.try_out(None);
        frontends::run(&self.bench(), (&self.ground.voice(), self.options.devices));
        // After a wake the word is read, too.
        let cause = if self.options.wake { Cause::Wake } else { Cause::Word };
        loop {
            if let Some(end) = self.suspend(&mut coordinator, &mut engine, cause) {
                self.say_goodbye(end);
                return end;
            }
            self.tick();
            self.bear_load();
            self.hoard.turn(&self.bench(), &self.ground.voice());
            self.obey();
            self.wait();
        }
    }

    /// Lets the coordinator do what there is to do; returns how the guest ends, if it does.
    fn suspend(
        &mut self,
        coordinator: &mut SuspendCoordinator<impl DeviceSlots>,
        engine: &mut Engine<'_, 'p, 'b, M, H>,
        cause: Cause,
    ) -> Option<End> {
        let ground = self.ground;
        let voice = ground.voice();
        let counts = || self.counts();
        let mut observer = Witnessing::new(&voice, &counts);
        let gate = ground.base.machine.gate();
        let outcome = self.with_hooks(engine, &mut observer, |embedder| {
            let mut runner = Runner::new(coordinator, embedder, &gate);
            match cause {
                Cause::Word => runner.run(),
                Cause::Wake => runner.on_wake(),
            }
        });
        let Witnessing { ended, at_call, .. } = observer;
        if let Outcome::Crashed(_) = outcome {
            // Whatever went well before: there is no domain any more to go on in.
            return Some(End::Crashed);
        }
        if let Some((Ending::Resumed(resumed), away)) = ended {
            // Counted before anything else is asked of anybody.
            let trace = self.counts().since(at_call);
            self.come_back(&resumed, (away, trace));
        }
        match outcome {
            Outcome::Idle => None,
            Outcome::Stop(word) => {
                self.trial.end(&self.bench(), &voice);
                if ground.base.events.disorders() != 0 {
                    voice.fail(format_args!("events disorders={}", ground.base.events.disorders()));
                }
                voice.say(format_args!("stopping reason={word}"));
                Some(End::Stop(word.stop().unwrap_or(Reason::POWEROFF)))
            }
            Outcome::Crashed(_) => Some(End::Crashed),
        }
    }

    /// Goes on after a suspend.
    fn come_back(&mut self, resumed: &Resumed, (away, trace): (Option<Nanos>, Counts)) {
        if resumed.class == Class::New {
            self.ground.say_unplugged();
        }
        if resumed.class.rebuilds() {
            self.ground.hear_store();
        }
        self.resumed(resumed, away);
        self.ground.voice().say(format_args!("trace {trace}"));
        self.load.resumed();
        if self.options.selftest_after {
            self.selftest();
        }
        self.try_out(Some(resumed.class));
    }

    /// Puts the hooks together for one run of the coordinator.
    fn with_hooks<R>(
        &self,
        engine: &mut Engine<'_, 'p, 'b, M, H>,
        observer: &mut dyn Observer,
        run: impl FnOnce(Embedder<'_>) -> R,
    ) -> R {
        let ground = self.ground;
        let mut os = OneLoop { link: ground.link, console: ground.console };
        let mut policy = ByOption::new(&self.options);
        let mut park = IpiPark::new(ground.crew.rendezvous(), ground.crew, ground.base.clock);
        let mut arch = XenArch::new(ground.base.hook, ground.base.canary, Around(ground.base.machine));
        let mut grants = GrantService(ground.table);
        let (mut console, mut clock) = (ConsoleService(ground.console), ClockService(ground.base.clock));
        let mut platform = ground.base.platform.0;
        let mut screen = ConsoleDevice::new(ground.console);
        let mut contrary = Contrary::new(ground.base.clock, &self.options);
        run(Embedder {
            clock: ground.base.clock,
            epoch: ground.base.epoch,
            policy: &mut policy,
            os: &mut os,
            park: &mut park,
            arch: &mut arch,
            control: engine.control,
            core: &mut [
                &mut engine.events,
                &mut engine.vcpu,
                &mut grants,
                &mut console,
                &mut clock,
                &mut platform,
                &mut engine.link,
            ],
            devices: &mut [&mut screen, &mut contrary],
            observer,
        })
    }

    /// Says how the guest came back, and whether its memory did.
    fn resumed(&self, resumed: &Resumed, away: Option<Nanos>) {
        let voice = self.ground.voice();
        let Resumed { class, blackout, degraded } = resumed;
        let (epoch, domid, ticks) = (self.ground.base.epoch.now(), self.domid(), self.ticks);
        let abi = self.ground.abi();
        let intact = self.ballast.is_intact(ticks);
        let away = away.unwrap_or_default();
        voice.say(format_args!(
            "resumed class={class} epoch={epoch} domid={domid} evtchn={abi} blackout_ns={blackout} away_ns={away} \
             intact={} n={ticks} degraded={degraded}",
            if intact { "yes" } else { "no" }
        ));
        if !intact {
            voice.fail(format_args!("memory n={ticks}"));
        }
    }

    /// Says that the guest is alive, about once in the time of the options.
    fn tick(&mut self) {
        let now = self.ground.base.clock.now();
        if now < self.due {
            return;
        }
        self.ticks += 1;
        self.ballast.count(self.ticks);
        self.due = now.after(self.options.tick);
        let cpus = self.ground.crew.at_work();
        self.ground.voice().say(format_args!("tick n={} ns={now} cpus={cpus}", self.ticks));
    }

    /// Does its part of the load, and says how it stands.
    fn bear_load(&mut self) {
        let Turn { heard, done } = self.load.turn(self.ground.console);
        let voice = self.ground.voice();
        if let Some(heard) = heard {
            voice.say(format_args!("heard {heard}"));
        }
        if let Some((written, amid)) = done {
            voice.say(format_args!("load {written} amid={amid}"));
        }
    }

    /// Sleeps until the next tick is due, or xenstore has something to say.
    fn wait(&self) {
        let console = self.ground.console;
        if console.port().is_none() {
            // What could not be had at the start or after a resume may be had now.
            let _ = console.connect();
        }
        console.flush();
        // Before the sleep: behind it the guest may be in another domain, which vCPU 0 finds out first.
        self.ground.base.machine.pause(self.ground.crew);
        // Here and not in the interrupt, which would take xenstore's events from under the link's wait. Each has another turn,
        // and so has what the budget leaves.
        if self.ground.base.events.dispatch(BUDGET, |_| ()) > 0 {
            return;
        }
        let until = if self.load.is_some() { self.ground.base.clock.now().after(SOON) } else { self.due };
        self.ground.link.wait(until);
    }

    const fn bench(&self) -> Bench<'s, 'p, 'b, M, H> {
        let Ground { base, table, crew, .. } = self.ground;
        Bench { base, table, crew, store: self.store }
    }

    fn selftest(&self) {
        run_all(&self.bench(), &self.ground.voice());
    }

    /// Goes through the scenarios with a peer, if it is to, and looks after its hoard in xenstore, if it has one.
    fn try_out(&mut self, class: Option<Class>) {
        let bench = self.bench();
        self.trial.run(&bench, (&self.ground.voice(), class));
        self.hoard.review(&bench, (&self.ground.voice(), class));
    }

    /// Does what another guest wants, if it is that one's peer.
    fn obey(&mut self) {
        if let Some(Err(error)) = self.obedient.as_mut().map(|obedient| obedient.turn(self.store)) {
            self.ground.voice().fail(format_args!("peer {error}"));
        }
    }

    /// Lets the last lines reach the console before the domain ends; a console that does not read is not waited for long.
    fn say_goodbye(&self, end: End) {
        for _ in 0..20 {
            if matches!(end, End::Crashed) || self.ground.console.flush() {
                return;
            }
            let soon = self.ground.base.clock.now().after(Nanos::from_millis(5));
            let _ = self.ground.base.events.wait(&[], Some(self.ground.base.clock.to_system(soon)));
        }
    }

    fn domid(&self) -> Number {
        Number(self.store.borrow_mut().read_number(DOMID).ok())
    }

    fn counts(&self) -> Counts {
        Counts { xenstore: self.store.borrow().requests_sent(), ..self.trace.counts() }
    }
}

/// A number from xenstore, or a word for that it could not be read.
struct Number(Option<u64>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}
