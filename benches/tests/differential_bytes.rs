//! The same bytes through our byte ring and through the flex ring of the C macros, in all four pairs of writer and reader,
//! each on pages of its own, in one page or as flex rings of each order: after each step the same bytes came out, and the
//! pages are the same. Ours go in one piece or in two.
#![allow(clippy::expect_used, clippy::std_instead_of_core, reason = "a panic is a failed test")]

#[cfg(not(xen_headers))]
#[test]
fn differential() {
    xen_benches::skip();
}

#[cfg(xen_headers)]
mod bytes {
    use core::sync::atomic::Ordering::Relaxed;

    use proptest::prelude::*;
    use xen_benches::bytes::OurBytes;
    use xen_benches::c::{CBytes, Compiled};
    use xen_benches::page::{page, pages};
    use xen_hypercall::{SharedPage, SharedPages};

    #[derive(Debug, Clone)]
    enum Step {
        Write(Vec<u8>),
        Read(usize),
    }

    fn step(size: usize) -> impl Strategy<Value = Step> {
        // Now and then more than there can be.
        let len = 0..=size + size / 8;
        let bytes = |(len, first): (usize, u8)| (first..=u8::MAX).cycle().take(len).collect();
        prop_oneof![(len.clone(), any::<u8>()).prop_map(bytes).prop_map(Step::Write), len.prop_map(Step::Read)]
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Make {
        Ours,
        C,
    }

    struct Ring {
        makes: [Make; 2],
        page: &'static SharedPage,
        data: Option<&'static SharedPages<'static>>,
        ours: OurBytes,
        c: CBytes,
    }

    impl Ring {
        fn new(makes: [Make; 2], compiled: Compiled, size: u32, start: u32) -> Self {
            let page = page();
            page.u32s_at::<0, 2>().iter().for_each(|index| index.store(start, Relaxed));
            let ours = OurBytes::attach(page, size).expect("both at one place");
            Self { makes, page, data: None, ours, c: CBytes::attach(compiled, page, size) }
        }

        fn flex(makes: [Make; 2], compiled: Compiled, order: u32, start: u32) -> Self {
            let (page, data) = (page(), pages(1 << order));
            page.u32s_at::<64, 2>().iter().for_each(|index| index.store(start, Relaxed));
            let ours = OurBytes::flex(page, data).expect("both at one place");
            Self { makes, page, data: Some(data), ours, c: CBytes::flex(compiled, page, data) }
        }

        /// The macros are asked for what is possible, ours for everything.
        fn write(&mut self, bytes: &[u8], possible: usize) -> usize {
            match self.makes[0] {
                Make::Ours if bytes.len().is_multiple_of(2) => self.ours.write(bytes).expect("the reader is in order"),
                Make::Ours => {
                    let (one, two) = bytes.split_at(bytes.len() / 3);
                    self.ours.write_pieces(one, two).expect("the reader is in order")
                }
                Make::C => self.c.write(&bytes[..possible]),
            }
        }

        fn read(&mut self, len: usize, possible: usize) -> Vec<u8> {
            let mut bytes = vec![0; len];
            let count = match self.makes[1] {
                Make::Ours if len.is_multiple_of(2) => self.ours.read(&mut bytes).expect("the writer is in order"),
                Make::Ours => {
                    let (one, two) = bytes.split_at_mut(len / 3);
                    self.ours.read_pieces(one, two).expect("the writer is in order")
                }
                Make::C => self.c.read(&mut bytes[..possible]),
            };
            bytes.truncate(count);
            bytes
        }

        fn bytes(&self) -> Vec<u8> {
            let mut bytes = vec![0; 4096 + self.data.map_or(0, SharedPages::size)];
            let (page, data) = bytes.split_at_mut(4096);
            self.page.copy_in(0, page);
            self.data.iter().for_each(|pages| pages.copy_in(0, data));
            bytes
        }
    }

    /// Takes the steps with each ring; what is in flight is known here, too.
    fn compare(rings: &mut [Ring], size: usize, steps: &[Step]) -> Result<(), String> {
        let mut flight: Vec<u8> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let possible = match step {
                Step::Write(bytes) => bytes.len().min(size - flight.len()),
                Step::Read(len) => flight.len().min(*len),
            };
            let out: Vec<u8> = match step {
                Step::Write(bytes) => {
                    flight.extend(&bytes[..possible]);
                    Vec::new()
                }
                Step::Read(_) => flight.drain(..possible).collect(),
            };
            for ring in &mut *rings {
                let good = match step {
                    Step::Write(bytes) => ring.write(bytes, possible) == possible,
                    Step::Read(len) => ring.read(*len, possible) == out,
                };
                if !good {
                    return Err(format!("{:?}, step {number}: not the {possible} bytes that were due", ring.makes));
                }
            }
            let (first, others) = rings.split_first().expect("there are four");
            let bytes = first.bytes();
            for other in others {
                let theirs = other.bytes();
                if theirs != bytes {
                    let at = theirs.iter().zip(&bytes).position(|(one, two)| one != two).unwrap_or_default();
                    return Err(format!("{:?}, step {number}: byte {at} of the page differs", other.makes));
                }
            }
        }
        Ok(())
    }

    const MAKES: [[Make; 2]; 4] =
        [[Make::Ours, Make::Ours], [Make::Ours, Make::C], [Make::C, Make::Ours], [Make::C, Make::C]];

    fn rings(compiled: Compiled, size: u32, start: u32) -> [Ring; 4] {
        MAKES.map(|makes| Ring::new(makes, compiled, size, start))
    }

    fn talks() -> impl Strategy<Value = (u32, Vec<Step>)> {
        proptest::sample::select(&[16_u32, 256, 1024, 2048][..])
            .prop_flat_map(|size| (Just(size), proptest::collection::vec(step(size as usize), 1..60)))
    }

    proptest! {
        #[test]
        fn byte_rings_are_the_same(
            compiled in proptest::sample::select(&Compiled::ALL[..]),
            before in 0..5000_u32,
            (size, steps) in talks(),
        ) {
            let mut rings = rings(compiled, size, 0_u32.wrapping_sub(before));
            compare(&mut rings, size as usize, &steps).map_err(TestCaseError::fail)?;
        }
    }

    proptest! {
        // Pages are never freed, and there are many.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn flex_rings_are_the_same_at_every_order(
            compiled in proptest::sample::select(&Compiled::ALL[..]),
            before in 0..20_000_u32,
            (order, steps) in (0..=4_u32).prop_flat_map(|order| {
                (Just(order), proptest::collection::vec(step(2048 << order), 1..20))
            }),
        ) {
            let mut rings = MAKES.map(|makes| Ring::flex(makes, compiled, order, 0_u32.wrapping_sub(before)));
            compare(&mut rings, 2048 << order, &steps).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn a_difference_is_found() {
        let steps = [Step::Write(vec![1, 2, 3]), Step::Read(2), Step::Read(2)];
        assert_eq!(compare(&mut rings(Compiled::O2, 16, 0), 16, &steps), Ok(()));
        let mut wrong = rings(Compiled::O2, 16, 0);
        wrong[3].page.copy_out(1024 + 9, &[7]);
        let found = compare(&mut wrong, 16, &steps);
        assert_eq!(found, Err("[C, C], step 0: byte 1033 of the page differs".to_owned()));
        let mut wrong = rings(Compiled::O2, 16, 0);
        assert_eq!(wrong[2].write(&[0], 1), 1);
        let found = compare(&mut wrong, 16, &steps);
        assert!(found.is_err_and(|why| why.starts_with("[C, Ours], step 0")));
    }
}
