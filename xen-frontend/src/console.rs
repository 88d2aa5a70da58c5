//! The guest's primary console (`io/console.h`), named by HVM parameters.

mod backlog;
mod suspend;

use core::fmt;

use spin::Mutex;
use xen_evtchn::{BindError, BoundPort, Events};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::{Errno, Gfn, Hypercall, IrqGate, NoGate, Port, SharedPage};
use xen_ring::{ByteReceiver, ByteSender, Misbehaved, console_front};

use backlog::Backlog;
pub use suspend::{ConsoleDevice, ConsoleService};

/// Why there is no console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The domain was made without one.
    Missing,
    /// Xen did not tell its parameters.
    Xen(Errno),
    /// The ring is in another frame than the page that was given.
    Moved(Gfn),
    /// The port could not be had.
    Port(BindError),
    /// The backend's indices make no sense.
    Ring(Misbehaved),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the domain has no console"),
            Self::Xen(errno) => errno.fmt(f),
            Self::Moved(gfn) => write!(f, "the console's ring is in frame {gfn}"),
            Self::Port(error) => error.fmt(f),
            Self::Ring(misbehaved) => misbehaved.fmt(f),
        }
    }
}

impl core::error::Error for ConnectError {}

/// What became of bytes that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes in the ring or in the backlog.
    pub taken: usize,
    /// Bytes dropped, because the backend does not read and the backlog is full.
    pub dropped: usize,
}

/// Ring and port, as long as there is a connection.
struct Wire<'c, H: Hypercall, G: IrqGate> {
    out: ByteSender<'c>,
    input: ByteReceiver<'c>,
    port: BoundPort<'c, H, G>,
}

impl<H: Hypercall, G: IrqGate> Wire<'_, H, G> {
    /// Tells whether it is of this epoch; an older one is inert, and its ring dead memory.
    fn is_fresh(&self) -> bool {
        self.port.is_pending().is_ok()
    }
}

/// Most bytes of output that are kept.
const OUTPUT: usize = 4096;
/// As much as the ring of input holds.
const INPUT: usize = 1024;

struct Inner<'c, H: Hypercall, G: IrqGate> {
    wire: Option<Wire<'c, H, G>>,
    backlog: Backlog<OUTPUT>,
    /// Input taken from the ring before the suspend, for a new domain's ring is empty.
    input: Backlog<INPUT>,
    /// Input was taken without telling the backend of the room.
    untold: bool,
    /// Between freeze and thaw or rebuild: everything goes into the backlog.
    held: bool,
    dropped: u64,
    misbehaved: Option<Misbehaved>,
}

/// The primary console, with a backlog of output.
///
/// All methods take `&self` and never wait: output that the backend does not take is kept in a
/// backlog of 4096 bytes, and what does not fit there is dropped and counted. Input that is in the ring when it freezes
/// ([`ConsoleDevice`]) is kept over a suspend.
///
/// A backend whose indices make no sense loses the connection, in both directions; see [`Console::misbehaved`]. What is
/// written then is kept and dropped as if nobody read, so that the next [`Console::connect`] brings the oldest of it.
///
/// The hook runs within the console's lock: it must not write to the console itself.
#[doc(alias("xencons_interface", "init_consfront"))]
pub struct Console<'c, H: Hypercall, G: IrqGate = NoGate> {
    events: &'c Events<'c, H, G>,
    page: Option<&'c SharedPage>,
    inner: Mutex<Inner<'c, H, G>>,
}

/// Returns the frame of the console's ring.
///
/// # Errors
/// [`ConnectError::Missing`] if the domain was made without a console: the parameter is 0, or all ones; what Xen said.
///
/// # Xen
/// `HVM_PARAM_CONSOLE_PFN`.
#[doc(alias = "HVM_PARAM_CONSOLE_PFN")]
pub fn ring_gfn<H: Hypercall + ?Sized>(hook: &H) -> Result<Gfn, ConnectError> {
    match hvm::param(hook, Param::CONSOLE_PFN) {
        Ok(0 | u64::MAX) => Err(ConnectError::Missing),
        Ok(gfn) => Ok(Gfn(gfn)),
        Err(errno) => Err(ConnectError::Xen(errno)),
    }
}

