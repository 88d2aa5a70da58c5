//! The verdict for people, in at most 120 columns.

use super::board::Board;
use super::console;
use super::plan::Daemon;
use super::variant::Variant;
use super::verdict::{Column, Outcome, Played, Verdict};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use guest::lifecycle::Step;
use std::collections::BTreeMap;

/// The longest line.
const WIDTH: usize = 120;

/// Tells whether a step is of a kind.
type Is = fn(&Step) -> bool;

/// The steps of a toolstack whose times are told, and what the table calls them.
const TOLD: [(&str, Is); 7] = [
    ("create", |step| matches!(step, Step::Create)),
    ("checkpoint", |step| matches!(step, Step::Checkpoint)),
    ("save+restore", |step| matches!(step, Step::SaveRestore)),
    ("migrate", |step| matches!(step, Step::Migrate)),
    ("slow resume", |step| matches!(step, Step::SlowResume)),
    ("poweroff", |step| matches!(step, Step::Poweroff)),
    ("reboot", |step| matches!(step, Step::Reboot)),
];

/// Everything: lifecycles, steps, blackouts, reasons.
pub(crate) fn show(verdict: &Verdict, played: &[Played]) -> String {
    let parts = [lifecycles(verdict), steps(played), blackouts(played), notes(verdict), stood_still(played)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// A table without lines, of these columns.
pub(super) fn plain<S: ToString>(header: impl IntoIterator<Item = S>) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.into_iter().map(|text| text.to_string()).collect::<Vec<_>>());
    table
}

/// Its text, all but the first column to the right.
pub(super) fn finished(mut table: Table) -> String {
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn lifecycles(verdict: &Verdict) -> String {
    let columns = verdict.columns();
    let heads = columns.iter().map(|(daemon, variant)| format!("{}\n{}", variant.label(), daemon.word()));
    let mut table = plain(["seconds\non Xen".to_owned(), "\nmock".to_owned()].into_iter().chain(heads));
    for row in &verdict.rows {
        let mut cells = vec![row.name.to_owned(), mock(&row.mock).to_owned()];
        cells.extend(columns.iter().map(|column| row.cell(*column).map_or_else(String::new, xen)));
        table.add_row(cells);
    }
    finished(table)
}

const fn mock(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed(_) => "ok",
        Outcome::Failed(_) => "FAILED",
        Outcome::NotRun(_) => "-",
    }
}

fn xen(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed(seconds) => format!("{seconds:.1}"),
        Outcome::Failed(_) => "FAILED".into(),
        Outcome::NotRun(why) if why.is_empty() => ".".into(),
        Outcome::NotRun(_) => "-".into(),
    }
}

/// The boards by column, each column once.
fn by_column(played: &[Played]) -> BTreeMap<(Variant, u8), (Column, Vec<&Board>)> {
    let mut all: BTreeMap<(Variant, u8), (Column, Vec<&Board>)> = BTreeMap::new();
    for boot in played {
        let mut variants: Vec<Variant> = boot.board.runs().map(|(_, run)| run.job.variant).collect();
        variants.sort_unstable();
        variants.dedup();
        for variant in variants {
            let fresh = || ((boot.daemon, variant), Vec::new());
            all.entry((variant, boot.daemon as u8)).or_insert_with(fresh).1.push(&boot.board);
        }
    }
    all
}

fn name((daemon, variant): Column) -> String {
    format!("{} {}", variant.label(), <Daemon>::word(daemon))
}

/// What each step of the toolstack took, in each variant: from, to, and how often.
fn steps(played: &[Played]) -> String {
    let heads = TOLD.iter().map(|(name, _)| format!("{name}\ns, times"));
    let mut table = plain(std::iter::once("step on Xen".to_owned()).chain(heads));
    for (column, boards) in by_column(played).into_values() {
        let runs = boards.iter().flat_map(|board| board.runs()).filter(|(_, run)| run.job.variant == column.1);
        let timed: Vec<(&Step, u64)> = runs.flat_map(|(_, run)| run.timed()).collect();
        let cell = |is: Is| span(timed.iter().filter(|(step, _)| is(step)).map(|(_, ms)| *ms));
        table.add_row(std::iter::once(name(column)).chain(TOLD.iter().map(|(_, is)| cell(*is))));
    }
    finished(table)
}

