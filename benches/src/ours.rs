//! Front and back of `xen-ring`.

use core::hint::spin_loop;

use xen_hypercall::SharedPage;
use xen_ring::{Back, Front, Misbehaved, Notify, Slots};

use crate::duel::{Asker, Phases, Server};
use crate::ends::{Answered, Asked, BackEnd, FrontEnd};
use crate::wire::Wire;

/// Our front, whose tokens are numbers; like C's, it shares no cache line with the back.
#[derive(Debug)]
#[repr(align(128))]
pub struct OurFront<P: Wire, const N: usize> {
    ring: Front<'static, P, u64, N>,
    /// How often the peer was to be notified.
    pub notified: u64,
}

/// Our back.
#[derive(Debug)]
#[repr(align(128))]
pub struct OurBack<P: Wire> {
    ring: Back<'static, P>,
    held: Vec<(u64, u8)>,
    /// How often the peer was to be notified.
    pub notified: u64,
}

impl<P: Wire, const N: usize> OurFront<P, N> {
    /// Sets up a ring whose indices begin at `start`.
    #[must_use]
    pub fn starting_at(page: &'static SharedPage, start: u32) -> Self {
        Self { ring: Front::starting_at(page, Slots::FULL, Box::leak(Box::default()), start), notified: 0 }
    }

    /// Stages `batch` requests and publishes after each `step` of them.
    fn ask(&mut self, batch: u32, step: u32) -> Result<(), Misbehaved> {
        let mut staged = 0;
        for token in 0..batch {
            let Some(vacancy) = self.ring.vacancy()? else { break };
            vacancy.stage(P::ask(token), token.into());
            staged += 1;
            if staged == step {
                self.push()?;
                staged = 0;
            }
        }
        if staged > 0 { self.push() } else { Ok(()) }
    }

    /// Publishes what is staged.
    ///
    /// # Errors
    /// Never: the back is in order.
    pub fn publish_only(&mut self) -> Result<Notify, Misbehaved> {
        self.ring.publish()
    }

    fn push(&mut self) -> Result<(), Misbehaved> {
        self.notified += u64::from(self.ring.publish()? == Notify::Yes);
        Ok(())
    }

    fn take_token(&mut self) -> Result<Option<u64>, Misbehaved> {
        let answer = self.ring.poll_answer()?;
        Ok(answer.map(|answer| answer.payload.wrapping_add(P::status(&answer.response) as u64)))
    }

    fn ask_and_wait(&mut self, rounds: u32, batch: u32) -> Result<u64, Misbehaved> {
        let mut sum = 0_u64;
        for _ in 0..rounds {
            self.ask(batch, batch)?;
            let mut done = 0;
            while done < batch {
                match self.take_token()? {
                    Some(token) => {
                        sum = sum.wrapping_add(token);
                        done += 1;
                    }
                    None => spin_loop(),
                }
            }
        }
        Ok(sum)
    }
}

impl<P: Wire> OurBack<P> {
    /// Takes the back of a ring that its front set up.
    ///
    /// # Panics
    /// Never with a new ring.
    #[must_use]
    pub fn attach(page: &'static SharedPage) -> Self {
        Self { ring: Back::attach(page, Slots::FULL).expect("a new ring"), held: Vec::new(), notified: 0 }
    }

    /// Answers what is there and returns how many it was.
    fn answer(&mut self) -> Result<u32, Misbehaved> {
        let mut count = 0;
        while let Some(request) = self.ring.poll_request()? {
            let (id, operation, _) = P::asked(&request);
            let Some(debt) = self.ring.debt()? else { break };
            debt.stage(&P::reply(id, operation, 0));
            count += 1;
        }
        Ok(count)
    }

    fn push(&mut self) -> Result<(), Misbehaved> {
        self.notified += u64::from(self.ring.publish()? == Notify::Yes);
        Ok(())
    }

    fn hold_all(&mut self) -> Result<u32, Misbehaved> {
        while let Some(request) = self.ring.poll_request()? {
            let (id, operation, _) = P::asked(&request);
            self.held.push((id, operation));
        }
        Ok(self.held.len() as u32)
    }

