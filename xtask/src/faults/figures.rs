//! The figures of a sweep: what became of the guest, by what failed.

use super::workers::Done;
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use std::collections::{BTreeMap, BTreeSet};
use xen_sim::faults::{Fault, Outcome};

/// What became of one operation's cases.
#[derive(Debug, Default)]
struct Row {
    /// Lifecycle, processors, hypercall or request, and its index.
    places: BTreeSet<(&'static str, String, bool, usize)>,
    results: BTreeSet<String>,
    outcomes: BTreeMap<Option<Outcome>, usize>,
}

impl Row {
    fn add(&mut self, done: &Done) {
        let (Fault::Call(at, _) | Fault::Store(at, _)) = done.case.fault;
        let calls = matches!(done.case.fault, Fault::Call(..));
        self.places.insert((done.case.lifecycle, done.case.variant.to_string(), calls, at));
        self.results.insert(done.case.result());
        *self.outcomes.entry(done.outcome).or_default() += 1;
    }

    fn cells(&self, name: &str) -> Vec<String> {
        let count = |outcome: Option<Outcome>| self.outcomes.get(&outcome).copied().unwrap_or_default();
        let number = |count: usize| if count == 0 { "-".to_owned() } else { count.to_string() };
        let runs = self.outcomes.values().sum::<usize>();
        let first = [name.to_owned(), self.places.len().to_string(), self.results.len().to_string(), runs.to_string()];
        let outcomes = Outcome::ALL.into_iter().map(Some).chain([None]).map(|outcome| number(count(outcome)));
        first.into_iter().chain(outcomes).collect()
    }
}

/// Returns the table: an operation a line, and all of them in the last one.
pub(super) fn table(done: &[Done]) -> Table {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut all = Row::default();
    for one in done {
        rows.entry(one.case.operation).or_default().add(one);
        all.add(one);
    }
    let mut table = Table::new();
    let titles = ["operation", "places", "results", "runs"].map(str::to_owned).into_iter();
    let outcomes = Outcome::ALL.map(|outcome| outcome.to_string()).into_iter();
    table.load_preset(NOTHING).set_header(titles.chain(outcomes).chain(["broken".to_owned()]));
    for (name, row) in &rows {
        table.add_row(row.cells(name));
    }
    table.add_row(all.cells("all"));
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
