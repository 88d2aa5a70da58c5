//! The rows, one line each, and what they come to.

use anyhow::{Result, ensure};

use super::sample::Figures;

/// A row that is a ratio, for the plot.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) target: f64,
    pub(super) ratio: [f64; 3],
    /// What cannot be done without, by the fastest C.
    pub(super) bound: f64,
}

/// A row that is measured in time.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What stands at the line's beginning.
    pub name: &'a str,
    /// What ours may take of the time of C.
    pub target: f64,
    /// What the bound is.
    pub bound: &'a str,
}

/// Whether a row is at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Ok,
    /// It is not.
    Short,
}

impl From<bool> for Verdict {
    fn from(good: bool) -> Self {
        if good { Self::Ok } else { Self::Short }
    }
}

/// What was found so far.
#[derive(Debug)]
pub struct Report {
    pub(super) name: &'static str,
    pub(super) bars: Vec<Bar>,
    ok: u32,
    short: u32,
    skipped: u32,
}

impl Report {
    /// Makes a report without rows, of the benchmark of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, bars: Vec::new(), ok: 0, short: 0, skipped: 0 }
    }

    /// Adds a row that was measured in time.
    pub fn time(&mut self, row: &Row<'_>, figures: &Figures) {
        let Row { name, target, bound } = *row;
        let [low, ratio, high] = figures.ratio;
        let Figures { ours, c, compiled, .. } = figures;
        let what = format!(
            "{ratio:5.2} × C, target ≤ {target:.2}, quartiles {low:.2} to {high:.2}; {ours:.1} ns, C {c:.1} ({compiled}); \
             bound {:.1} ns, {bound}",
            figures.bound
        );
        self.row(name, &what, (ratio <= target).into());
        if !figures.beside.is_empty() {
            let others: Vec<_> = figures.beside.iter().map(|(name, ratio)| format!("{name} {ratio:.2}")).collect();
            println!("{:<40}   × C: {}", "  beside", others.join(", "));
        }
        let bound = figures.bound / figures.c;
        self.bars.push(Bar { name: name.to_owned(), target, ratio: figures.ratio, bound });
    }

    /// Adds a row, as one line that ends with the verdict.
    pub fn row(&mut self, name: &str, what: &str, verdict: Verdict) {
        let (word, count) = match verdict {
            Verdict::Ok => ("ok", &mut self.ok),
            Verdict::Short => ("short", &mut self.short),
        };
        println!("{name:<40} {what}  {word}");
        *count += 1;
    }

    /// Adds a row that cannot be had here.
    pub fn skip(&mut self, name: &str, why: &str) {
        println!("{name:<40} skipped: {why}");
        self.skipped += 1;
    }

    /// Leaves out a row for want of a package, which is a failure where CI installs what is needed.
    ///
    /// # Errors
    /// If the variable `CI` is `true`.
    pub fn needs(&mut self, name: &str, package: &str) -> Result<()> {
        self.skip(name, &format!("needs {package}"));
        ensure!(std::env::var("CI").as_deref() != Ok("true"), "here nothing may be skipped");
        Ok(())
    }

    /// Prints the totals.
    ///
    /// # Errors
    /// If there is no row.
    pub fn close(&self) -> Result<()> {
        let Self { name, ok, short, skipped, .. } = self;
        println!("bench {name}: {ok} ok, {short} short, {skipped} skipped");
        ensure!(ok + short + skipped > 0, "no row");
        Ok(())
    }

    /// Fails if a row is short of its target.
    ///
    /// # Errors
    /// If one is.
    pub fn strict(&self) -> Result<()> {
        ensure!(self.short == 0, "{} short of the target", self.short);
        Ok(())
    }
}
