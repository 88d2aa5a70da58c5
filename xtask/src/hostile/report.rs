//! What was found for each row, and the table of it.

use super::Form;
use super::catalogue::{Catalogue, Mutation, Row};
use super::scratch::Noticed;
use super::tests::{self, Program};
use anyhow::{Error, Result, bail};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use std::collections::BTreeMap;

/// How wide the table is.
const WIDTH: u16 = 160;

/// All rows.
pub(super) struct Report<'c> {
    rows: Vec<(&'c Row, Found)>,
}

/// What was found for one row.
#[derive(Debug, Default)]
struct Found {
    /// The tests, and whether each passed.
    tests: BTreeMap<String, bool>,
    models: usize,
    mutations: usize,
    noticed: Vec<String>,
    wrong: Vec<String>,
}

impl<'c> Report<'c> {
    pub(super) fn new(catalogue: &'c Catalogue) -> Self {
        Self { rows: catalogue.rows.iter().map(|row| (row, Found::default())).collect() }
    }

    fn of(&mut self, id: &str) -> Option<&mut Found> {
        self.rows.iter_mut().find(|(row, _)| row.id == id).map(|(_, found)| found)
    }

    /// Runs the tests of a program that stand for a row.
    pub(super) fn run(&mut self, program: &Program) -> Result<()> {
        let wanted = |name: &&str| tests::rows(name).any(|id| self.rows.iter().any(|(row, _)| row.id == id));
        let names: Vec<&str> = program.names.iter().map(String::as_str).filter(wanted).collect();
        if names.is_empty() {
            return Ok(());
        }
        for (name, passed) in program.run(&names)? {
            for id in tests::rows(&name) {
                let title = format!("{}: {}", program.target, tests::title(&name));
                if let Some(found) = self.of(&id) {
                    found.tests.insert(title, passed);
                }
            }
        }
        Ok(())
    }

    /// Notes which models there are.
    pub(super) fn models(&mut self, sources: &str) {
        for (row, found) in &mut self.rows {
            for model in &row.loom {
                if sources.contains(&format!("fn {model}()")) {
                    found.models += 1;
                } else {
                    found.wrong.push(format!("no model {model}"));
                }
            }
        }
    }

    /// Notes that there is a mutation for a row, and whether it can be made.
    pub(super) fn texts(&mut self, mutation: &Mutation, error: Option<Error>) {
        let words = error.map(|error| format!("{error:#}"));
        for id in &mutation.rows {
            let Some(found) = self.of(id) else { continue };
            found.mutations += 1;
            found.wrong.extend(words.clone());
        }
    }

    /// Notes what became of a mutation.
    pub(super) fn mutated(&mut self, mutation: &Mutation, noticed: Result<Noticed>) {
        let (noticed, error) = match noticed {
            Ok(noticed) => (noticed, None),
            Err(error) => (Noticed::new(), Some(format!("{error:#}"))),
        };
        for id in &mutation.rows {
            let Some(found) = self.of(id) else { continue };
            match (noticed.get(id), &error) {
                (Some(test), _) => found.noticed.push(format!("{mutation}: {test}")),
                (None, Some(words)) => found.wrong.push(words.clone()),
                (None, None) => found.wrong.push(format!("without {mutation} no test of the row fails")),
            }
        }
    }

    /// Returns the table: a row a line.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["row", "what the peer does", "tests", "result"]);
        for (row, found) in &self.rows {
            table.add_row([row.id.clone(), row.about.clone(), found.shown_by(), found.result(row)]);
        }
        table
    }

    /// Fails if a row is empty, unproven or broken.
    pub(super) fn verdict(&self, form: Form) -> Result<()> {
        let trouble = |(row, found): &(&Row, Found)| {
            let words = found.trouble(row, form);
            (!words.is_empty()).then(|| format!("{}: {}", row.id, words.join("; ")))
        };
        let wrong: Vec<String> = self.rows.iter().filter_map(trouble).collect();
        if !wrong.is_empty() {
            bail!("{} of {} rows:\n  {}", wrong.len(), self.rows.len(), wrong.join("\n  "));
        }
        Ok(())
    }

    /// Returns how much there is.
    pub(super) fn sum(&self) -> String {
        let elsewhere = self.rows.iter().filter(|(row, _)| row.elsewhere.is_some()).count();
        let noticed: usize = self.rows.iter().map(|(_, found)| found.noticed.len()).sum();
        let here = self.rows.len() - elsewhere;
        let mutated =
            if noticed > 0 { format!(", {noticed} times a missing check was noticed") } else { String::new() };
        format!("{here} rows have tests that pass, {elsewhere} belong elsewhere{mutated}")
    }
}

