//! The server's Unix socket, for programs of the domain that it runs in.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use xen_hypercall::Nanos;

use crate::{Core, Fault, Link, Store, Transport};

/// Where the server has its files, unless the environment says otherwise.
const RUN: &str = "/var/run/xenstored";
/// The longest that one wait lasts; who waits for longer waits again.
const SPAN: Duration = Duration::from_millis(100);
/// Bytes taken from the socket at once.
const ROOM: usize = 4096;

/// A [`Store`] over the server's socket.
pub type SocketStore<'a, const REQUESTS: usize = 4, const WATCHES: usize = 16> =
    Store<'a, &'a Socket, REQUESTS, WATCHES, &'a Socket>;

/// A connection to the server's Unix socket: transport, link and clock of a [`SocketStore`].
///
/// # Example
/// ```no_run
/// use xen_store::{Core, Nodes, Path, Socket, SocketStore};
///
/// let mut core: Core = Core::new();
/// let mut socket = Socket::open()?;
/// let mut store = SocketStore::on_socket(&mut socket, &mut core);
/// let name = store.read(Path::literal("/local/domain/0/name"), &mut [0; 64])?.escape_ascii().to_string();
/// println!("{name}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    stream: RefCell<UnixStream>,
    inbox: RefCell<Inbox>,
    timeout: Cell<Duration>,
    start: Instant,
}

/// What was read and not taken yet.
#[derive(Debug)]
struct Inbox {
    bytes: [u8; ROOM],
    at: usize,
    end: usize,
    /// Nothing more will come.
    closed: bool,
}

impl Socket {
    /// Connects to the server's socket.
    ///
    /// That is what `XENSTORED_PATH` names, or else `socket` in the folder that `XENSTORED_RUNDIR` names, or else in
    /// `/var/run/xenstored`.
    ///
    /// # Errors
    /// What the system said.
    pub fn open() -> io::Result<Self> {
        Self::connect(server(|name| env::var_os(name)))
    }

    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// What the system said.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_path_buf();
        let stream = RefCell::new(stream(&path)?);
        let inbox = RefCell::new(Inbox::new());
        Ok(Self { path, stream, inbox, timeout: Cell::new(Duration::ZERO), start: Instant::now() })
    }

    fn reopen(&self) -> io::Result<()> {
        self.stream.replace(stream(&self.path)?);
        self.inbox.replace(Inbox::new());
        self.timeout.set(Duration::ZERO);
        Ok(())
    }

    /// Reads for so long; what goes wrong shows in the inbox, or at the next attempt.
    fn read_for(&self, span: Duration) -> io::Result<()> {
        let stream = self.stream.borrow();
        if self.timeout.replace(span) != span {
            stream.set_read_timeout(Some(span))?;
        }
        stream.set_nonblocking(false)?;
        self.inbox.borrow_mut().fill(&stream);
        stream.set_nonblocking(true)
    }
}

impl<'a, const REQUESTS: usize, const WATCHES: usize> SocketStore<'a, REQUESTS, WATCHES> {
    /// Connects over a socket, which nobody else may use meanwhile.
    pub const fn on_socket(socket: &'a mut Socket, core: &'a mut Core<REQUESTS, WATCHES>) -> Self {
        let socket: &'a Socket = socket;
        Self::over(socket, core, socket)
    }

    /// Connects again to the same path, once the server was started anew.
    ///
    /// Everything of the old connection is over: see [`Core::epoch_changed`]. Watches stay in the table: then comes
    /// [`reregister`](Self::reregister).
    ///
    /// # Errors
    /// What the system said; the session is as it was.
    pub fn reconnect(&mut self) -> io::Result<()> {
        self.link().reopen()?;
        self.core().epoch_changed();
        Ok(())
    }
}

impl Transport for &Socket {
    fn send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match (&*self.stream.borrow()).write(bytes) {
            Ok(count) => Ok(count),
            Err(error) if is_for_now(&error) => Ok(0),
            Err(_) => Err(Fault::Closed),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut inbox = self.inbox.borrow_mut();
        if inbox.is_empty() {
            inbox.fill(&self.stream.borrow());
        }
        match inbox.take(buffer) {
            0 if inbox.closed => Err(Fault::Closed),
            count => Ok(count),
        }
    }

    fn is_drained(&mut self) -> Result<bool, Fault> {
        // What lies in the socket is the system's to deliver; only answers tell that it was read.
        Ok(true)
    }
}

impl Link for Socket {
    fn notify(&self) {}

    fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn wait(&self, deadline: Nanos) {
        let left = deadline.since(self.now());
        if left > Nanos::ZERO && self.inbox.borrow().is_empty() {
            // A socket that cannot be set up is found out by the next transfer, or by the deadline.
            let _shown_later = self.read_for(Duration::from_nanos(left.0).min(SPAN));
        }
    }
}

impl Inbox {
    const fn new() -> Self {
        Self { bytes: [0; ROOM], at: 0, end: 0, closed: false }
    }

    const fn is_empty(&self) -> bool {
        self.at == self.end
    }

    fn fill(&mut self, mut stream: &UnixStream) {
        if self.closed {
            return;
        }
        self.at = 0;
        self.end = 0;
        match stream.read(&mut self.bytes) {
            Ok(0) => self.closed = true,
            Ok(count) => self.end = count,
            Err(error) => self.closed = !is_for_now(&error),
        }
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let ready = self.bytes.get(self.at..self.end).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(ready) {
            *to = *from;
        }
        self.at = self.at.saturating_add(count);
        count
    }
}

fn stream(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Tells whether the next attempt may go well.
fn is_for_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Returns where the server's socket is, by the variables that libxenstore looks at.
fn server(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    variable("XENSTORED_PATH").map_or_else(
        || variable("XENSTORED_RUNDIR").map_or_else(|| PathBuf::from(RUN), PathBuf::from).join("socket"),
        PathBuf::from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_where_libxenstore_looks_for_it() {
        let with = |set: &'static [(&str, &str)]| {
            server(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
        };
        assert_eq!(with(&[]), PathBuf::from("/var/run/xenstored/socket"));
        assert_eq!(with(&[("XENSTORED_RUNDIR", "/r")]), PathBuf::from("/r/socket"));
        assert_eq!(with(&[("XENSTORED_RUNDIR", "/r"), ("XENSTORED_PATH", "/p")]), PathBuf::from("/p"));
    }
}
