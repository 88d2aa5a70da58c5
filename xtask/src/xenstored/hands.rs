//! The control domain, by the daemon's socket and plain bytes.
#![allow(clippy::panic, reason = "a case of the suite fails by it")]

use super::daemon::Daemon;
use super::domain::Domain;
use anyhow::{Context as _, Result};
use std::path::Path;
use xen_hypercall::DomId;
use xen_sim::store_suite::{FarEnd, Wire};
use xen_store::{Core, Socket, SocketStore};

/// Numbers of `xsd_sockmsg_type`.
const CONTROL: u32 = 0;
const READ: u32 = 2;
const GET_PERMS: u32 = 3;
const INTRODUCE: u32 = 8;
const WRITE: u32 = 11;
const RM: u32 = 13;
const SET_PERMS: u32 = 14;

/// A connection of its own.
pub(crate) struct Hands {
    core: Box<Core<1, 0>>,
    socket: Box<Socket>,
    home: String,
    wire: Wire,
}

impl Hands {
    /// Connects; paths without a `/` in front are below the home of `domain`.
    pub(crate) fn connect(socket: &Path, domain: DomId) -> Result<Self> {
        let socket = Box::new(Socket::connect(socket)?);
        let home = format!("/local/domain/{domain}");
        Ok(Self { core: Box::new(Core::new()), socket, home, wire: Wire::new() })
    }

    /// Makes a guest that the daemon is told of, and connects for it.
    pub(crate) fn with_guest(daemon: &Daemon, domain: DomId) -> Result<(Domain, Self)> {
        let guest = Domain::new(domain, daemon.folder())?;
        let mut hands = Self::connect(&daemon.socket(), domain)?;
        hands.introduce(domain)?;
        Ok((guest, hands))
    }

    /// Writes a node, and makes it a guest's own.
    pub(crate) fn give(&mut self, domain: DomId, path: &str, value: &[u8]) {
        self.write(path, value);
        self.set_permissions(path, &[format!("n{domain}")]);
    }

    /// Asks for anything.
    pub(crate) fn ask(&mut self, kind: u32, body: &[u8]) -> Result<Vec<u8>, String> {
        let mut store = SocketStore::on_socket(&mut self.socket, &mut self.core);
        self.wire.ask(&mut store, (kind, 0), body)
    }

    /// Tells the daemon of the domain, whose home it makes as a toolstack does.
    pub(crate) fn introduce(&mut self, domain: DomId) -> Result<()> {
        self.remove("");
        self.write("", b"");
        self.set_permissions("", &["n0".into(), format!("r{domain}")]);
        let body = format!("{domain}\x001\x002\0");
        self.ask(INTRODUCE, body.as_bytes()).map_err(anyhow::Error::msg).context("XS_INTRODUCE")?;
        Ok(())
    }

    /// Gives the daemon a command, and returns its answer.
    pub(crate) fn control(&mut self, words: &[&str]) -> Result<String> {
        let body: String = words.iter().map(|word| format!("{word}\0")).collect();
        let said = self.ask(CONTROL, body.as_bytes()).map_err(anyhow::Error::msg).context("XS_CONTROL")?;
        Ok(String::from_utf8_lossy(&said).trim_end_matches('\0').into())
    }

    fn path(&self, path: &str) -> String {
        match path {
            "" => self.home.clone(),
            path if path.starts_with('/') => path.into(),
            path => format!("{}/{path}", self.home),
        }
    }

    /// Asks something that must go well.
    fn must(&mut self, (kind, path): (u32, &str), rest: &[u8]) {
        let path = self.path(path);
        let body = [path.as_bytes(), b"\0", rest].concat();
        if let Err(error) = self.ask(kind, &body) {
            panic!("the control domain is told {error} of {path}");
        }
    }

    fn may(&mut self, kind: u32, path: &str) -> Option<Vec<u8>> {
        let body = format!("{}\0", self.path(path));
        self.ask(kind, body.as_bytes()).ok()
    }
}

impl FarEnd for Hands {
    fn write(&mut self, path: &str, value: &[u8]) {
        self.must((WRITE, path), value);
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        self.may(READ, path)
    }

    fn remove(&mut self, path: &str) {
        self.may(RM, path);
    }

    fn permissions(&mut self, path: &str) -> Vec<String> {
        let body = self.may(GET_PERMS, path).unwrap_or_default();
        String::from_utf8_lossy(&body).split_terminator('\0').map(String::from).collect()
    }

    fn set_permissions(&mut self, path: &str, entries: &[String]) {
        let rest: String = entries.iter().map(|entry| format!("{entry}\0")).collect();
        self.must((SET_PERMS, path), rest.as_bytes());
    }
}
