//! Drivers of two kinds of devices, and their other ends.
#![allow(dead_code, reason = "each test uses its own part")]

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use xen_hypercall::{Nanos, SharedPage};
use xen_mock::Host;
use xen_store::{Device, Link, OtherEnd, Path, Phase, Side, StoreError, Unfit, XenbusState};

use super::guest::Seam;

type Write<'w> = &'w mut dyn FnMut(&dyn Display, &dyn Display);

/// A driver of disks: its ring is published before the backend connects, what it is given read afterwards.
pub(crate) struct Disk {
    directory: String,
    pub(crate) located: Vec<(String, u16)>,
    pub(crate) feature: Option<String>,
    pub(crate) sectors: Option<u64>,
    pub(crate) fit: bool,
}

impl Disk {
    pub(crate) fn new(directory: &str) -> Self {
        Self { directory: directory.into(), located: Vec::new(), feature: None, sectors: None, fit: true }
    }
}

impl Device for Disk {
    fn directory(&self) -> Path<'_> {
        Path::new(&self.directory).unwrap()
    }

    fn locate(&mut self, other: &OtherEnd) -> Result<(), Unfit> {
        self.located.push((other.path.to_string(), other.domain.0));
        Ok(())
    }

    fn wanted(&self, phase: Phase) -> &[&str] {
        match phase {
            Phase::Offer => &["feature-flush-cache", "feature-none"],
            Phase::Connect => &["sectors"],
        }
    }

    fn value(&mut self, phase: Phase, index: usize, value: Result<&[u8], StoreError>) {
        match (phase, index) {
            (Phase::Offer, 0) => self.feature = value.ok().map(|value| String::from_utf8(value.to_vec()).unwrap()),
            (Phase::Offer, _) => assert!(value.is_err_and(|error| error.is_no_entry())),
            (Phase::Connect, _) => self.sectors = value.ok().and_then(|value| xen_store::number(value).ok()),
        }
    }

    fn judge(&mut self, phase: Phase) -> Result<(), Unfit> {
        let fit = self.fit && (phase == Phase::Offer || self.sectors.is_some());
        fit.then_some(()).ok_or(Unfit)
    }

    fn nodes(&self, phase: Phase) -> usize {
        if phase == Phase::Offer { 2 } else { 0 }
    }

    fn publish(&mut self, _phase: Phase, index: usize, write: Write<'_>) {
        if index == 0 { write(&"ring-ref", &8) } else { write(&"protocol", &"x86_64-abi") }
    }
}

/// A driver of network cards: it is connected as soon as its rings are published.
pub(crate) struct Net(String);

impl Net {
    pub(crate) fn new(directory: &str) -> Self {
        Self(directory.into())
    }
}

impl Device for Net {
    fn directory(&self) -> Path<'_> {
        Path::new(&self.0).unwrap()
    }

    fn offered(&self) -> XenbusState {
        XenbusState::Connected
    }

    fn locate(&mut self, _other: &OtherEnd) -> Result<(), Unfit> {
        Ok(())
    }

    fn wanted(&self, _phase: Phase) -> &[&str] {
        &[]
    }

    fn value(&mut self, _phase: Phase, _index: usize, _value: Result<&[u8], StoreError>) {
        unreachable!("nothing is wanted")
    }

    fn judge(&mut self, _phase: Phase) -> Result<(), Unfit> {
        Ok(())
    }

    fn nodes(&self, phase: Phase) -> usize {
        if phase == Phase::Offer { 2 } else { 0 }
    }

    fn publish(&mut self, _phase: Phase, index: usize, write: Write<'_>) {
        write(&format_args!("queue-0/{}-ring-ref", ["tx", "rx"][index]), &(index + 10));
    }
}

/// A driver of the serving end.
pub(crate) struct Server {
    directory: String,
    pub(crate) ring: Option<u64>,
}

impl Server {
    pub(crate) fn new(directory: &str) -> Self {
        Self { directory: directory.into(), ring: None }
    }
}

