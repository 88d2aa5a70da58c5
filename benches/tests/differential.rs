//! The same operations by our ends and by the C macros, in all four pairs, each on a page of its own: after each step all
//! four must have said the same, and their pages must be the same, byte by byte.
#![allow(clippy::expect_used, clippy::std_instead_of_core, reason = "a panic is a failed test")]

#[cfg(not(xen_headers))]
#[test]
fn differential() {
    xen_benches::skip();
}

#[cfg(xen_headers)]
mod slots {
    use proptest::prelude::*;
    use xen_benches::c::{CBack, CFront, CWire, Compiled};
    use xen_benches::ends::{Answered, Asked, FrontEnd};
    use xen_benches::ours::{OurBack, OurFront};
    use xen_benches::page::page;
    use xen_benches::talk::Talk;
    use xen_benches::wire::{Block, Small};
    use xen_hypercall::SharedPage;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Stage(u32),
        Publish,
        Receive,
        Answer(usize, i16),
        Reply,
        Take,
    }

    /// What an end said.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Said {
        Id(Option<u64>),
        Notify(bool),
        Asked(Option<Asked>),
        Answered(Option<Answered>),
    }

    /// Steps of which some kinds come more often than others: the ring runs full, or empty, or the ends keep pace.
    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let often = || 1..12_u32;
        [often(), often(), often(), often(), often(), often()]
            .prop_flat_map(|often| proptest::collection::vec(step(often), 1..400))
    }

    fn step(often: [u32; 6]) -> impl Strategy<Value = Step> {
        prop_oneof![
            often[0] => any::<u32>().prop_map(Step::Stage),
            often[1] => Just(Step::Publish),
            often[2] => Just(Step::Receive),
            often[3] => (any::<usize>(), any::<i16>()).prop_map(|(which, status)| Step::Answer(which, status)),
            often[4] => Just(Step::Reply),
            often[5] => Just(Step::Take),
        ]
    }

    /// Where indices begin: so that they soon wrap, as a rule.
    fn start() -> impl Strategy<Value = u32> {
        prop_oneof![4 => (0..200_u32).prop_map(|before| 0_u32.wrapping_sub(before)), 1 => Just(0), 1 => any::<u32>()]
    }

    fn compiled() -> impl Strategy<Value = Compiled> {
        proptest::sample::select(&Compiled::ALL[..])
    }

    /// Two ends and their page.
    struct Pair {
        name: &'static str,
        talk: Talk,
        page: &'static SharedPage,
    }

    impl Pair {
        fn new(name: &'static str, make: impl FnOnce(&'static SharedPage) -> Talk) -> Self {
            let page = page();
            Self { name, talk: make(page), page }
        }

        /// `id` is what the first pair's front, which is ours, gave to this request.
        fn step(&mut self, step: Step, id: Option<u64>) -> Said {
            match step {
                Step::Stage(value) => Said::Id(self.talk.stage(value, id)),
                Step::Publish => Said::Notify(self.talk.publish()),
                Step::Receive => Said::Asked(self.talk.receive()),
                Step::Answer(which, status) => Said::Asked(self.talk.answer(which, status)),
                Step::Reply => Said::Notify(self.talk.reply()),
                Step::Take => Said::Answered(self.talk.take()),
            }
        }

        fn bytes(&self) -> [u8; 4096] {
            let mut bytes = [0; 4096];
            self.page.copy_in(0, &mut bytes);
            bytes
        }
    }

    /// All four pairs, ours alone first.
    fn pairs<P: CWire, const N: usize>(compiled: Compiled, start: u32) -> [Pair; 4] {
        let front = move |page| Box::new(OurFront::<P, N>::starting_at(page, start));
        let c_front = move |page| Box::new(CFront::<P>::starting_at(compiled, page, start));
        let back = |page| Box::new(OurBack::<P>::attach(page));
        let c_back = move |page| Box::new(CBack::<P>::starting_at(compiled, page, start));
        [
            Pair::new("ours with ours", |page| Talk::new(front(page), back(page))),
            Pair::new("our front with C's back", |page| Talk::new(front(page), c_back(page))),
            Pair::new("C's front with our back", |page| Talk::new(c_front(page), back(page))),
            Pair::new("C with C", |page| Talk::new(c_front(page), c_back(page))),
        ]
    }

    /// Takes the steps with each pair, and tells the first difference from the first pair.
    fn compare(pairs: &mut [Pair], steps: &[Step]) -> Result<(), String> {
        let (first, others) = pairs.split_first_mut().expect("there are four");
        for (number, step) in steps.iter().enumerate() {
            let said = first.step(*step, None);
            let id = if let Said::Id(id) = said { id } else { None };
            let bytes = first.bytes();
            for other in &mut *others {
                let where_ = format!("{}, step {number}, {step:?}", other.name);
                let theirs = other.step(*step, id);
                if theirs != said {
                    return Err(format!("{where_}: {theirs:?} and not {said:?}"));
                }
                let theirs = other.bytes();
                if theirs != bytes {
                    let at = theirs.iter().zip(&bytes).position(|(one, two)| one != two).unwrap_or_default();
                    return Err(format!("{where_}: byte {at} of the page differs"));
                }
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn block_rings_are_the_same(
            compiled in compiled(), start in start(), steps in steps()
        ) {
            compare(&mut pairs::<Block, 32>(compiled, start), &steps).map_err(TestCaseError::fail)?;
        }

        #[test]
        fn rings_of_small_slots_are_the_same(
            compiled in compiled(), start in start(), steps in steps()
        ) {
            compare(&mut pairs::<Small, 128>(compiled, start), &steps).map_err(TestCaseError::fail)?;
        }
    }

    /// A front that is wrong in one way.
    struct Wrong(OurFront<Block, 32>, fn(&mut OurFront<Block, 32>) -> bool);

    impl FrontEnd for Wrong {
        fn stage(&mut self, value: u32, id: u64) -> Option<u64> {
            self.0.stage(value, id)
        }

        fn publish(&mut self) -> bool {
            (self.1)(&mut self.0)
        }

        fn take(&mut self) -> Option<Answered> {
            self.0.take()
        }
    }

    #[test]
    fn a_difference_is_found() {
        let steps = [Step::Stage(1), Step::Publish, Step::Stage(2), Step::Publish];
        let found = |how: fn(&mut OurFront<Block, 32>) -> bool| {
            let wrong = |page| Box::new(Wrong(OurFront::starting_at(page, u32::MAX), how));
            let right = |page| Box::new(OurFront::<Block, 32>::starting_at(page, u32::MAX));
            let back = |page| Box::new(OurBack::<Block>::attach(page));
            let right = Pair::new("right", |page| Talk::new(right(page), back(page)));
            let wrong = Pair::new("wrong", |page| Talk::new(wrong(page), back(page)));
            compare(&mut [right, wrong], &steps)
        };
        assert_eq!(found(FrontEnd::publish), Ok(()));
        let always = found(|front| {
            FrontEnd::publish(front);
            true
        });
        assert_eq!(always, Err("wrong, step 3, Publish: Notify(true) and not Notify(false)".to_owned()));
        let unpublished = found(|_| true);
        assert_eq!(unpublished, Err("wrong, step 1, Publish: byte 0 of the page differs".to_owned()));
    }
}
