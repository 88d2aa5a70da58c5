//! The catalogue: bad inputs, and mutations that take a check away.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// One file of `xen-sim/hostile`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalogue {
    /// The crates whose tests are looked through, what is built fast first.
    pub(super) packages: Vec<String>,
    /// The crate whose loom models the full form runs, if it has some.
    pub(super) loom: Option<String>,
    /// The test targets that play random scripts, with how many each plays in the full form.
    pub(super) sequences: Sequences,
    #[serde(rename = "row")]
    pub(super) rows: Vec<Row>,
    #[serde(rename = "mutation")]
    pub(super) mutations: Vec<Mutation>,
}

/// The random scripts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sequences {
    pub(super) package: String,
    pub(super) target: String,
    pub(super) cases: u32,
}

/// One kind of bad input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) about: String,
    /// Where it is dealt with, if not in these crates.
    pub(super) elsewhere: Option<String>,
    /// Models of loom, each of which has a twin that must fail.
    #[serde(default)]
    pub(super) loom: Vec<String>,
}

/// One check taken away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutation {
    /// The rows whose tests must notice.
    pub(super) rows: Vec<String>,
    pub(super) file: String,
    pub(super) old: String,
    pub(super) new: String,
}

impl Catalogue {
    /// Reads a catalogue.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let catalogue: Self = toml::from_str(&text).with_context(|| format!("{} is not understood", file.display()))?;
        let ids: BTreeSet<&str> = catalogue.rows.iter().map(|row| row.id.as_str()).collect();
        if ids.len() != catalogue.rows.len() {
            bail!("a row is there twice");
        }
        let mut named = catalogue.mutations.iter().flat_map(|mutation| &mutation.rows);
        if let Some(unknown) = named.find(|id| !ids.contains(id.as_str())) {
            bail!("a mutation is for {unknown}, which is no row");
        }
        Ok(catalogue)
    }

    /// Leaves only these rows, and what is for them.
    pub(super) fn only(&mut self, ids: &[String]) -> Result<()> {
        if let Some(unknown) = ids.iter().find(|id| !self.rows.iter().any(|row| row.id == **id)) {
            bail!("{unknown} is no row");
        }
        self.rows.retain(|row| ids.contains(&row.id));
        self.mutations.iter_mut().for_each(|mutation| mutation.rows.retain(|id| ids.contains(id)));
        self.mutations.retain(|mutation| !mutation.rows.is_empty());
        Ok(())
    }
}

impl Mutation {
    /// Returns the file's text with the check taken away.
    pub(super) fn apply(&self, root: &Path) -> Result<String> {
        let text = std::fs::read_to_string(root.join(&self.file)).with_context(|| self.file.clone())?;
        match text.matches(&self.old).count() {
            1 => Ok(text.replacen(&self.old, &self.new, 1)),
            0 => bail!("stale: {self} is not there"),
            many => bail!("{self} is there {many} times"),
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        let old = self.old.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = old.chars().take(60).collect();
        write!(f, "{name}, `{short}{}`", if short.len() < old.len() { "…" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_consistent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        let head = "packages = ['a']\nloom = 'a'\nsequences = { package = 'a', target = 't', cases = 1 }\n";
        let row = "[[row]]\nid = 'R01'\nabout = 'x'\n";
        let mutation = |id: &str| format!("[[mutation]]\nrows = ['{id}']\nfile = 'a.rs'\nold = 'b'\nnew = 'c'\n");
        let read = |text: String| {
            std::fs::write(&file, text).unwrap();
            Catalogue::read(&file)
        };
        let catalogue = read(format!("{head}{row}{}", mutation("R01"))).unwrap();
        assert!(read(format!("{head}{row}{row}{}", mutation("R01"))).is_err(), "twice");
        assert!(read(format!("{head}{row}{}", mutation("R02"))).is_err(), "of no row");
        let apply = |text: &str| {
            std::fs::write(folder.path().join("a.rs"), text).unwrap();
            catalogue.mutations[0].apply(folder.path()).ok()
        };
        assert_eq!(apply("abd").as_deref(), Some("acd"));
        assert_eq!((apply("ad"), apply("abdb")), (None, None), "stale, and not one place");
    }
}
