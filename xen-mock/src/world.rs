//! Everything there is: one host, one guest domain at a time.

use std::collections::BTreeMap;

use xen_hypercall::{DomId, Gfn, GrantRef, Nanos, Port};

use crate::clock::Clock;
use crate::config::{Config, FifoAbi, Kind};
use crate::console::ConsoleDaemon;
use crate::domain::{CONSOLE_EVTCHN, CONSOLE_PFN, Domain, STORE_EVTCHN, STORE_PFN, State};
use crate::events::{Channel, FarEnds, Service};
use crate::faults::FaultRules;
use crate::grants::{Peers, Tracks};
use crate::memory::{CONSOLE_GFN, Memory, STORE_GFN};
use crate::platform::Emulated;
use crate::toolstack::Operations;
use crate::trace::Records;
use crate::violation::Violation;
use crate::xenstored::connection::Connection;
use crate::xenstored::{Xenstored, ring};

/// How long a daemon in dom0 takes to wake up and serve a ring.
const DAEMON_LATENCY: Nanos = Nanos(30_000);

/// Something that is to happen in the host by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Store,
    Console,
    Timer(u32),
    Watchdog(usize),
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) memory: Memory,
    pub(crate) domain: Domain,
    /// What the domain's device model emulates.
    pub(crate) emulated: Emulated,
    /// Whether the guest unplugs emulated devices.
    pub(crate) unplugs: bool,
    pub(crate) clock: Clock,
    pub(crate) store: Xenstored,
    pub(crate) console: ConsoleDaemon,
    /// The far ends of the guest's ports.
    pub(crate) ends: FarEnds,
    /// Other domains at grants.
    pub(crate) peers: Peers,
    /// What the guest has mapped.
    pub(crate) tracks: Tracks,
    pub(crate) operations: Operations,
    pub(crate) faults: FaultRules,
    pub(crate) records: Records,
    pub(crate) violations: Vec<Violation>,
    /// The processor on which the guest runs.
    pub(crate) current: u32,
    /// How often the guest was restored: the TSC's incarnation.
    pub(crate) incarnation: u32,
    pub(crate) vendor: [u8; 12],
    pub(crate) version: (u16, u16),
    /// What the host has of the FIFO ABI.
    pub(crate) fifo: FifoAbi,
    /// Ports by which an event comes in again and again.
    pub(crate) storm: Vec<Port>,
    /// Ends of the toolstack's ports that the guest closed by a reset: each is to be bound again.
    pub(crate) cut_off: Vec<(Port, Port)>,
    tasks: BTreeMap<(Nanos, u64), Task>,
    tasks_made: u64,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let mut world = Self {
            memory: Memory::new(),
            domain: Domain::new(config.domid, &config),
            emulated: Emulated::new(config.kind),
            unplugs: false,
            clock: Clock::new(config.uptime, config.wall),
            store: Xenstored::new(config.quotas, config.offers),
            console: ConsoleDaemon::new(),
            ends: FarEnds::new(),
            peers: Peers::new(),
            tracks: Tracks::new(config.shape.grants.mappings),
            operations: Operations::new(),
            faults: FaultRules::default(),
            records: Records::default(),
            violations: Vec::new(),
            current: 0,
            incarnation: 0,
            vendor: config.vendor,
            version: config.version,
            fifo: config.fifo,
            storm: Vec::new(),
            cut_off: Vec::new(),
            tasks: BTreeMap::new(),
            tasks_made: 0,
            config,
        };
        world.introduce();
        world
    }

    /// Makes the domain fit to run: ring pages, ports, parameters, grants, and its part of xenstore.
    pub(crate) fn introduce(&mut self) {
        let id = self.domain.id;
        self.store.guest = Connection::new(id);
        self.build_tree();
        if self.config.store.is_present() {
            self.introduce_store();
        }
        if self.config.console.is_present() {
            self.introduce_console();
        }
        if self.config.kind == Kind::Hvm {
            self.attach_device_model();
        }
        self.publish_rings();
        self.clock.write_wall(self.domain.shared_info);
        self.write_times();
    }

    fn introduce_store(&mut self) {
        let page = self.memory.frame(STORE_GFN).expect("a special frame");
        page.zero();
        ring::introduce(page, self.config.offers);
        let port = self.connect(Service::Store);
        self.domain.params[STORE_PFN] = STORE_GFN.0;
        self.domain.params[STORE_EVTCHN] = u64::from(port.0);
        self.domain.grants.seed(GrantRef(1), DomId::DOM0, STORE_GFN);
        // xenstored tells the domain that it is there.
        self.domain.raise(port);
    }

    fn introduce_console(&mut self) {
        self.memory.frame(CONSOLE_GFN).expect("a special frame").zero();
        let port = self.connect(Service::Console);
        self.domain.params[CONSOLE_PFN] = CONSOLE_GFN.0;
        self.domain.params[CONSOLE_EVTCHN] = u64::from(port.0);
        self.domain.grants.seed(GrantRef(0), DomId::DOM0, CONSOLE_GFN);
    }

    /// Makes the ports of the device model: one a processor, and one for buffered accesses.
    fn attach_device_model(&mut self) {
        for _ in 0..=self.config.shape.vcpus {
            let port = self.ends.offer(DomId::DOM0, DomId::DOM0);
            self.domain.open_port(Channel::Attached { port });
        }
    }

    /// Makes a port of the guest that is bound to a daemon in dom0.
    fn connect(&mut self, service: Service) -> Port {
        let port = self.domain.open_port(Channel::Unbound { remote: DomId::DOM0 }).expect("ports are free at first");
        let remote = self.ends.connect(DomId::DOM0, (self.domain.id, port), service);
        self.domain.ports.set(port, Channel::Interdomain { remote: DomId::DOM0, port: remote });
        port
    }

    pub(crate) fn now(&self) -> Nanos {
        self.clock.now()
    }

    pub(crate) fn violation(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// Writes the time records of all processors.
    pub(crate) fn write_times(&self) {
        for vcpu in 0..self.config.shape.vcpus {
            // Beyond those of `shared_info`, only who has registered has a record.
            if vcpu < 32 || self.domain.registered[vcpu as usize].is_some() {
                self.clock.write_time(self.domain.vcpu_info(vcpu));
            }
        }
    }

    pub(crate) fn schedule(&mut self, at: Nanos, task: Task) {
        if !self.tasks.iter().any(|((due, _), known)| *known == task && *due <= at) {
            self.tasks.insert((at, self.tasks_made), task);
            self.tasks_made += 1;
        }
    }

    pub(crate) fn cancel(&mut self, task: Task) {
        self.tasks.retain(|_, known| *known != task);
    }

    /// Forgets what was to happen in the old domain.
    pub(crate) fn cancel_all(&mut self) {
        self.tasks.clear();
    }

    /// A daemon is told of an event; it wakes up a little later.
    pub(crate) fn wake(&mut self, service: Service) {
        let at = self.now().after(DAEMON_LATENCY);
        match service {
            Service::Store => self.schedule(at, Task::Store),
            Service::Console => self.schedule(at, Task::Console),
            Service::Test => {}
        }
    }

    /// Returns when the host does something next.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let task = self.tasks.keys().next().map(|(at, _)| *at);
        [task, self.operations.next_due()].into_iter().flatten().min()
    }

    /// Lets daemons, timers and the toolstack do what is due.
    pub(crate) fn run_due(&mut self) {
        while let Some(((at, key), task)) = self.tasks.first_key_value().map(|(key, task)| (*key, *task)) {
            if at > self.now() {
                break;
            }
            self.tasks.remove(&(at, key));
            self.run_task(task);
        }
        self.run_operations();
    }

    fn run_task(&mut self, task: Task) {
        match task {
            Task::Store => self.serve_store(),
            Task::Console => self.serve_console(),
            Task::Watchdog(_) => self.domain.bite(),
            Task::Timer(vcpu) => {
                self.domain.timers[vcpu as usize] = None;
                if let Some(port) = self.domain.ports.of_virq(0, vcpu) {
                    self.domain.raise(port);
                }
            }
        }
    }

    /// Tells whether the guest's memory may be looked at by the daemons.
    pub(crate) fn is_alive(&self) -> bool {
        self.domain.state != State::Gone
    }

    /// Brings an event into the guest, unless a fault drops it.
    pub(crate) fn notify_guest(&mut self, port: Port) {
        if self.domain.ports.is_usable(port) && !self.faults.drops_event(port) {
            self.domain.raise(port);
        }
    }

    /// A daemon sends an event, which is lost if the guest has closed its end.
    pub(crate) fn notify_from(&mut self, service: Service) {
        if let Some(port) = self.ends.of_service(service) {
            self.notify_guest(port);
        }
    }

    /// A storm goes on: it comes between any two things that the guest does.
    pub(crate) fn storm_on(&mut self) {
        for at in 0..self.storm.len() {
            self.domain.raise(self.storm[at]);
        }
    }

    /// Closes a port of another domain; the guest's waits for that domain again.
    pub(crate) fn close_far_end(&mut self, port: Port) {
        if let Some((remote, peer)) = self.ends.close(port) {
            self.domain.ports.set(peer, Channel::Unbound { remote });
        }
    }

    /// A domain ends: all of its ports close.
    pub(crate) fn end_peer(&mut self, remote: DomId) {
        for peer in self.ends.die(remote) {
            self.domain.ports.set(peer, Channel::Unbound { remote });
        }
    }

    pub(crate) fn frame(&self, gfn: Gfn) -> Option<crate::memory::Frame> {
        self.memory.frame(gfn)
    }
}
