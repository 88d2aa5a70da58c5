//! Many short samples, all contenders of a row in turn, so that what disturbs one disturbs all; in several sittings, each
//! with memory of its own, since where the pages lie makes a difference too.

use core::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    sittings: u32,
    /// Samples of a sitting.
    samples: u32,
    /// How long a sample of the fastest way to compile C takes, at least.
    long: f64,
}

impl Effort {
    /// Enough to see that the benchmark works.
    pub const QUICK: Self = Self { sittings: 20, samples: 31, long: 25e3 };
    /// Enough for figures to quote.
    pub const FULL: Self = Self { sittings: 80, samples: 101, long: 50e3 };
}

/// What a contender stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The crate that is measured.
    Ours,
    /// C, compiled with these words.
    C(&'static str),
    /// What cannot be done without.
    Bound,
    /// Somebody else's, to print beside.
    Beside(&'static str),
}

/// How long a number of rounds took, in nanoseconds, and the sum by which they are checked.
#[derive(Debug)]
pub struct Run {
    /// Nanoseconds.
    pub nanos: f64,
    /// The sum.
    pub sum: u64,
}

/// One way to do the work of a row.
pub struct Contender<'a> {
    /// What it stands for.
    pub role: Role,
    /// Does so many rounds.
    pub run: Box<dyn FnMut(u32) -> Run + 'a>,
}

impl fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("role", &self.role).finish_non_exhaustive()
    }
}

impl<'a> Contender<'a> {
    /// A contender whose rounds are timed from their beginning to their end.
    pub fn new(role: Role, mut rounds: impl FnMut(u32) -> u64 + 'a) -> Self {
        let run = move |count| {
            let begin = Instant::now();
            let sum = rounds(std::hint::black_box(count));
            Run { nanos: nanos(begin.elapsed()), sum }
        };
        Self { role, run: Box::new(run) }
    }
}

/// The work of one row.
#[derive(Debug)]
pub struct Work<'a> {
    /// Operations of a round.
    pub operations: u32,
    /// The sum that so many rounds come to.
    pub expected: fn(u32, u32) -> u64,
    /// All that do it.
    pub contenders: Vec<Contender<'a>>,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Ours by the fastest C: lower quartile, median, upper quartile.
    pub ratio: [f64; 3],
    /// Nanoseconds an operation.
    pub ours: f64,
    /// The same of C.
    pub c: f64,
    /// How that C was compiled.
    pub compiled: &'static str,
    /// The same of what cannot be done without.
    pub bound: f64,
    /// Others by name, by the fastest C.
    pub beside: Vec<(&'static str, f64)>,
}

impl Work<'_> {
    /// Measures all contenders, in sittings of which each begins with `make`.
    ///
    /// # Errors
    /// If a contender comes to a wrong sum, or `make` fails.
    pub fn measure(effort: &Effort, make: impl Fn() -> Result<Self>) -> Result<Figures> {
        let mut work = make()?;
        let rounds = work.calibrate(effort)?;
        let mut taken = vec![Vec::new(); work.contenders.len()];
        for sitting in 0..effort.sittings {
            work = make()?;
            // Nobody's memory is new to the processor.
            (0..work.contenders.len()).try_for_each(|at| work.one(at, rounds).map(drop))?;
            deeper(sitting, &mut || work.sit(effort, rounds, &mut taken))?;
        }
        Ok(work.figures(&taken, f64::from(rounds) * f64::from(work.operations)))
    }

    fn sit(&mut self, effort: &Effort, rounds: u32, taken: &mut [Vec<f64>]) -> Result<()> {
        let count = self.contenders.len();
        for sample in 0..effort.samples as usize {
            for turn in 0..count {
                // Each follows each of its two neighbours as often.
                let turn = if sample % 2 == 0 { turn } else { count - 1 - turn };
                let at = (turn + sample / 2) % count;
                taken[at].push(self.one(at, rounds)?);
            }
        }
        Ok(())
    }

    /// Finds how many rounds make a sample.
    fn calibrate(&mut self, effort: &Effort) -> Result<u32> {
        let mut rounds = 1;
        while rounds < 1 << 20 {
            let mut fastest = f64::INFINITY;
            for at in 0..self.contenders.len() {
                let taken = self.one(at, rounds)?;
                if matches!(self.contenders[at].role, Role::C(_)) {
                    fastest = fastest.min(taken);
                }
            }
            if fastest >= effort.long {
                break;
            }
            rounds *= 2;
        }
        Ok(rounds)
    }

    fn one(&mut self, at: usize, rounds: u32) -> Result<f64> {
        let contender = &mut self.contenders[at];
        let run = (contender.run)(rounds);
        let expected = (self.expected)(rounds, self.operations);
        let right = contender.role == Role::Bound || run.sum == expected;
        ensure!(right, "{:?} came to {} in {rounds} rounds, not {expected}", contender.role, run.sum);
        Ok(run.nanos)
    }

    fn figures(&self, taken: &[Vec<f64>], operations: f64) -> Figures {
        let find = |wanted: Role| self.contenders.iter().position(|contender| contender.role == wanted);
        let ours = find(Role::Ours).expect("ours is in each row");
        let sides = self.contenders.iter().enumerate().filter_map(|(at, contender)| match contender.role {
            Role::C(words) => Some((at, words, ratios(&taken[ours], &taken[at]))),
            _ => None,
        });
        // The fastest C is the one by which ours looks worst.
        let worst = sides.max_by(|one, two| one.2[1].total_cmp(&two.2[1]));
        let (c, compiled, ratio) = worst.expect("C is in each row");
        let beside = self.contenders.iter().enumerate().filter_map(|(at, contender)| match contender.role {
            Role::Beside(name) => Some((name, ratios(&taken[at], &taken[c])[1])),
            _ => None,
        });
        let each = |at: usize| quartiles(taken[at].clone())[1] / operations;
        let bounds = (0..taken.len()).filter(|at| self.contenders[*at].role == Role::Bound);
        let bound = bounds.map(each).fold(f64::INFINITY, f64::min);
        Figures { ratio, ours: each(ours), c: each(c), compiled, bound, beside: beside.collect() }
    }
}

