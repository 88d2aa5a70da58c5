//! What `xen-explore` reports, one line a model or twin, its words apart by tabulators.

use anyhow::{Context as _, Error, Result, bail};
use std::str::FromStr;

/// A model that held.
#[derive(Debug)]
pub(super) struct Model {
    name: String,
    explored: u64,
    floor: u64,
}

/// A twin that failed as it must.
#[derive(Debug)]
pub(super) struct Twin {
    name: String,
    missing: String,
    /// The interleaving that failed, counted from 1.
    at: u64,
    why: String,
}

/// The models and twins of one crate.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) models: Vec<Model>,
    pub(super) twins: Vec<Twin>,
}

impl FromStr for Report {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut report = Self::default();
        for line in text.lines() {
            match *line.split('\t').collect::<Vec<_>>() {
                ["model", name, explored, floor] => report.models.push(Model {
                    name: name.to_owned(),
                    explored: number(explored)?,
                    floor: number(floor)?,
                }),
                ["twin", name, missing, at, why] => report.twins.push(Twin {
                    name: name.to_owned(),
                    missing: missing.to_owned(),
                    at: number(at)?,
                    why: why.to_owned(),
                }),
                _ => bail!("no line of a report: {line}"),
            }
        }
        report.models.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(report)
    }
}

impl Report {
    /// Fails unless there are models, each at its floor and with a twin, and no twin of a model that is not there.
    pub(super) fn complete(&self) -> Result<()> {
        if self.models.is_empty() {
            bail!("none was run");
        }
        for model in &self.models {
            if model.explored < model.floor {
                bail!("{} explored {} of at least {}", model.name, model.explored, model.floor);
            }
            if self.twins_of(model).next().is_none() {
                bail!("{} has no twin that fails", model.name);
            }
        }
        let stray = self.twins.iter().find(|twin| self.models.iter().all(|model| model.name != twin.name));
        stray.map_or(Ok(()), |twin| bail!("{} is no model, but has a twin", twin.name))
    }

    /// Counts the interleavings in which a model held.
    pub(super) fn explored(&self) -> u64 {
        self.models.iter().map(|model| model.explored).sum()
    }

    /// Returns the table.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.models.iter().flat_map(|model| {
            let Model { name, explored, floor } = model;
            let first = format!("{name:<36} {explored:>7} interleavings hold (at least {floor})");
            let twins = self.twins_of(model).map(|Twin { missing, at, why, .. }| {
                format!("{:<36} {at:>7} is one that fails: {why}", format!("  without {missing}"))
            });
            std::iter::once(first).chain(twins)
        })
    }

    fn twins_of<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = &'a Twin> {
        self.twins.iter().filter(|twin| twin.name == model.name)
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("no number: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "model\trace\t33\t30\n";
    const TWIN: &str = "twin\trace\tthe fence\t2\ta lost wake-up\n";

    fn verdict(text: &str) -> Result<()> {
        text.parse::<Report>()?.complete()
    }

    #[test]
    fn a_model_with_its_twin_is_complete() {
        verdict(&format!("{TWIN}{MODEL}")).unwrap();
        let report: Report = format!("{MODEL}{TWIN}").parse().unwrap();
        assert_eq!(report.explored(), 33);
        let lines: Vec<String> = report.lines().collect();
        assert!(lines[0].contains("33 interleavings hold (at least 30)"), "{lines:?}");
        assert!(
            lines[1].contains("without the fence") && lines[1].contains("2 is one that fails: a lost wake-up"),
            "{lines:?}"
        );
    }

    #[test]
    fn what_shows_nothing_is_found() {
        for (text, why) in [
            ("", "none was run"),
            (MODEL, "no twin that fails"),
            ("model\trace\t33\t30\ntwin\trace\tit\t1\ta\ntwin\tother\tit\t1\ta\n", "other is no model"),
            ("model\trace\t29\t30\n", "29 of at least 30"),
            ("model\trace\tmany\t30\n", "no number"),
            ("model\trace\n", "no line"),
        ] {
            let error = verdict(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