impl<'c, H: Hypercall, G: IrqGate> Console<'c, H, G> {
    /// Makes a console that is not connected: what is written goes into the backlog until it is.
    ///
    /// `page` is the ring, or `None` if the domain has no console. Every access is one section of the events' gate.
    #[must_use]
    pub const fn new(events: &'c Events<'c, H, G>, page: Option<&'c SharedPage>) -> Self {
        let inner = Inner {
            wire: None,
            backlog: Backlog::new(),
            input: Backlog::new(),
            untold: false,
            held: false,
            dropped: 0,
            misbehaved: None,
        };
        Self { events, page, inner: Mutex::new(inner) }
    }

    /// Connects to the backend, for the first time, in a new domain, or after it misbehaved, and sends the backlog.
    ///
    /// Between freeze and thaw it connects, and sends nothing yet.
    ///
    /// # Errors
    /// [`ConnectError`]; the console is not connected then, and keeps its backlog.
    ///
    /// # Xen
    /// `HVM_PARAM_CONSOLE_PFN`, `HVM_PARAM_CONSOLE_EVTCHN`.
    pub fn connect(&self) -> Result<(), ConnectError> {
        self.locked(|inner| (inner.wire, inner.misbehaved) = (None, None));
        let wire = self.wire();
        self.locked(|inner| match wire {
            Ok(wire) => {
                inner.wire = Some(wire);
                inner.kick();
                Ok(())
            }
            Err(error) => {
                inner.misbehaved = if let ConnectError::Ring(misbehaved) = error { Some(misbehaved) } else { None };
                Err(error)
            }
        })
    }

    /// Connects in a new context, where nothing is held back any more.
    fn reconnect(&self) -> Result<(), ConnectError> {
        self.locked(|inner| (inner.wire, inner.held) = (None, false));
        self.connect()
    }

    fn wire(&self) -> Result<Wire<'c, H, G>, ConnectError> {
        let page = self.page.ok_or(ConnectError::Missing)?;
        let gfn = ring_gfn(self.events.hook())?;
        if gfn != page.gfn() {
            return Err(ConnectError::Moved(gfn));
        }
        let number = hvm::param(self.events.hook(), Param::CONSOLE_EVTCHN).map_err(ConnectError::Xen)?;
        let number = u32::try_from(number).ok().filter(|&number| number != 0).ok_or(ConnectError::Missing)?;
        let port = self.events.adopt(Port(number)).map_err(ConnectError::Port)?;
        let (out, input) = console_front(page).map_err(ConnectError::Ring)?;
        Ok(Wire { out, input, port })
    }

    /// Writes what the ring takes, keeps what the backlog takes, drops the rest.
    #[doc(alias = "domU_write_console")]
    pub fn write(&self, bytes: &[u8]) -> Written {
        self.locked(|inner| inner.write(bytes))
    }

    /// Reads what was typed, as much as there is and fits; returns the number of bytes.
    ///
    /// They are another domain's: escape them before they are logged.
    #[doc(alias = "domU_read_console")]
    pub fn read(&self, to: &mut [u8]) -> usize {
        self.locked(|inner| inner.read(to))
    }

    /// Sends what is in the backlog, as far as the ring takes it; tells whether nothing is left there.
    pub fn flush(&self) -> bool {
        self.locked(|inner| {
            inner.flush();
            inner.backlog.is_empty()
        })
    }

    /// Returns the port, to wait for input or for room; none of an earlier epoch, which may be a stranger's by now.
    pub fn port(&self) -> Option<Port> {
        self.locked(|inner| inner.wire.as_ref().filter(|wire| wire.is_fresh()).map(|wire| wire.port.number()))
    }

    /// Returns how the backend broke the protocol, if it did since the last [`Console::connect`].
    pub fn misbehaved(&self) -> Option<Misbehaved> {
        self.locked(|inner| inner.misbehaved)
    }

    /// Returns how many bytes were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.locked(|inner| inner.dropped)
    }

    fn locked<R>(&self, section: impl FnOnce(&mut Inner<'c, H, G>) -> R) -> R {
        self.events.gate().run(|| section(&mut self.inner.lock()))
    }
}

