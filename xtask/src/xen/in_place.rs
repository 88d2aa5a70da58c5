//! Programs of dom0's: for what `xl` has no command for, freezing a domain unasked and resuming it the slow way; and backends
//! that greet frontends.
//!
//! They are compiled on the spot, against Xen's C headers and the very libraries that dom0 has.

use super::disk::library_dirs;
use super::image::Image;
use super::plan::{Job, Lane};
use crate::shell;
use anyhow::{Context as _, Result, bail};
use guest::lifecycle::{Lifecycle, Step};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs' names and sources.
pub(crate) const PROGRAMS: [(&str, &str); 2] =
    [("in-place", include_str!("../../dom0/in-place.c")), ("devices", include_str!("../../dom0/devices.c"))];
/// The libraries that they call.
const LIBRARIES: [&str; 3] = ["libxenctrl.so.", "libxenguest.so.", "libxenstore.so."];

/// A header that Debian's libxen-dev brings.
const HEADER: &str = "/usr/include/xenguest.h";
/// What a host without compiler or headers lacks.
const NEEDS: &str = "needs cc and libxen-dev";

/// The programs of an image, and their names; none if they could not be compiled.
pub(crate) fn programs(image: &Image) -> Vec<(&'static str, PathBuf)> {
    let programs = PROGRAMS.map(|(name, _)| (name, image.base.with_file_name(name)));
    programs.into_iter().filter(|(_, path)| path.exists()).collect()
}

/// Compiles the programs into the image's folder, once, against the libraries in `tools`; not where something is lacking.
pub(crate) fn build(tools: &Path, folder: &Path) -> Result<()> {
    if !Path::new(HEADER).exists() || shell::require("cc").is_err() {
        return Ok(());
    }
    let missing = PROGRAMS.iter().filter(|(name, _)| !folder.join(name).exists());
    missing.copied().try_for_each(|(name, text)| compile(tools, (&folder.join(name), text)))
}

fn compile(tools: &Path, (path, text): (&Path, &str)) -> Result<()> {
    let source = tempfile::Builder::new().suffix(".c").tempfile()?;
    std::fs::write(source.path(), text)?;
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(path).arg(source.path());
    cc.args(libraries(tools)?);
    // What those need of others is found in dom0, where the C library may be newer than this one.
    cc.arg("-Wl,--unresolved-symbols=ignore-in-shared-libs");
    shell::output(&mut cc).context("the C compiler does not take a program of dom0's own")?;
    Ok(())
}

/// The libraries' files.
fn libraries(tools: &Path) -> Result<Vec<PathBuf>> {
    let dirs = library_dirs(tools);
    let find = |name: &&str| {
        let found = dirs.iter().find_map(|dir| super::image::entry(dir, (name, "")).ok());
        found.with_context(|| format!("no package brought {name}*"))
    };
    LIBRARIES.iter().map(find).collect()
}

/// Whether a lifecycle has a step that only one of these programs can do.
fn is_wanted(lifecycle: &Lifecycle) -> bool {
    let wants = |step: &Step| matches!(step, Step::SlowResume | Step::FreezeHere | Step::FreezeMove | Step::Devices(_));
    lifecycle.steps.iter().any(wants)
}

/// Leaves out what cannot run without the programs, aloud, if the image has none; fails where nothing may be left out.
pub(crate) fn excuse<'a>(jobs: impl Iterator<Item = &'a mut Job>, image: &Image) -> Result<()> {
    if !programs(image).is_empty() {
        return Ok(());
    }
    let left = leave_out(jobs);
    if !left.is_empty() {
        println!("skipped: {NEEDS} ({})", left.join(", "));
        if crate::workspace::ci() {
            bail!("{} {NEEDS}, which is required here", left.join(", "));
        }
    }
    Ok(())
}

/// Returns the names of the lifecycles, each once.
fn leave_out<'a>(jobs: impl Iterator<Item = &'a mut Job>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for job in jobs.filter(|job| job.runs() && is_wanted(&job.lifecycle)) {
        job.lane = Lane::Skipped(NEEDS);
        names.push(job.lifecycle.name);
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, Variant};

    const fn lifecycle(name: &'static str, steps: &'static [Step]) -> Lifecycle {
        Lifecycle { name, about: "", cmdline: "", steps, only: None }
    }

    #[test]
    fn without_the_programs_only_what_needs_one_is_left_out() {
        let variant = Variant { kind: Kind::Pvh, vcpus: 1, abi: Abi::Fifo };
        let slow = lifecycle("slow", &[Step::Create, Step::SlowResume]);
        let mut jobs = [
            (lifecycle("plain", &[Step::Create, Step::Checkpoint]), Lane::Foreground),
            (slow, Lane::Foreground),
            (slow, Lane::Background),
            (lifecycle("devices", &[Step::Devices(1)]), Lane::Foreground),
            (lifecycle("frozen", &[Step::FreezeHere]), Lane::Skipped("why")),
        ]
        .map(|(lifecycle, lane)| Job { lifecycle, variant, lane });
        assert_eq!(leave_out(jobs.iter_mut()), ["devices", "slow"]);
        let skipped = Lane::Skipped(NEEDS);
        let lanes = [Lane::Foreground, skipped, skipped, skipped, Lane::Skipped("why")];
        assert_eq!(jobs.map(|job| job.lane), lanes);
    }

    #[test]
    fn the_sources_are_c_that_xens_headers_take() {
        if !Path::new(HEADER).exists() || shell::require("cc").is_err() {
            println!("skipped: {NEEDS}");
            return;
        }
        for (name, _) in PROGRAMS {
            let mut cc = Command::new("cc");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("dom0/{name}.c"));
            shell::output(cc.args(["-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]).arg(source)).unwrap();
        }
    }
}