    fn push_each(&mut self) -> Result<(), Misbehaved> {
        for (id, operation) in self.held.drain(..) {
            let Some(debt) = self.ring.debt()? else { break };
            debt.stage(&P::reply(id, operation, 0));
            self.notified += u64::from(self.ring.publish()? == Notify::Yes);
        }
        Ok(())
    }

    fn serve_all(&mut self, count: u32) -> Result<(), Misbehaved> {
        let mut done = 0;
        while done < count {
            match self.answer()? {
                0 => spin_loop(),
                some => {
                    done += some;
                    self.push()?;
                }
            }
        }
        Ok(())
    }
}

/// One thread: all there, all back, each end until it finds nothing; returns the sum of the tokens.
///
/// # Errors
/// Never: both ends are in order.
#[inline(never)]
pub fn rounds<P: Wire, const N: usize>(
    pair: &mut (OurFront<P, N>, OurBack<P>),
    rounds: u32,
    batch: u32,
    step: u32,
) -> Result<u64, Misbehaved> {
    let (front, back) = pair;
    let mut sum = 0_u64;
    for _ in 0..rounds {
        front.ask(batch, step)?;
        back.answer()?;
        back.push()?;
        while let Some(token) = front.take_token()? {
            sum = sum.wrapping_add(token);
        }
    }
    Ok(sum)
}

/// Both ends of a new page.
#[must_use]
pub fn pair<P: Wire, const N: usize>() -> (OurFront<P, N>, OurBack<P>) {
    let page = crate::page::page();
    let front = OurFront::starting_at(page, 0);
    (front, OurBack::attach(page))
}

impl<P: Wire, const N: usize> Phases for (OurFront<P, N>, OurBack<P>) {
    fn ask(&mut self, batch: u32) {
        self.0.ask(batch, batch).expect("the back is in order");
    }

    fn hold(&mut self) -> u32 {
        self.1.hold_all().expect("the front is in order")
    }

    #[inline(never)]
    fn push_each(&mut self) {
        self.1.push_each().expect("the front is in order");
    }

    fn collect(&mut self) -> u64 {
        let mut sum = 0_u64;
        while let Some(token) = self.0.take_token().expect("the back is in order") {
            sum = sum.wrapping_add(token);
        }
        sum
    }
}

impl<P: Wire, const N: usize> Asker for OurFront<P, N> {
    fn rounds(&mut self, rounds: u32, batch: u32) -> u64 {
        self.ask_and_wait(rounds, batch).expect("the back is in order")
    }
}

impl<P: Wire> Server for OurBack<P> {
    fn serve(&mut self, count: u32) {
        self.serve_all(count).expect("the front is in order");
    }
}

impl<P: Wire, const N: usize> FrontEnd for OurFront<P, N> {
    fn stage(&mut self, value: u32, _: u64) -> Option<u64> {
        let vacancy = self.ring.vacancy().expect("the back is in order")?;
        Some(vacancy.stage(P::ask(value), value.into()).0)
    }

    fn publish(&mut self) -> bool {
        self.ring.publish().expect("the back is in order") == Notify::Yes
    }

    fn take(&mut self) -> Option<Answered> {
        let answer = self.ring.poll_answer().expect("the back is in order")?;
        let id = P::id(&answer.response)?.0;
        Some(Answered { id, status: P::status(&answer.response) })
    }
}

impl<P: Wire> BackEnd for OurBack<P> {
    fn take(&mut self) -> Option<Asked> {
        let request = self.ring.poll_request().expect("the front is in order")?;
        let (id, operation, value) = P::asked(&request);
        Some(Asked { id, operation, value })
    }

    fn stage(&mut self, asked: Asked, status: i16) {
        let debt = self.ring.debt().expect("the front is in order").expect("a request was taken");
        debt.stage(&P::reply(asked.id, asked.operation, status));
    }

    fn publish(&mut self) -> bool {
        self.ring.publish().expect("the front is in order") == Notify::Yes
    }
}
