//! One boot of the machine: the jobs go in, a filled board comes out.

use super::board::Board;
use super::image::Image;
use super::machine::{Machine, Next};
use super::plan::{Daemon, Job, Lane};
use super::progress::Progress;
use super::protocol::{self, Line};
use super::{archive::Archive, in_place, script};
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time for everything but the steps: boot, and handing the logs over.
const OVERHEAD: Duration = Duration::from_secs(180);

/// How long nothing at all may come from a machine that should say something every ten seconds.
const SILENCE: Duration = Duration::from_secs(150);
const STANDS_STILL: &str = "the machine stands still";

/// What a boot needs.
#[derive(Debug)]
pub(crate) struct Boot<'a> {
    /// Hypervisor, kernel and the base of the RAM disk.
    pub(crate) image: &'a Image,
    /// The guest's ELF.
    pub(crate) guest: &'a Path,
    /// What runs, and in which lane.
    pub(crate) jobs: &'a [Job],
    /// How many jobs run beside each other in the foreground.
    pub(crate) lanes: u32,
    /// Virtual processors of the machine.
    pub(crate) cpus: u32,
    /// Which xenstore daemon dom0 runs.
    pub(crate) store: Daemon,
    /// Where logs go.
    pub(crate) logs: PathBuf,
}

impl Boot<'_> {
    /// Boots, runs all jobs, and switches off.
    pub(crate) fn run(&self) -> Result<Board> {
        fs::create_dir_all(&self.logs)?;
        let (board, ended) = self.attempt()?;
        if ended != STANDS_STILL {
            return Ok(board);
        }
        // The whole machine sleeps and no timer wakes it, dom0 and the hypervisor included: an emulator that lost one.
        eprintln!("{STANDS_STILL}, dom0 and all: the emulator's doing, not the guest's; once more from the beginning");
        Ok(self.attempt()?.0)
    }

    /// One boot; returns why it ended, too.
    fn attempt(&self) -> Result<(Board, String)> {
        let mut board = Board::new(self.jobs);
        let disk = tempfile::NamedTempFile::new()?;
        fs::write(disk.path(), self.ram_disk()?)?;
        let machine = Machine::start(self.image, disk.path(), self.cpus, &self.logs)?;
        let ended = self.watch(&machine, &mut board)?;
        board.close(&ended);
        self.keep_consoles(&board)?;
        Ok((board, ended))
    }

    /// Reads the machine's lines until the last; returns why there are no more.
    fn watch(&self, machine: &Machine, board: &mut Board) -> Result<String> {
        let progress = Progress::new(board.len());
        let mut log = File::create(self.logs.join("dom0.log"))?;
        let deadline = Instant::now() + self.patience();
        progress.show(0, "Xen boots".into());
        loop {
            let text = match machine.next(deadline.min(Instant::now() + SILENCE)) {
                Next::Line(text) => text,
                Next::Off => return Ok("the machine stopped".into()),
                Next::Late if Instant::now() < deadline => return Ok(STANDS_STILL.into()),
                Next::Late => return Ok("the time for the whole run is over".into()),
            };
            let line = protocol::parse(&text);
            if !matches!(line, Line::Console(..) | Line::Beat) {
                writeln!(log, "{text}")?;
            }
            match &line {
                Line::End => return Ok("dom0 said nothing of it".into()),
                Line::Dead(why) => return Ok(format!("in dom0, {why}")),
                line => {
                    if let Some(told) = board.take(line) {
                        progress.say(&told);
                    }
                }
            }
            progress.show(board.ended(), board.now());
        }
    }

    /// The longest that the steps can take by their own limits.
    fn patience(&self) -> Duration {
        let seconds = |job: &Job| job.lifecycle.steps.iter().map(|step| u64::from(script::limit(step))).sum::<u64>();
        let (mut front, mut back) = (0, 0);
        for job in self.jobs {
            match job.lane {
                Lane::Foreground => front += seconds(job),
                Lane::Background => back = back.max(seconds(job)),
                Lane::Skipped(_) => {}
            }
        }
        Duration::from_secs(front.max(back).min(3 * 3600)) + OVERHEAD
    }

    /// The whole RAM disk: the base, and behind it what is of this run.
    fn ram_disk(&self) -> Result<Vec<u8>> {
        let mut own = Archive::new();
        own.file("rig/guest", &fs::read(self.guest).with_context(|| self.guest.display().to_string())?)?;
        own.file(
            "rig/env",
            format!(
                "LANES={}\nPATIENCE={}\nXENSTORED={}\nTSC_MODE={}\n",
                self.lanes.max(1),
                self.patience().as_secs(),
                self.store.word(),
                // Guests of several emulated processors have been seen to die of RDTSC that Xen intercepts.
                if self.cpus > 1 { "native" } else { "default" }
            )
            .as_bytes(),
        )?;
        if let Some(program) = in_place::program(self.image) {
            own.program("rig/in-place", &fs::read(program)?)?;
        }
        own.dir("rig/foreground")?;
        own.dir("rig/background")?;
        for (index, job) in self.jobs.iter().enumerate() {
            let folder = match job.lane {
                Lane::Foreground => "foreground",
                Lane::Background => "background",
                Lane::Skipped(_) => continue,
            };
            own.file(&format!("rig/{folder}/{index:03}-{}", job.name()), script::job(job).as_bytes())?;
        }
        let mut disk = fs::read(&self.image.base)?;
        if let Some(model) = &self.image.device_model {
            disk.extend(fs::read(model)?);
        }
        disk.extend(own.finish()?);
        Ok(disk)
    }

    fn keep_consoles(&self, board: &Board) -> Result<()> {
        for (name, run) in board.runs() {
            let mut text = run.console.join("\n");
            text.push('\n');
            fs::write(self.logs.join(format!("guest-{name}.log")), text)?;
        }
        Ok(())
    }
}