impl Device for Server {
    fn directory(&self) -> Path<'_> {
        Path::new(&self.directory).unwrap()
    }

    fn side(&self) -> Side {
        Side::Backend
    }

    fn locate(&mut self, _other: &OtherEnd) -> Result<(), Unfit> {
        Ok(())
    }

    fn wanted(&self, phase: Phase) -> &[&str] {
        if phase == Phase::Connect { &["ring-ref"] } else { &[] }
    }

    fn value(&mut self, _phase: Phase, _index: usize, value: Result<&[u8], StoreError>) {
        self.ring = value.ok().and_then(|value| xen_store::number(value).ok());
    }

    fn judge(&mut self, phase: Phase) -> Result<(), Unfit> {
        (phase == Phase::Offer || self.ring.is_some()).then_some(()).ok_or(Unfit)
    }

    fn nodes(&self, _phase: Phase) -> usize {
        1
    }

    fn publish(&mut self, phase: Phase, _index: usize, write: Write<'_>) {
        match phase {
            Phase::Offer => write(&"feature-x", &1),
            Phase::Connect => write(&"sectors", &77),
        }
    }
}

/// What the backends do whenever the guest waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// They greet.
    Serve,
    /// They greet when the guest has nothing to tell any more.
    Dawdle,
    /// They do nothing at all.
    Sleep,
    /// They close as soon as they are offered a ring.
    Refuse,
    /// They go, and their directories with them, as soon as they are offered a ring.
    Vanish,
}

/// The backends of the guest's devices, which work while the guest waits.
pub(crate) struct Backends {
    host: Host,
    pub(crate) seam: Seam,
    pub(crate) manner: Cell<Manner>,
    /// What each end's state was, as often as one of them changed, and the ring at that time.
    log: RefCell<Vec<String>>,
    pub(crate) waits: Cell<usize>,
    /// The guest has told something since it waited last.
    told: Cell<bool>,
}

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Backends")
    }
}

impl Backends {
    pub(crate) fn new(host: &Host) -> Self {
        let seam = Seam::new(host);
        Self {
            host: host.clone(),
            seam,
            manner: Cell::new(Manner::Serve),
            log: RefCell::default(),
            waits: Cell::new(0),
            told: Cell::new(false),
        }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.take()
    }

    /// Does what all backends have to do.
    pub(crate) fn work(&self) {
        if self.told.take() && self.manner.get() == Manner::Dawdle {
            return;
        }
        let store = self.host.store();
        for (class, id) in ["vbd", "vif"]
            .iter()
            .flat_map(|class| store.list(&format!("device/{class}")).into_iter().map(move |id| (*class, id)))
        {
            let front = format!("device/{class}/{id}");
            let node = |name: &str| store.read(&format!("{front}/{name}"));
            let Some(back) = node("backend") else { continue };
            let states = [store.read(&format!("{back}/state")), node("state")].map(Option::unwrap_or_default);
            let set = |state: &str| {
                let ring = node("ring-ref").unwrap_or_default();
                self.log.borrow_mut().push(format!("{class}{id}: {}{} -> {state}, ring {ring}", states[0], states[1]));
                store.write(&format!("{back}/state"), state);
            };
            match (self.manner.get(), states[0].as_str(), states[1].as_str()) {
                (Manner::Sleep, ..) => {}
                (_, "1", "1") => {
                    store.write(&format!("{back}/feature-flush-cache"), "1");
                    set("2");
                }
                (Manner::Serve | Manner::Dawdle, "2", "3" | "4") => {
                    store.write(&format!("{back}/sectors"), "2048");
                    set("4");
                }
                (Manner::Refuse, "2", "3" | "4") => set("5"),
                (Manner::Vanish, "2", "3" | "4") => store.remove(&back),
                (_, "4", "5") => set("5"),
                (_, "5", "6") => set("6"),
                _ => {}
            }
        }
    }

    pub(crate) fn page(&self) -> SharedPage {
        self.seam.page()
    }

    pub(crate) fn after(&self, time: Nanos) -> Nanos {
        self.now().after(time)
    }
}

impl Link for Backends {
    fn notify(&self) {
        self.told.set(true);
        self.seam.notify();
    }

    fn now(&self) -> Nanos {
        self.seam.now()
    }

    fn wait(&self, deadline: Nanos) {
        self.waits.set(self.waits.get() + 1);
        self.work();
        self.seam.wait(deadline);
    }
}
