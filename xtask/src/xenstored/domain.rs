//! A guest without a machine: its page is a file that it shares with the daemon, its events are a pipe and a socket.
#![expect(unsafe_code, reason = "a page is a promise")]

use anyhow::{Context as _, Result};
use memmap2::{MmapOptions, MmapRaw};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::time::{Duration, Instant};
use xen_hypercall::{DomId, Gfn, Nanos, PAGE_SIZE, SharedPage};
use xen_store::Link;

/// `O_NONBLOCK` on Linux.
const NONBLOCK: i32 = 0o4000;

/// A domain of the daemon's machine; it lives until it is dropped.
#[derive(Debug)]
pub(crate) struct Domain {
    id: DomId,
    folder: PathBuf,
    page: SharedPage,
    sent: Cell<u64>,
    _memory: MmapRaw,
    event: UnixDatagram,
    kick: File,
    start: Instant,
}

impl Domain {
    /// Makes a domain, which the daemon does not know yet.
    pub(crate) fn new(id: DomId, folder: &Path) -> Result<Self> {
        let of = |what: &str| folder.join(format!("{id}.{what}"));
        fs::write(of("page"), [0; PAGE_SIZE])?;
        let file = File::options().read(true).write(true).open(of("page"))?;
        let memory = MmapOptions::new().len(PAGE_SIZE).map_raw(&file)?;
        let start = NonNull::new(memory.as_mut_ptr()).context("no page at address 0")?;
        // SAFETY: mapped as long as the value lives, of one page, aligned, zero, and nobody else here has it.
        let page = unsafe { SharedPage::new(start, Gfn(1)) };
        let event = UnixDatagram::bind(of("event"))?;
        crate::shell::output(std::process::Command::new("mkfifo").arg(of("kick")))?;
        let kick = File::options().read(true).write(true).custom_flags(NONBLOCK).open(of("kick"))?;
        let folder = folder.to_path_buf();
        Ok(Self { id, folder, page, sent: Cell::new(0), _memory: memory, event, kick, start: Instant::now() })
    }

    /// Its page of the store.
    pub(crate) const fn page(&self) -> &SharedPage {
        &self.page
    }

    /// Events sent to the daemon.
    pub(crate) const fn sent(&self) -> u64 {
        self.sent.get()
    }
}

impl Link for Domain {
    fn notify(&self) {
        self.sent.set(self.sent.get() + 1);
        // A pipe that is full says the same.
        let _ = (&self.kick).write(&[0]);
    }

    fn now(&self) -> Nanos {
        Nanos(self.start.elapsed().as_nanos() as u64)
    }

    fn wait(&self, deadline: Nanos) {
        let left = Duration::from_nanos(deadline.since(self.now()).0);
        if left.is_zero() || self.event.set_read_timeout(Some(left)).is_err() {
            return;
        }
        let _ = self.event.recv(&mut [0; 1]);
        // Events are bits: all that came is one.
        let _ = self.event.set_nonblocking(true);
        while self.event.recv(&mut [0; 1]).is_ok() {}
        let _ = self.event.set_nonblocking(false);
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        for what in ["page", "event", "kick"] {
            let _ = fs::remove_file(self.folder.join(format!("{}.{what}", self.id)));
        }
        // Told that a domain is gone, the daemon forgets it.
        let virq = File::options().read(true).write(true).custom_flags(NONBLOCK).open(self.folder.join("virq"));
        let _ = virq.and_then(|mut virq| virq.write(&[0]));
    }
}
