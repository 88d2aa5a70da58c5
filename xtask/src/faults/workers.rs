//! Programs that play cases, several beside each other. One that hangs or dies costs one case.

use anyhow::{Context as _, Result};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use xen_sim::faults::{Case, Outcome};

/// What became of a case.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) case: Case,
    /// `None` if a rule was broken.
    pub(super) outcome: Option<Outcome>,
    /// What was broken.
    pub(super) words: String,
}

/// How many cases a program plays before another takes over: a guest's memory lives as long as the program.
const CHUNK: usize = 200;
/// How long one case may take, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays all cases and returns them in their order.
pub(super) fn play(worker: &Path, cases: &[Case], jobs: usize) -> Result<Vec<Done>> {
    let queue: Mutex<VecDeque<(usize, &[Case])>> = Mutex::new(cases.chunks(CHUNK).enumerate().collect());
    let (send, receive) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (queue, send) = (&queue, send.clone());
            scope.spawn(move || {
                while let Some((at, chunk)) = next(queue) {
                    if send.send((at, one_chunk(worker, chunk))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut parts: Vec<(usize, Vec<Done>)> = Vec::new();
        for (at, part) in &receive {
            let part = part?;
            for one in part.iter().filter(|one| one.outcome.is_none()) {
                println!("BROKEN {} ({} in {}): {}", one.case, one.case.operation, one.case.moment, one.words);
            }
            parts.push((at, part));
            if parts.len().is_multiple_of(10) {
                println!("faults: {} of {} cases played", (parts.len() * CHUNK).min(cases.len()), cases.len());
            }
        }
        parts.sort_by_key(|(at, _)| *at);
        Ok(parts.into_iter().flat_map(|(_, part)| part).collect())
    })
}

fn next<'c>(queue: &Mutex<VecDeque<(usize, &'c [Case])>>) -> Option<(usize, &'c [Case])> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn one_chunk(worker: &Path, chunk: &[Case]) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    while done.len() < chunk.len() {
        let rest = &chunk[done.len()..];
        let mut program = Program::start(worker, rest)?;
        done.extend(rest.iter().map_while(|case| program.answer(case)));
        if let Some(case) = chunk.get(done.len()) {
            let words = program.end();
            done.push(Done { case: *case, outcome: None, words });
        }
    }
    Ok(done)
}

/// A program that plays cases.
struct Program {
    child: Child,
    answers: Receiver<String>,
}

impl Program {
    fn start(worker: &Path, cases: &[Case]) -> Result<Self> {
        let mut command = Command::new(worker);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("{} does not start", worker.display()))?;
        let input = child.stdin.take().context("no input")?;
        let output = child.stdout.take().context("no output")?;
        let names: String = cases.iter().map(|case| format!("{case}\n")).collect();
        std::thread::spawn(move || tell(input, &names));
        let (send, answers) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map(|line| send.send(line)).find(Result::is_err)
        });
        Ok(Self { child, answers })
    }

    /// Takes what became of a case; `None` if nothing comes.
    fn answer(&self, case: &Case) -> Option<Done> {
        let line = self.answers.recv_timeout(PATIENCE).ok()?;
        let mut fields = line.splitn(3, '\t');
        let same = fields.next() == Some(case.to_string().as_str());
        let word = fields.next().filter(|_| same)?;
        let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.to_string() == word);
        Some(Done { case: *case, outcome, words: fields.next().unwrap_or_default().to_owned() })
    }

    /// Ends the program, and tells how it stood.
    fn end(&mut self) -> String {
        let words = match self.child.try_wait() {
            Ok(Some(status)) => format!("the program died: {status}"),
            _ => format!("it hangs: nothing for {} s", PATIENCE.as_secs()),
        };
        // It may be gone by itself.
        let _ = self.child.kill();
        words
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its input is at its end, or it was killed.
        let _ = self.child.wait();
    }
}

fn tell(mut input: ChildStdin, names: &str) {
    // A program that died is noticed by its silence.
    let _ = input.write_all(names.as_bytes());
}