impl Found {
    fn shown_by(&self) -> String {
        self.tests.keys().cloned().collect::<Vec<_>>().join("\n")
    }

    fn result(&self, row: &Row) -> String {
        if let Some(where_to) = &row.elsewhere {
            return format!("elsewhere: {where_to}");
        }
        let passed = self.tests.values().filter(|passed| **passed).count();
        let mut lines = vec![format!("{passed} of {} pass, {} mutations", self.tests.len(), self.mutations)];
        lines.extend(row.loom.iter().map(|model| format!("loom: {model}")));
        lines.extend(self.noticed.iter().map(|words| format!("fails without {words}")));
        lines.join("\n")
    }

    /// What is wrong with the row.
    fn trouble(&self, row: &Row, form: Form) -> Vec<String> {
        let mut words = self.wrong.clone();
        words.extend(self.tests.iter().filter(|(_, passed)| !**passed).map(|(name, _)| format!("{name} fails")));
        let has = !self.tests.is_empty() || self.models > 0;
        if row.elsewhere.is_some() {
            words.extend(has.then(|| "has tests here, and is said to be elsewhere".to_owned()));
            return words;
        }
        words.extend((!has).then(|| "no test".to_owned()));
        let proof = if form == Form::Full { self.noticed.len() } else { self.mutations };
        words.extend((proof + self.models == 0).then(|| "nothing shows that its tests bite".to_owned()));
        words
    }
}

#[cfg(test)]
mod self_tests {
    use super::*;

    const TEXT: &str = "packages = []\nloom = 'a'\nsequences = { package = 'a', target = 't', cases = 1 }\n\
        [[row]]\nid = 'R01'\nabout = 'x'\n[[row]]\nid = 'R02'\nabout = 'y'\nelsewhere = 'there'\n\
        [[row]]\nid = 'R03'\nabout = 'z'\nloom = ['r03_model']\n\
        [[mutation]]\nrows = ['R01']\nfile = 'a.rs'\nold = 'b'\nnew = 'c'\n";

    fn catalogue() -> Catalogue {
        toml::from_str(TEXT).unwrap()
    }

    /// A report in which R01 has a test that passes, and R03 its model.
    fn report(catalogue: &Catalogue) -> Report<'_> {
        let mut report = Report::new(catalogue);
        report.models("#[test]\nfn r03_model() {}");
        report.texts(&catalogue.mutations[0], None);
        report.of("R01").unwrap().tests.insert("a: test".to_owned(), true);
        report
    }

    fn verdict(report: &Report<'_>, form: Form) -> String {
        report.verdict(form).map_or_else(|error| error.to_string(), |()| "good".to_owned())
    }

    #[test]
    fn a_complete_report_is_good() {
        let catalogue = catalogue();
        let mut report = report(&catalogue);
        assert_eq!(verdict(&report, Form::Quick), "good");
        report.mutated(&catalogue.mutations[0], Ok([("R01".to_owned(), "a: test".to_owned())].into()));
        assert_eq!(verdict(&report, Form::Full), "good");
        assert_eq!(
            report.sum(),
            "2 rows have tests that pass, 1 belong elsewhere, 1 times a missing check was noticed"
        );
    }

    #[test]
    fn whatever_is_missing_is_a_failure() {
        let catalogue = catalogue();
        let broken = |how: fn(&mut Report<'_>, &Mutation), form: Form| {
            let mut report = report(&catalogue);
            how(&mut report, &catalogue.mutations[0]);
            verdict(&report, form)
        };
        let told = |how, form, words: &str| assert!(broken(how, form).contains(words), "{}", broken(how, form));
        told(|report, _| report.of("R01").unwrap().tests.clear(), Form::Quick, "R01: no test");
        told(
            |report, _| _ = report.of("R01").unwrap().tests.insert("a: b".to_owned(), false),
            Form::Quick,
            "a: b fails",
        );
        told(|report, _| report.of("R01").unwrap().mutations = 0, Form::Quick, "R01: nothing shows");
        told(|_, _| (), Form::Full, "R01: nothing shows that its tests bite");
        told(
            |report, one| report.mutated(one, Ok(Noticed::new())),
            Form::Full,
            "without a.rs, `b` no test of the row fails",
        );
        told(|report, one| report.mutated(one, Err(anyhow::anyhow!("stale"))), Form::Full, "R01: stale");
        told(|report, one| report.texts(one, Some(anyhow::anyhow!("stale"))), Form::Quick, "R01: stale");
        told(
            |report, _| _ = report.of("R02").unwrap().tests.insert("a: b".to_owned(), true),
            Form::Quick,
            "R02: has tests here",
        );
        told(|report, _| report.models(""), Form::Quick, "R03: no model r03_model");
    }
}
