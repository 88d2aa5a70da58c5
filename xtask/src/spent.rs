//! How long something took, and how much of a processor: the second says more on a machine with other work.

use std::fmt;
use std::time::{Duration, Instant};

/// A point in time, or what passed since one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent<T = Duration> {
    time: T,
    /// Of all programs that were run and ended, in hundredths of a second; where the system tells.
    processor: Option<u64>,
}

impl Spent {
    pub(crate) fn now() -> Spent<Instant> {
        Spent { time: Instant::now(), processor: ended_programs() }
    }

    pub(crate) fn since(begin: Spent<Instant>) -> Self {
        let processor = ended_programs().zip(begin.processor).and_then(|(now, then)| now.checked_sub(then));
        Self { time: begin.time.elapsed(), processor }
    }
}

impl Spent {
    /// Returns the time of the processor; where the system does not tell it, the time that passed.
    pub(crate) fn processor(&self) -> Duration {
        self.processor.map_or(self.time, |hundredths| Duration::from_millis(hundredths * 10))
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} s", self.time.as_secs_f64())?;
        self.processor.map_or(Ok(()), |ticks| write!(f, ", {}.{} s of a processor", ticks / 100, ticks / 10 % 10))
    }
}

/// Reads `cutime` and `cstime` of `/proc/self/stat`: the 16th and 17th field, the second of which is in parentheses.
fn ended_programs() -> Option<u64> {
    of_stat(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn of_stat(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut ticks = rest.split(' ').skip(13).map_while(|field| field.parse::<u64>().ok());
    ticks.next()?.checked_add(ticks.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_ended_programs_is_read() {
        let stat = "7 (a ) b) S 3 4 5 6 7 8 9 10 11 12 13 14 150 160 17 18";
        assert_eq!(of_stat(stat), Some(310));
        assert_eq!((of_stat("7 (x) S 3"), of_stat("nothing")), (None, None));
    }

    #[test]
    fn what_was_spent_is_told_in_seconds() {
        let spent = Spent { time: Duration::from_secs(75), processor: Some(1234) };
        assert_eq!(spent.to_string(), "75 s, 12.3 s of a processor");
        assert_eq!(Spent { time: Duration::from_secs(75), processor: None }.to_string(), "75 s");
    }
}