fn span(times: impl Iterator<Item = u64> + Clone) -> String {
    let (Some(min), Some(max)) = (times.clone().min(), times.clone().max()) else {
        return String::new();
    };
    format!("{:.1}..{:.1} x{}", min as f64 / 1000.0, max as f64 / 1000.0, times.count())
}

/// How long the guest was away, by class of resume, in each variant.
fn blackouts(played: &[Played]) -> String {
    let rows: Vec<_> = by_column(played)
        .into_values()
        .map(|(column, boards)| {
            let runs = boards.iter().flat_map(|board| board.runs()).filter(|(_, run)| run.job.variant == column.1);
            let lines: Vec<&str> = runs.flat_map(|(_, run)| run.console.iter().map(String::as_str)).collect();
            (column, console::blackouts(lines))
        })
        .collect();
    let mut classes: Vec<&String> = rows.iter().flat_map(|(_, classes)| classes.keys()).collect();
    classes.sort_unstable();
    classes.dedup();
    if classes.is_empty() {
        return String::new();
    }
    let heads = classes.iter().map(|class| format!("class={class}\nus, times"));
    let mut table = plain(std::iter::once("blackout".to_owned()).chain(heads));
    for (column, found) in &rows {
        let cell = |class: &&String| found.get(*class).map_or_else(String::new, ToString::to_string);
        table.add_row(std::iter::once(name(*column)).chain(classes.iter().map(cell)));
    }
    finished(table)
}

/// Why something did not run, each reason once, and what the guest tested by itself.
fn notes(verdict: &Verdict) -> String {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &verdict.rows {
        if let Outcome::NotRun(why) = &row.mock
            && !why.is_empty()
        {
            reasons.entry(format!("not on the mock host: {why}")).or_default().push(row.name.to_owned());
        }
        let mut whys: Vec<&str> = row.xen.iter().filter_map(|(_, outcome)| reason(outcome)).collect();
        whys.dedup();
        for why in whys {
            reasons.entry(format!("not on Xen: {why}")).or_default().push(row.name.to_owned());
        }
    }
    let mut lines: Vec<String> =
        reasons.into_iter().map(|(why, names)| format!("{}: {why}", names.join(", "))).collect();
    if verdict.rows.iter().flat_map(|row| &row.xen).any(|(_, outcome)| *outcome == Outcome::NotRun(String::new())) {
        lines.push(
            ".: left out, so that the run is shorter; with both kinds and both daemons each lifecycle meets every pair \
             of kind, processors and daemon (with --quick: lifecycles take turns through the variants)"
                .into(),
        );
    }
    if !verdict.scenarios.is_empty() {
        let names: Vec<&str> = verdict.scenarios.iter().map(String::as_str).collect();
        lines.push(format!("{} self-test scenarios ok on Xen: {}", names.len(), names.join(", ")));
    }
    lines.iter().map(|line| textwrap::fill(line, WIDTH)).collect::<Vec<_>>().join("\n")
}

/// Where the emulated machine stood still, and another boot did what was left.
fn stood_still(played: &[Played]) -> String {
    let times = played.iter().flat_map(|boot| boot.board.stood_still().iter().map(|at| (boot.daemon.word(), at)));
    let lines = times.map(|(daemon, at)| {
        let line =
            format!("xenstored {daemon}: the emulated machine stood still ({at}); another boot did what was left");
        textwrap::fill(&line, WIDTH)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn reason(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::NotRun(why) if !why.is_empty() => Some(why),
        _ => None,
    }
}
