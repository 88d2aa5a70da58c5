//! `cargo xtask demo`: the guest on the mock host, as a timeline.

use anstream::println;
use anstyle::{AnsiColor, Style};
use anyhow::{Result, bail};
use guest::lifecycle::{ALL, Host};
use std::time::Instant;
use xen_sim::{Arrangement, Failure, Line, Report, TROUBLES, play};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these lifecycles; all of them if none is named.
    names: Vec<String>,
    /// Print the ticks and the guest's own scenarios too.
    #[arg(long)]
    ticks: bool,
}

/// As wide as the time of an event.
const MARGIN: &str = "            ";
const TITLE: Style = Style::new().bold();
const TIME: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TURN: Style = AnsiColor::Cyan.on_default();
const CARE: Style = AnsiColor::Yellow.on_default();

/// One thing to show.
struct Act {
    name: &'static str,
    about: &'static str,
    result: Result<Report, Failure>,
}

/// Runs everything that `args` names and prints it; fails if anything did.
pub(crate) fn run(args: &Args) -> Result<()> {
    let begin = Instant::now();
    let acts = acts(&args.names);
    if acts.is_empty() {
        bail!("no lifecycle and no trouble of this name");
    }
    acts.iter().flat_map(|act| lines(act, args)).for_each(|line| println!("{line}"));
    let failed: Vec<&str> = acts.iter().filter(|act| act.result.is_err()).map(|act| act.name).collect();
    let took = begin.elapsed().as_secs_f64();
    if !failed.is_empty() {
        bail!("{} of {} failed: {}", failed.len(), acts.len(), failed.join(", "));
    }
    println!(
        "{GOOD}All {} went as they should{GOOD:#}: 1 MiB of memory intact after each resume, no rule of Xen's broken. \
         ({took:.1} s)",
        acts.len()
    );
    Ok(())
}

/// Plays the lifecycles that the mock host can, then the troubles.
fn acts(names: &[String]) -> Vec<Act> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let lifecycles = ALL.iter().filter(|one| wanted(one.name) && !matches!(one.only, Some((Host::Xen | Host::Hvm, _))));
    let troubles = TROUBLES.iter().filter(|one| wanted(one.lifecycle.name));
    let good =
        lifecycles.map(|one| Act { name: one.name, about: one.about, result: play(one, Arrangement::default()) });
    let bad = troubles.map(|one| Act { name: one.lifecycle.name, about: one.lifecycle.about, result: one.play() });
    good.chain(bad).collect()
}

/// The lines of one act.
fn lines<'a>(act: &'a Act, args: &'a Args) -> impl Iterator<Item = String> + 'a {
    let (report, why) = match &act.result {
        Ok(report) => (report, None),
        Err(failure) => (&failure.report, Some(&failure.why)),
    };
    let title = format!("{TITLE}{}{TITLE:#}: {}", act.name, act.about);
    let said = report.lines.iter().filter_map(|line| event(line, args));
    let words = report.emergencies.lines();
    let cried = words.map(|words| format!("{MARGIN}{CARE}on the hypervisor's console:{CARE:#} {words}"));
    let failed = why.map(|why| format!("{MARGIN}{BAD}{why}{BAD:#}"));
    [title].into_iter().chain(said).chain(cried).chain(failed).chain([String::new()])
}

/// One event on the timeline, unless it is one of the many.
fn event(line: &Line, args: &Args) -> Option<String> {
    let text = line.text.strip_prefix("xen-guest: ")?;
    let (event, rest) = text.split_once(' ').unwrap_or((text, ""));
    let style = match event {
        "tick" | "scenario" if !args.ticks => return None,
        "resumed" | "ready" | "selftest" => GOOD,
        "suspending" | "stopping" => TURN,
        "refused" | "aborted" | "unknown" | "option" => CARE,
        "FAIL" => BAD,
        _ => TIME,
    };
    let seconds = std::time::Duration::from_nanos(line.at.0).as_secs_f64();
    Some(format!("{TIME}{seconds:>9.3} s{TIME:#} {style}{event:<10}{style:#} {rest}"))
}
