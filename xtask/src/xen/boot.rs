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
/// How often the machine is started for the jobs that are left when it stood still.
const BOOTS: u32 = 5;
/// How many boots in a row may stand still before a job has ended in them.
const IN_VAIN: u32 = 2;

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
    ///
    /// A machine that stands still as a whole, dom0 and hypervisor included, was left by the emulator without a timer: what
    /// has ended by then counts, and what has not is done again in another boot. The board tells of it.
    pub(crate) fn run(&self) -> Result<Board> {
        let mut board = Board::new(self.jobs);
        let mut in_vain = 0;
        for boot in 1..=BOOTS {
            let logs = if boot == 1 { self.logs.clone() } else { self.logs.join(format!("boot-{boot}")) };
            fs::create_dir_all(&logs)?;
            let before = board.ended();
            let ended = self.boot(&mut board, &logs)?;
            in_vain = if board.ended() == before { in_vain + 1 } else { 0 };
            if ended != STANDS_STILL || boot == BOOTS || in_vain == IN_VAIN {
                board.close(&ended);
                break;
            }
            println!("{STANDS_STILL} ({}): what is left is done in another boot", board.now());
            board.again();
        }
        self.keep_consoles(&board)?;
        Ok(board)
    }

    /// One boot, of what has not ended; returns why it is over.
    fn boot(&self, board: &mut Board, logs: &Path) -> Result<String> {
        let disk = tempfile::NamedTempFile::new()?;
        fs::write(disk.path(), self.ram_disk(board)?)?;
        let machine = Machine::start(self.image, disk.path(), self.cpus, logs)?;
        let ended = self.watch(&machine, board, logs)?;
        if ended == STANDS_STILL {
            fs::write(logs.join("emulator.log"), machine.examine())?;
        }
        Ok(ended)
    }

    /// Reads the machine's lines until the last; returns why there are no more.
    fn watch(&self, machine: &Machine, board: &mut Board, logs: &Path) -> Result<String> {
        let progress = Progress::new(board.len());
        let mut log = File::create(logs.join("dom0.log"))?;
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

    /// The whole RAM disk: the base, and behind it what is of this run and has not ended.
    fn ram_disk(&self, board: &Board) -> Result<Vec<u8>> {
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
        for (name, program) in in_place::programs(self.image) {
            own.program(&format!("rig/{name}"), &fs::read(program)?)?;
        }
        own.dir("rig/foreground")?;
        own.dir("rig/background")?;
        for (index, job) in self.jobs.iter().enumerate().filter(|(_, job)| !board.has_ended(&job.name())) {
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
