//! Where one device stands on its way to the other end.

use core::fmt;

use xen_hypercall::DomId;

use crate::{Device, Path, PathBuf, Phase, Reject, Side, StoreError, Unfit, WatchId, XenbusState};

/// Where the other end of a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherEnd {
    /// Its directory.
    pub path: PathBuf,
    /// Its domain: grants and ports are for that one.
    pub domain: DomId,
}

/// Why a device is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum XenbusError {
    /// The store did not tell, or was not told.
    Store(StoreError),
    /// There is no other end.
    Absent,
    /// The directory of the other end is not in the tree of the domain that it is said to be of, or that is no domain.
    Misplaced,
    /// The driver will not have it.
    Unfit,
    /// The other end closed, or went, instead of connecting.
    Closed,
    /// The other end did not come in time; this was its last state.
    Late(XenbusState),
}

impl fmt::Display for XenbusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Absent => f.write_str("there is no other end"),
            Self::Misplaced => f.write_str("the other end is not where its domain is"),
            Self::Unfit => Unfit.fmt(f),
            Self::Closed => f.write_str("the other end has closed"),
            Self::Late(state) => write!(f, "the other end is still in state {state}"),
        }
    }
}

impl core::error::Error for XenbusError {}

/// What is done next for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The other end's place is read.
    Locate,
    /// The other end's state is read, and after it what is wanted of it.
    Look(Step),
    /// Nodes are written, and after them the state.
    Tell(Step),
    /// Nothing.
    Over(Result<(), XenbusError>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Greet(Phase),
    /// The other end is told that this one goes.
    Leave,
    /// It goes too, and this one is gone.
    Gone,
}

/// A device on its way to the other end, or there.
pub struct Connection<'d> {
    pub(super) device: &'d mut dyn Device,
    pub(super) stage: Stage,
    other: Option<OtherEnd>,
    /// What was read of the place of the other end.
    path: Option<PathBuf>,
    domain: Option<DomId>,
    /// The last state of the other end.
    state: XenbusState,
    watch: Option<WatchId>,
    /// The other end is not that far yet, and nothing is heard of it.
    waits: bool,
    /// What went wrong in this round, all of which is answered before the stage changes.
    trouble: Option<XenbusError>,
}

impl<'d> Connection<'d> {
    /// Makes one for a device that is to be connected; nothing is known of the other end.
    pub fn new(device: &'d mut dyn Device) -> Self {
        Self {
            device,
            stage: Stage::Locate,
            other: None,
            path: None,
            domain: None,
            state: XenbusState::Unknown,
            watch: None,
            waits: false,
            trouble: None,
        }
    }

    /// Returns the device.
    pub fn device(&mut self) -> &mut dyn Device {
        self.device
    }