impl<'c, H: Hypercall, G: IrqGate> Inner<'c, H, G> {
    fn write(&mut self, bytes: &[u8]) -> Written {
        let moved = self.fill();
        // Behind the backlog, never before it.
        let sent = if self.backlog.is_empty() { self.on_wire(|wire, _| wire.out.send(bytes)) } else { 0 };
        if moved > 0 || sent > 0 {
            self.notify();
        }
        let kept = self.backlog.push(bytes.get(sent..).unwrap_or_default());
        let taken = sent.saturating_add(kept);
        let dropped = bytes.len().saturating_sub(taken);
        self.dropped = self.dropped.saturating_add(u64::try_from(dropped).unwrap_or(u64::MAX));
        Written { taken, dropped }
    }

    /// Works on the wire, if there is one that may be used; a lie of the backend's ends it.
    fn on_wire<R: Default>(
        &mut self,
        work: impl FnOnce(&mut Wire<'c, H, G>, &mut Backlog<OUTPUT>) -> Result<R, Misbehaved>,
    ) -> R {
        let held = self.held;
        let Some(wire) = self.wire.as_mut().filter(|wire| !held && wire.is_fresh()) else { return R::default() };
        work(wire, &mut self.backlog).unwrap_or_else(|misbehaved| {
            (self.wire, self.misbehaved) = (None, Some(misbehaved));
            R::default()
        })
    }

    /// Moves the backlog into the ring, as far as it fits; returns how many bytes went.
    fn fill(&mut self) -> usize {
        self.on_wire(|wire, backlog| {
            let mut moved = 0_usize;
            loop {
                let sent = wire.out.send(backlog.peek())?;
                if sent == 0 {
                    return Ok(moved);
                }
                backlog.pop(sent);
                moved = moved.saturating_add(sent);
            }
        })
    }

    fn flush(&mut self) {
        if self.fill() > 0 {
            self.notify();
        }
    }

    /// Sends the backlog, and tells the backend of anything in the ring, or of room there: an event of before may not have
    /// reached it.
    fn kick(&mut self) {
        self.fill();
        let untold = core::mem::take(&mut self.untold);
        if self.on_wire(|wire, _| wire.out.is_drained().map(|drained| !drained)) || untold {
            self.notify();
        }
    }

    /// Takes the input out of the ring, and keeps everything from the ring from here on.
    ///
    /// Without an event: the backend would refill a ring that a new domain does not get.
    fn hold(&mut self) {
        let mut bytes = [0; INPUT];
        let (bytes, _) = bytes.split_at_mut(self.input.room().min(INPUT));
        let taken = self.on_wire(|wire, _| wire.input.receive(bytes));
        self.input.push(bytes.get(..taken).unwrap_or_default());
        self.untold |= taken > 0;
        self.held = true;
    }

    fn read(&mut self, to: &mut [u8]) -> usize {
        let kept = self.input.pull(to);
        let rest = to.get_mut(kept..).unwrap_or_default();
        let read = self.on_wire(|wire, _| wire.input.receive(rest));
        if read > 0 {
            self.notify();
        }
        kept.saturating_add(read)
    }

    fn notify(&self) {
        if let Some(wire) = &self.wire {
            // A hint that there are bytes, or room: the backend sees them at its next look anyway.
            let _ = wire.port.notify();
        }
    }

    fn is_drained(&mut self) -> bool {
        self.wire.is_none() || (self.backlog.is_empty() && self.on_wire(|wire, _| wire.out.is_drained()))
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Write for &Console<'_, H, G> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for Console<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("page", &self.page).finish_non_exhaustive()
    }
}
