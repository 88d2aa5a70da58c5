//! A real daemon as an ordinary process, behind the shim.

use super::binaries::Binaries;
use crate::xen::plan;
use anyhow::{Context as _, Result, bail};
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xen_sim::store_suite::Server;

/// How long a daemon may take to start.
const START: Duration = Duration::from_secs(20);
/// The port of dom0's that the daemons read in a file.
const PORT: &str = "17";

/// A daemon that runs until it is dropped, and the folder that stands for its machine.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    program: PathBuf,
    words: Vec<String>,
    kind: plan::Daemon,
    binaries: Binaries,
    folder: TempDir,
}

impl Daemon {
    /// Starts a daemon and waits until it listens.
    pub(crate) fn start(kind: plan::Daemon, binaries: &Binaries) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("xs").tempdir()?;
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("0.page"), [0; 4096])?;
        fs::write(at("port"), PORT)?;
        let words = match kind {
            plan::Daemon::C => vec!["--no-fork".into(), "--pid-file".into(), at("pid")],
            plan::Daemon::Ocaml => {
                fs::write(at("conf"), settings(folder.path()))?;
                vec!["--no-fork".into(), "--config-file".into(), at("conf")]
            }
        };
        let program = binaries.daemon(kind);
        let child = spawn(&program, &words, (binaries, folder.path()))?;
        let mut daemon = Self { child, program, words, kind, binaries: binaries.clone(), folder };
        daemon.wait()?;
        Ok(daemon)
    }

    /// Which one it is.
    pub(crate) const fn kind(&self) -> plan::Daemon {
        self.kind
    }

    /// What the suite may expect of it.
    pub(crate) fn server(&self) -> Server {
        match self.kind {
            plan::Daemon::C if self.binaries.minor() < 18 => Server::C,
            plan::Daemon::C => Server::LaterC,
            plan::Daemon::Ocaml => Server::Ocaml,
        }
    }

    /// The program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder that stands for the machine.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Has it stand still, so that it answers nothing more before it is killed.
    pub(crate) fn freeze(&self) -> Result<()> {
        crate::shell::output(Command::new("kill").arg("-STOP").arg(self.child.id().to_string())).map(drop)
    }

    /// Starts it once more, in the same machine.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        let _ = fs::remove_file(self.socket());
        self.child = spawn(&self.program, &self.words, (&self.binaries, self.folder.path()))?;
        self.wait()
    }

    /// What it was made of.
    pub(crate) const fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the daemon has ended: {status}\n{}", self.said()),
        }
    }

    fn wait(&mut self) -> Result<()> {
        let begin = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            self.check()?;
            if begin.elapsed() > START {
                bail!("the daemon does not listen\n{}", self.said());
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn spawn(program: &Path, words: &[String], (binaries, folder): (&Binaries, &Path)) -> Result<Child> {
    let output = File::options().create(true).append(true).open(folder.join("output"))?;
    let mut command = Command::new(program);
    command
        .args(words)
        .env("XEN_TREE", binaries.tree())
        .env("XEN_RIG", folder)
        .env("XENSTORED_RUNDIR", folder)
        .env("XENSTORED_ROOTDIR", folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    command.spawn().with_context(|| program.display().to_string())
}

/// What the daemon in OCaml is told; all else is as it has it by itself.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "persistent = false\n\
         perms-activate = true\n\
         perms-watch-activate = true\n\
         quota-activate = true\n\
         xenstored-kva = {folder}/0.page\n\
         xenstored-port = {folder}/port\n\
         pid-file = {folder}/pid\n\
         xenstored-log-file = {folder}/log\n\
         access-log-file = {folder}/access.log\n"
    )
}
