//! A part of a long list, for several machines or hours.

use anyhow::{Context as _, Error, Result, bail};
use std::str::FromStr;

/// One part of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    first: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (first, of) = text.split_once('/').context("not of the form 1/3")?;
        let (first, of): (usize, usize) = (first.parse()?, of.parse()?);
        if first == 0 || first > of {
            bail!("there is no shard {text}");
        }
        Ok(Self { first, of })
    }
}

impl Shard {
    /// Picks its share.
    pub(crate) fn of<T>(self, all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(self.first - 1).step_by(self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn the_shards_are_the_whole() {
        let share = |at| format!("{at}/3").parse::<Shard>().unwrap().of(0..10).collect::<Vec<_>>();
        let mut together = [share(1), share(2), share(3)].concat();
        together.sort_unstable();
        assert_eq!(together, Vec::from_iter(0..10));
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in ["", "1", "0/3", "4/3", "a/b", "1/3/5"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