/// Calls on from further down the stack, where private copies lie otherwise to the page, and to lines of the cache: with
/// its frame, a level is an odd multiple of 16 bytes, and twenty are a page.
#[inline(never)]
fn deeper(levels: u32, then: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let room = [0_u8; 184];
    std::hint::black_box(&room);
    if levels == 0 { then() } else { deeper(levels - 1, then) }
}

/// Quartiles of the ratios of samples that were taken beside each other.
fn ratios(one: &[f64], two: &[f64]) -> [f64; 3] {
    quartiles(one.iter().zip(two).map(|(one, two)| one / two).collect())
}

fn quartiles(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    let at = |part: usize| figures[(figures.len() - 1) * part / 4];
    [at(1), at(2), at(3)]
}

/// Returns a time in nanoseconds.
#[must_use]
pub fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Ends the program if an end waits for an answer that does not come.
pub fn watchdog() {
    const LIMIT: Duration = Duration::from_secs(600);
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        eprintln!("ring: not done after {LIMIT:?}");
        std::process::exit(1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(role: Role, nanos: f64) -> Contender<'static> {
        Contender { role, run: Box::new(move |rounds| Run { nanos: nanos * f64::from(rounds), sum: 7 }) }
    }

    fn work(expected: fn(u32, u32) -> u64) -> Work<'static> {
        let contenders = vec![
            contender(Role::Ours, 60.0),
            contender(Role::C("-O2"), 50.0),
            contender(Role::C("-O3"), 40.0),
            contender(Role::Bound, 20.0),
            contender(Role::Beside("other"), 80.0),
        ];
        Work { operations: 2, expected, contenders }
    }

    const EFFORT: Effort = Effort { sittings: 2, samples: 5, long: 1e3 };

    #[test]
    fn the_fastest_c_is_the_measure() {
        let figures = Work::measure(&EFFORT, || Ok(work(|_, _| 7))).unwrap();
        assert_eq!((figures.compiled, figures.ratio[1]), ("-O3", 1.5));
        assert_eq!((figures.ours, figures.c, figures.bound), (30.0, 20.0, 10.0));
        assert_eq!(figures.beside, [("other", 2.0)]);
    }

    #[test]
    fn a_wrong_sum_is_a_failure() {
        let error = Work::measure(&EFFORT, || Ok(work(|_, _| 8))).unwrap_err().to_string();
        assert!(error.contains("came to 7"), "{error}");
    }

    #[test]
    fn the_median_is_that_of_the_ratios() {
        // Two samples in which the machine was slow for both: the ratio does not see it.
        assert_eq!(ratios(&[2.0, 20.0, 200.0], &[1.0, 10.0, 100.0]), [2.0; 3]);
        assert_eq!(quartiles(vec![5.0, 1.0, 4.0, 2.0, 3.0]), [2.0, 3.0, 4.0]);
    }
}