    /// Tells what came of it; `None` as long as it is under way.
    #[must_use]
    pub const fn outcome(&self) -> Option<Result<(), XenbusError>> {
        match self.stage {
            Stage::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns where the other end is, if that is known.
    #[must_use]
    pub const fn other(&self) -> Option<&OtherEnd> {
        self.other.as_ref()
    }

    /// Returns the other end's last state.
    #[must_use]
    pub const fn other_state(&self) -> XenbusState {
        self.state
    }

    /// Returns the watch of the other end's state, which goes on once the device is connected.
    #[must_use]
    pub const fn watch(&self) -> Option<WatchId> {
        self.watch
    }

    /// Has it begin anew: in a new domain, where the other end is another one.
    ///
    /// Its watch, if there is one, is to be ended first: [`Store::connect_all`](crate::Store::connect_all) does so.
    pub(crate) fn restart(&mut self) -> Option<WatchId> {
        self.stage = Stage::Locate;
        (self.other, self.path, self.domain, self.waits) = (None, None, None, false);
        self.state = XenbusState::Unknown;
        self.watch.take()
    }

    /// Has it take leave of the other end; one that never found it has nobody to take leave of.
    pub(crate) fn leave(&mut self) {
        self.waits = false;
        self.stage = if self.other.is_some() { Stage::Tell(Step::Leave) } else { Stage::Over(Ok(())) };
    }

    /// Tells whether something is to be asked for it now.
    pub(crate) const fn is_active(&self) -> bool {
        !self.waits && self.outcome().is_none()
    }

    /// Tells whether it waits for the other end.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.waits && self.outcome().is_none()
    }

    /// Returns the node that is to be watched for it.
    pub(crate) fn unwatched(&self) -> Option<PathBuf> {
        let wanted = self.watch.is_none() && matches!(self.stage, Stage::Look(_));
        self.other.filter(|_| wanted).and_then(|other| other.path.join("state").ok())
    }

    pub(crate) const fn watched(&mut self, watch: WatchId) {
        self.watch = Some(watch);
    }

    /// Returns the watch, to be ended.
    pub(crate) const fn take_watch(&mut self) -> Option<WatchId> {
        self.watch.take()
    }

    /// Has it look again at the other end.
    pub(crate) const fn wake(&mut self) {
        self.waits = false;
    }

    /// Ends it, unless it is over.
    pub(crate) const fn fail(&mut self, error: XenbusError) {
        if self.outcome().is_none() {
            self.stage = Stage::Over(Err(error));
        }
    }

    /// Says why nothing can be done for it.
    pub(crate) const fn refuse(&mut self, error: XenbusError) {
        self.stage = Stage::Over(Err(error));
    }

    /// Ends it since time is over.
    pub(crate) const fn fail_late(&mut self) {
        self.fail(XenbusError::Late(self.state));
    }

    /// Takes note of where the other end is said to be.
    pub(super) fn placed(&mut self, index: usize, value: &[u8]) {
        if index == 0 {
            self.path = Path::from_bytes(value).ok().and_then(|path| PathBuf::new(path).ok());
        } else {
            self.domain = crate::number(value).ok().and_then(domain);
        }
    }

    pub(super) const fn seen(&mut self, state: XenbusState) {
        self.state = state;
    }

    /// Takes note of what went wrong with a request of this round.
    pub(super) fn trouble(&mut self, error: StoreError) {
        self.trouble = self.trouble.or(Some(failed(error)));
    }

    /// Goes on to the next stage, when all of this one is answered.
    pub(crate) fn advance(&mut self) {
        self.stage = match self.stage {
            _ if self.trouble.is_some() => Stage::Over(self.trouble.take().map_or(Ok(()), Err)),
            Stage::Locate => self.located(),
            Stage::Look(step) => self.looked(step),
            Stage::Tell(step) => self.told(step),
            over @ Stage::Over(_) => over,
        };
    }

    fn located(&mut self) -> Stage {
        let found = self.path.zip(self.domain).map(|(path, domain)| OtherEnd { path, domain });
        let Some(other) = found.filter(OtherEnd::is_in_its_domain) else {
            return Stage::Over(Err(XenbusError::Misplaced));
        };
        self.other = Some(other);
        match (self.device.locate(&other), self.device.side()) {
            (Err(Unfit), _) => Stage::Over(Err(XenbusError::Unfit)),
            (Ok(()), Side::Frontend) => Stage::Look(Step::Greet(Phase::Offer)),
            (Ok(()), Side::Backend) => self.judged(Phase::Offer),
        }
    }

    fn judged(&mut self, phase: Phase) -> Stage {
        let Ok(()) = self.device.judge(phase) else { return Stage::Over(Err(XenbusError::Unfit)) };
        let is_told = phase == Phase::Connect
            && self.device.side() == Side::Frontend
            && self.device.offered() == XenbusState::Connected
            && self.device.nodes(phase) == 0;
        if is_told { Stage::Over(Ok(())) } else { Stage::Tell(Step::Greet(phase)) }
    }

    fn looked(&mut self, step: Step) -> Stage {
        use XenbusState::{Closed, Closing, Connected, InitWait, Initialised, Unknown};
        let is_gone = matches!(self.state, Unknown | Closing | Closed);
        match (step, self.device.side(), self.state) {
            (Step::Greet(Phase::Offer), _, InitWait | Initialised)
            | (Step::Greet(Phase::Connect), Side::Backend, Initialised | Connected)
            | (Step::Greet(Phase::Connect), Side::Frontend, Connected) => {
                let Step::Greet(phase) = step else { return self.stage };
                self.judged(phase)
            }
            // A backend that is made anew passes through these on its way.
            (Step::Greet(Phase::Connect), Side::Frontend, _) if is_gone => Stage::Over(Err(XenbusError::Closed)),
            (Step::Gone, _, _) if is_gone => Stage::Tell(Step::Gone),
            _ => {
                self.waits = true;
                self.stage
            }
        }
    }

    fn told(&mut self, step: Step) -> Stage {
        match step {
            Step::Greet(Phase::Offer) => {
                // A backend that was found to wait for this says so when it has seen it: until then, all that would be read
                // would have to be read again.
                self.waits = self.device.side() == Side::Frontend;
                Stage::Look(Step::Greet(Phase::Connect))
            }
            Step::Leave => Stage::Look(Step::Gone),
            Step::Greet(Phase::Connect) | Step::Gone => Stage::Over(Ok(())),
        }
    }

    /// Returns the state that follows what is told.
    pub(super) fn next_state(&self, step: Step) -> XenbusState {
        match (step, self.device.side()) {
            (Step::Greet(Phase::Offer), Side::Frontend) => self.device.offered(),
            (Step::Greet(Phase::Offer), Side::Backend) => XenbusState::InitWait,
            (Step::Greet(Phase::Connect), _) => XenbusState::Connected,
            (Step::Leave, _) => XenbusState::Closing,
            (Step::Gone, _) => XenbusState::Closed,
        }
    }
}

impl OtherEnd {
    /// Tells whether the path is not in the tree of another domain.
    fn is_in_its_domain(&self) -> bool {
        let path = self.path.as_path();
        let Some(rest) = path.below(const { Path::literal("/local/domain") }) else { return path.is_absolute() };
        let name = rest.as_str().split('/').next().unwrap_or_default();
        crate::number(name.as_bytes()) == Ok(u64::from(self.domain.0))
    }
}

/// Makes a domain of a number, unless that is reserved.
fn domain(number: u64) -> Option<DomId> {
    u16::try_from(number).ok().map(DomId).filter(|domain| domain.is_real())
}

/// Says what went wrong when something was read or written for a device.
fn failed(error: StoreError) -> XenbusError {
    match error {
        error if error.is_no_entry() => XenbusError::Absent,
        StoreError::Rejected(Reject::BadPath) => XenbusError::Misplaced,
        error => XenbusError::Store(error),
    }
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("directory", &self.device.directory())
            .field("stage", &self.stage)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
