//! `cargo xtask xen cross`: guests saved on the Xen of one release and restored on that of the next.
//!
//! Each stop is a machine of its own. A raw disk for each guest goes from one to the next: `xl save` writes onto it,
//! `xl restore` reads from it. Xen promises the way to a newer version only; what it does on the way back is told, and is
//! no failure.

mod leg;
mod tell;

use super::board::{Board, Run};
use super::boot::Boot;
use super::image::{DeviceModel, Disk, Image};
use super::plan::{Daemon, Job};
use super::release::{self, Release};
use super::variant::{self, Kind, Variant};
use super::{Args, trouble};
use crate::workspace;
use anyhow::{Result, bail};
use comfy_table::{Table, presets::NOTHING};
use leg::End;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Where the guests go if nobody says; back at the end, as far as Xen allows.
const ROUTE: [&str; 4] = ["bookworm", "trixie", "trixie", "bookworm"];
/// Room for a guest's image; what is not written takes no space.
const DISK: u64 = 256 << 20;
const HEADER: [&str; 7] = ["guest", "xenstored", "Xen of", "version", "result", "seconds", "the guest said"];

/// A release on the way, and its machine.
struct Stop {
    release: Release,
    image: Image,
}

/// Sends guests along the route, once for each xenstore daemon and round.
pub(crate) fn run(args: &Args, guest: &Path, cache: &Path) -> Result<()> {
    let variants = variant::product(&args.kinds(), &args.vcpus())?;
    let Some(stops) = stops(args, cache)? else { return Ok(()) };
    let logs = cache.join("logs");
    let (mut rows, mut misses) = (Vec::new(), Vec::new());
    for round in 1..=args.repeat {
        for (boot, &store) in args.xenstored.iter().enumerate() {
            let logs = logs.join(format!("cross-{}-{round}", store.word()));
            let trip = Trip { args, guest, stops: &stops, store, logs: &logs };
            trip.go(&args.on_boot(boot, &variants), (&mut rows, &mut misses))?;
        }
    }
    rows.sort_by_key(|row: &Row| row[..2].to_vec());
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(HEADER).add_rows(rows);
    println!("{table}\nlogs: {}", workspace::relative(&logs).display());
    if !misses.is_empty() {
        bail!("{} missed:\n  {}", misses.len(), misses.join("\n  "));
    }
    Ok(())
}

/// The machines of the route; `None`, when it has been said why, if one cannot be had here.
fn stops(args: &Args, cache: &Path) -> Result<Option<Vec<Stop>>> {
    let route = match args.release.as_slice() {
        [] => ROUTE.iter().map(|word| word.parse().map_err(anyhow::Error::msg)).collect::<Result<Vec<Release>>>()?,
        [_] => bail!("a route has two releases at least"),
        some => some.to_vec(),
    };
    let model = if args.kinds().contains(&Kind::Hvm) { DeviceModel::Wanted } else { DeviceModel::Unused };
    let mut stops = Vec::new();
    for release in route {
        let known = stops.iter().find(|stop: &&Stop| stop.release == release).map(|stop| stop.image.clone());
        let found = known.map_or_else(|| release::image(&release, cache, (args, model)), |image| Ok(Some(image)))?;
        let Some(image) = found else { return Ok(None) };
        stops.push(Stop { release, image });
    }
    Ok(Some(stops))
}

/// A line of the table.
type Row = [String; 7];

/// Guests on their way, side by side.
struct Trip<'a> {
    args: &'a Args,
    guest: &'a Path,
    stops: &'a [Stop],
    store: Daemon,
    logs: &'a Path,
}

impl Trip<'_> {
    /// Goes from stop to stop with those guests that have come so far.
    fn go(&self, variants: &[Variant], (rows, misses): (&mut Vec<Row>, &mut Vec<String>)) -> Result<()> {
        let mut guests = variants.iter().map(|&variant| Ok((variant, disk()?))).collect::<Result<Vec<_>>>()?;
        let mut before = None;
        for (at, stop) in self.stops.iter().enumerate() {
            let (board, logs) = self.stay(at, &guests)?;
            let (version, well) = (leg::number(&stop.image.version), misses.len());
            guests.retain(|(variant, _)| {
                let Some(run) = board.run(&self.job(at, *variant).name()) else { return false };
                let end = leg::end(&run.state, run.steps.len(), (before, version));
                if let End::Bad(why) = &end {
                    misses.push(format!("stop {} ({}), {}: {why}", at + 1, stop.release, run.job.name()));
                }
                rows.push(self.row(stop, &end, (run, &logs)));
                end == End::Well
            });
            if misses.len() > well {
                trouble::tell(&board, &logs);
            }
            before = Some(version);
        }
        Ok(())
    }

    /// One stop: a machine, started and switched off.
    fn stay(&self, at: usize, guests: &[(Variant, NamedTempFile)]) -> Result<(Board, PathBuf)> {
        let (stop, of, logs) = (&self.stops[at], self.stops.len(), self.logs.join((at + 1).to_string()));
        let jobs: Vec<Job> = guests.iter().map(|(variant, _)| self.job(at, *variant)).collect();
        if jobs.is_empty() {
            return Ok((Board::new(&[]), logs));
        }
        println!("stop {} of {of}: Xen {}, xenstored: {}", at + 1, stop.image.version, self.store.word());
        let disk =
            |(job, (_, file)): (&Job, &(Variant, NamedTempFile))| Disk { serial: job.name(), file: file.path().into() };
        let image = Image { disks: jobs.iter().zip(guests).map(disk).collect(), ..stop.image.clone() };
        let (lanes, cpus, store) = (self.args.jobs, self.args.smp, self.store);
        let boot = Boot { image: &image, guest: self.guest, jobs: &jobs, lanes, cpus, store, logs };
        Ok((boot.run()?, boot.logs))
    }

    const fn job(&self, at: usize, variant: Variant) -> Job {
        leg::job(at, self.stops.len(), variant)
    }

    fn row(&self, stop: &Stop, end: &End, (run, logs): (&Run, &Path)) -> Row {
        let (word, said) = match end {
            End::Well => ("ok", tell::guest(&run.console)),
            End::Refused => ("refused", tell::refusal(&run.toolstack, &tell::read(&logs.join("xen.log")))),
            End::Bad(_) => ("FAILED", tell::guest(&run.console)),
        };
        let version = stop.image.version.split('-').next().unwrap_or_default();
        let seconds = format!("{:.1}", run.ms as f64 / 1000.0);
        let (guest, daemon) = (run.job.variant.label(), self.store.word().into());
        [guest, daemon, stop.release.to_string(), version.into(), word.into(), seconds, said]
    }
}

fn disk() -> Result<NamedTempFile> {
    let disk = NamedTempFile::new()?;
    disk.as_file().set_len(DISK)?;
    Ok(disk)
}
