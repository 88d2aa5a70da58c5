//! Two threads, one at each end.

/// The phases of a round on one thread, so that the pushes of the back can be timed alone.
pub trait Phases {
    /// Asks a batch.
    fn ask(&mut self, batch: u32);
    /// Lets the back take all of it, and returns how many requests it holds.
    fn hold(&mut self) -> u32;
    /// Lets the back answer each, and push each answer by itself.
    fn push_each(&mut self);
    /// Takes the answers, and returns the sum of their tokens.
    fn collect(&mut self) -> u64;
}

/// The end that asks.
pub trait Asker: Send {
    /// Asks a batch as many times and waits for its answers each time; returns the sum of the tokens.
    fn rounds(&mut self, rounds: u32, batch: u32) -> u64;
}

/// The end that answers.
pub trait Server: Send {
    /// Answers as many requests.
    fn serve(&mut self, count: u32);
}
