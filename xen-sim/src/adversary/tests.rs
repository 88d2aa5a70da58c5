//! The rules bite: a ring that breaks one is noticed.

use super::*;
use xen_ring::{Flags as _, Words as _};

const PAGE: usize = 4096;

fn attacked(rules: &Rules, act: impl Fn(&Memory)) {
    let memory = Memory::new(PAGE);
    memory.attacked(rules, || act(&memory));
}

fn rules() -> Rules {
    Rules::none().budget(6).load(8, 1).flag(20, 2).copy(64..96)
}

#[test]
fn what_the_rules_allow_is_allowed() {
    attacked(&rules(), |memory| {
        memory.load(8);
        memory.copy_in(64, &mut [0; 16]);
        memory.copy_in(80, &mut [0; 16]);
        memory.copy_out(64, &[0; 16]);
        memory.set_byte(20, 5);
        assert!(memory.lower(20, 4));
    });
}

#[test]
#[should_panic(expected = "word 8 loaded 2 times")]
fn an_index_that_is_loaded_twice_is_noticed() {
    attacked(&rules(), |memory| _ = memory.load(8) + memory.load(8));
}

#[test]
#[should_panic(expected = "word 0 loaded 1 times")]
fn a_word_of_our_own_that_is_loaded_is_noticed() {
    attacked(&rules(), |memory| _ = memory.load(0));
}

#[test]
#[should_panic(expected = "flag 20 reached 3 times")]
fn a_flag_that_is_reached_too_often_is_noticed() {
    attacked(&rules(), |memory| {
        memory.raise(20, 1);
        let _ = memory.byte(20) + memory.byte(20);
    });
}

#[test]
#[should_panic(expected = "flag 21 reached 1 times")]
fn a_flag_that_is_not_ours_to_reach_is_noticed() {
    attacked(&rules(), |memory| memory.raise(21, 1));
}

/// A part is the same bytes, the same peer and the same log.
#[test]
fn a_part_is_no_memory_of_its_own() {
    let memory = Memory::new(2 * PAGE);
    let part = memory.part(PAGE);
    assert_eq!(part.size(), PAGE);
    memory.strike_at(1, Stroke::bytes("later", |bytes| bytes[PAGE + 64] = 7));
    let mut got = [0; 2];
    memory.attacked(&Rules::none().budget(2).load(PAGE + 8, 1).copy(PAGE + 64..PAGE + 66), || {
        _ = part.load(8);
        part.copy_in(64, &mut got);
    });
    assert_eq!((got, memory.drain()[1]), ([7, 0], Access::In(PAGE + 64, 2)));
}

#[test]
#[should_panic(expected = "copied twice")]
fn a_byte_that_is_read_twice_is_noticed() {
    attacked(&rules(), |memory| {
        memory.copy_in(64, &mut [0; 16]);
        memory.copy_in(79, &mut [0; 1]);
    });
}

#[test]
#[should_panic(expected = "no bytes of the ring's")]
fn a_copy_from_beyond_the_ring_is_noticed() {
    attacked(&rules(), |memory| memory.copy_in(90, &mut [0; 16]));
}

#[test]
#[should_panic(expected = "7 accesses where 6 are enough")]
fn an_operation_that_takes_long_is_noticed() {
    attacked(&rules(), |memory| (0..7).for_each(|_| memory.fence()));
}

#[test]
#[should_panic(expected = "an operation without an end")]
fn an_operation_that_does_not_end_is_noticed() {
    attacked(&rules(), |memory| {
        loop {
            memory.fence();
        }
    });
}

#[test]
#[should_panic(expected = "must not be touched")]
fn an_access_of_the_dead_is_noticed() {
    let memory = Memory::new(PAGE);
    memory.untouched(|| memory.load(8));
}

#[test]
#[should_panic(expected = "private bytes in the page")]
fn a_leak_is_noticed() {
    let memory = Memory::new(PAGE);
    memory.copy_out(64, &[CANARY; 4]);
    memory.is_clean();
}

/// A reader that checks one load and uses another: the stepper finds the access between them.
#[test]
#[should_panic(expected = "checked and used")]
fn a_double_fetch_is_found_by_stepping() {
    let dictionary = slots(&Shape { words: vec![8], size: 4, header: 0..64, slots: vec![], fields: [0, 8] });
    step(PAGE, &dictionary, |memory| {
        memory.attacked(&Rules::none().budget(2).load(8, 2), || {
            let checked = memory.load(8) <= 4;
            assert!(!checked || memory.load(8) <= 4, "checked and used");
        });
        false
    });
}

/// Every stroke at every access, and after the last one; every pair in an order.
#[test]
fn nothing_is_left_out() {
    let dictionary =
        slots(&Shape { words: vec![8], size: 4, header: 0..64, slots: vec![64..80, 80..96], fields: [0, 8] });
    let (n, m) = (3, dictionary.len());
    let figures = step(PAGE, &dictionary, |memory| {
        memory.attacked(&Rules::none().budget(n), || (0..n).for_each(|_| memory.fence()));
        memory.finish();
        memory.lied()
    });
    let points = (n + 1) * m;
    let expected = Figures { subjects: 1, accesses: n, strokes: m, singles: points, pairs: 0, found: 0 };
    let pairs = points * (points + 1) / 2;
    assert_eq!(figures, Figures { pairs, found: points + pairs, ..expected });
}
