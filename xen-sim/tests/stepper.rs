//! The adversary stepper: every public operation of the rings, struck before each of its accesses by each stroke of the
//! dictionary, and by each pair of strokes. How much that is, is printed and has a floor.
#![allow(clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

use xen_ring::{Bytes, Misbehaved, console_back, console_front, xenstore_back, xenstore_front};
use xen_sim::adversary::{Memory, Rules, Shape, bytes, slots, step, step_all};
use xen_sim::rings::{Asks, Kept, Place, Receives, Sends, Serves, byte_shape, shape};

const PAGE: usize = 4096;
/// The indices wrap in the middle of what is tried.
const START: u32 = u32::MAX;
const SLOTS: u32 = 2;

/// A front in the middle of its work.
fn front<'m>(memory: &'m Memory, kept: &'m mut Kept<64>, staged: usize, answered: usize) -> Asks<'m, 64> {
    Asks::amid(memory, kept, [SLOTS, START], [staged, answered])
}

type Conversation = fn(&Memory) -> bool;

const FRONT: [(&str, Conversation); 17] = [
    ("new", |memory| Asks::<64>::new(memory, &mut Kept::new(), [SLOTS, START]).finish()),
    ("stage", |memory| act(front(memory, &mut Kept::new(), 0, 0), |front| front.stage())),
    ("stage in a full ring", |memory| act(front(memory, &mut Kept::new(), 2, 0), |front| front.stage())),
    ("publish", |memory| {
        let mut kept = Kept::new();
        let mut front = front(memory, &mut kept, 0, 0);
        memory.peace(|| assert!(front.stage() && front.stage()));
        act(front, |front| front.publish())
    }),
    ("publish nothing", |memory| act(front(memory, &mut Kept::new(), 1, 0), |front| front.publish())),
    ("take an answer", |memory| act(front(memory, &mut Kept::new(), 2, 1), |front| front.poll())),
    ("take one of two", |memory| act(front(memory, &mut Kept::new(), 2, 2), |front| front.poll())),
    ("take none", |memory| act(front(memory, &mut Kept::new(), 2, 0), |front| front.poll())),
    ("take all", |memory| act(front(memory, &mut Kept::new(), 2, 2), |front| front.poll_many(8))),
    ("stage at once", |memory| act(front(memory, &mut Kept::new(), 0, 0), |front| front.stage_all(3))),
    ("sweep", |memory| act(front(memory, &mut Kept::new(), 2, 2), |front| front.sweep(8))),
    ("sweep and arm", |memory| {
        act(front(memory, &mut Kept::new(), 2, 1), |front| {
            front.sweep(8);
            front.arm();
            front.sweep(8);
        })
    }),
    ("arm", |memory| act(front(memory, &mut Kept::new(), 2, 0), |front| front.arm())),
    ("arm with answers left", |memory| {
        act(front(memory, &mut Kept::new(), 2, 2), |front| {
            front.sweep(1);
            front.arm();
        })
    }),
    ("give up", |memory| front(memory, &mut Kept::new(), 2, 1).finish()),
    ("stage and publish and take", |memory| {
        act(front(memory, &mut Kept::new(), 1, 1), |front| {
            front.stage();
            front.publish();
            front.serve();
            front.poll();
            front.answer(0);
            front.poll();
        })
    }),
    ("three turns", |memory| {
        let mut kept = Kept::new();
        let mut front = Asks::<64>::new(memory, &mut kept, [SLOTS, START]);
        for _ in 0..3 {
            while front.stage() {}
            front.publish();
            front.serve();
            front.answer(1);
            front.answer(0);
            front.poll_many(8);
        }
        front.finish()
    }),
];

fn act<'m, R>(mut front: Asks<'m, 64>, work: impl FnOnce(&mut Asks<'m, 64>) -> R) -> bool {
    work(&mut front);
    front.finish()
}

/// A back whose front has asked so much, of which so much is taken.
fn back(memory: &Memory, asked: u32, taken: u32) -> Serves<'_> {
    memory.peace(|| {
        memory.poke(8, START);
        memory.poke(0, START);
        let mut back = Serves::attach(memory, SLOTS, START).unwrap();
        (0..asked).for_each(|_| assert!(back.ask()));
        (0..taken).for_each(|_| assert!(back.poll()));
        back
    })
}

fn serve<'m, R>(mut back: Serves<'m>, work: impl FnOnce(&mut Serves<'m>) -> R) -> bool {
    work(&mut back);
    back.finish()
}

const BACK: [(&str, Conversation); 12] = [
    ("attach", |memory| Serves::attach(memory, SLOTS, 0).is_err()),
    ("take a request", |memory| serve(back(memory, 2, 0), |back| back.poll())),
    ("take none", |memory| serve(back(memory, 1, 1), |back| back.poll())),
    ("take all", |memory| serve(back(memory, 2, 0), |back| back.poll_many(8))),
    ("sweep", |memory| serve(back(memory, 2, 0), |back| back.sweep(8))),
    ("answer at once", |memory| serve(back(memory, 2, 0), |back| back.serve(8))),
    ("answer at once and arm", |memory| {
        serve(back(memory, 1, 0), |back| {
            back.serve(8);
            back.arm();
            back.publish();
        })
    }),
    ("stage an answer", |memory| serve(back(memory, 2, 1), |back| back.answer())),
    ("owe nothing", |memory| serve(back(memory, 0, 0), |back| back.answer())),
    ("publish", |memory| {
        let mut back = back(memory, 2, 2);
        memory.peace(|| assert!(back.answer() && back.answer()));
        serve(back, |back| back.publish())
    }),
    ("attach and serve", |memory| {
        let Ok(mut back) = Serves::attach(memory, SLOTS, 0) else { return true };
        back.ask();
        back.poll();
        back.answer();
        back.publish();
        back.poll();
        back.finish()
    }),
    ("three turns", |memory| {
        serve(back(memory, 0, 0), |back| {
            for _ in 0..3 {
                while back.ask() {}
                back.poll_many(8);
                while back.answer() {}
                back.publish();
            }
        })
    }),
];

fn sender(memory: &Memory, at: u32, sent: usize, taken: u32) -> Sends<'_> {
    sender_at(memory, Place::WITHIN, (at, sent), taken)
}

fn sender_at(memory: &Memory, place: Place, (at, sent): (u32, usize), taken: u32) -> Sends<'_> {
    memory.peace(|| {
        place.level(memory, at);
        let mut end = Sends::attach_to(memory, place, at).unwrap();
        assert_eq!(end.send(sent), Some(sent));
        end.take(taken);
        end
    })
}

fn receiver(memory: &Memory, at: u32, given: u32) -> Receives<'_> {
    receiver_at(memory, Place::WITHIN, at, given)
}

fn receiver_at(memory: &Memory, place: Place, at: u32, given: u32) -> Receives<'_> {
    memory.peace(|| {
        place.level(memory, at);
        let mut end = Receives::attach_to(memory, place, at).unwrap();
        end.give(given);
        end
    })
}

fn send<'m, R>(mut end: Sends<'m>, work: impl FnOnce(&mut Sends<'m>) -> R) -> bool {
    work(&mut end);
    end.finish()
}

fn receive<'m, R>(mut end: Receives<'m>, work: impl FnOnce(&mut Receives<'m>) -> R) -> bool {
    work(&mut end);
    end.finish()
}

/// Five bytes from here go to the end of the ring and around it, and over the index's wrap.
const ACROSS: u32 = u32::MAX - 2;

const BYTES: [(&str, Conversation); 14] = [
    ("attach to send", |memory| Sends::attach(memory, 0).is_err()),
    ("attach to receive", |memory| Receives::attach(memory, 0).is_err()),
    ("send", |memory| send(sender(memory, 0, 0, 0), |end| end.send(5))),
    ("send across the end", |memory| send(sender(memory, ACROSS, 1, 0), |end| end.send(5))),
    ("send too much", |memory| send(sender(memory, ACROSS, 4, 2), |end| end.send(60))),
    ("send nothing", |memory| send(sender(memory, ACROSS, 4, 2), |end| end.send(0))),
    ("room", |memory| send(sender(memory, ACROSS, 4, 2), |end| end.room())),
    ("drained", |memory| send(sender(memory, ACROSS, 4, 4), |end| end.is_drained())),
    ("receive", |memory| receive(receiver(memory, 0, 5), |end| end.receive(3))),
    ("receive across the end", |memory| receive(receiver(memory, ACROSS, 6), |end| end.receive(30))),
    ("receive nothing", |memory| receive(receiver(memory, ACROSS, 0), |end| end.receive(30))),
    ("empty", |memory| receive(receiver(memory, ACROSS, 1), |end| end.is_empty())),
    ("send three times", |memory| {
        send(sender(memory, ACROSS, 0, 0), |end| {
            for _ in 0..3 {
                end.send(5);
                end.take(4);
            }
        })
    }),
    ("receive three times", |memory| {
        receive(receiver(memory, ACROSS, 0), |end| {
            for _ in 0..3 {
                end.give(5);
                end.receive(4);
            }
        })
    }),
];

/// As flex rings are: the bytes in other pages than the indices. Lengths that three divides go in pieces.
const FLEX: [(&str, Conversation); 6] = [
    ("attach to send", |memory| Sends::attach_to(memory, Place::APART, 0).is_err()),
    ("attach to receive", |memory| Receives::attach_to(memory, Place::APART, 0).is_err()),
    ("send pieces", |memory| send(sender_at(memory, Place::APART, (ACROSS, 1), 0), |end| end.send(6))),
    ("send more pieces than fit", |memory| send(sender_at(memory, Place::APART, (ACROSS, 4), 2), |end| end.send(60))),
    ("receive pieces", |memory| receive(receiver_at(memory, Place::APART, ACROSS, 6), |end| end.receive(30))),
    ("send three times", |memory| {
        send(sender_at(memory, Place::APART, (ACROSS, 0), 0), |end| {
            for _ in 0..3 {
                end.send(6);
                end.take(4);
            }
        })
    }),
];

/// Takes both ends of a page of the given kind, and nothing else.
fn both<'m>(
    memory: &'m Memory,
    at: usize,
    take: impl FnOnce(&'m Memory) -> Result<Bytes<'m, Memory>, Misbehaved>,
) -> bool {
    let words = Rules::none().budget(4).load(at, 1).load(at + 4, 1).load(at + 8, 1).load(at + 12, 1);
    memory.attacked(&words, || take(memory).is_err())
}

const ENDS: [(&str, Conversation, usize, u32); 4] = [
    ("xenstore, front", |memory| both(memory, 2048, xenstore_front), 2048, 1024),
    ("xenstore, back", |memory| both(memory, 2048, xenstore_back), 2048, 1024),
    ("console, front", |memory| both(memory, 3072, console_front), 3072, 1024),
    ("console, back", |memory| both(memory, 3072, console_back), 3072, 1024),
];

#[test]
fn r01_r02_r03_r04_r06_r07_r08_r15_r16_r21_r25_r30_r32_fronts_struck_everywhere() {
    let dictionary = slots(&shape(SLOTS));
    step_all("front", &FRONT, |converse| step(PAGE, &dictionary, converse), [7_500, 900_000, 240_000]);
}

#[test]
fn r01_r03_r04_r06_r07_r15_r25_r30_backs_struck_everywhere() {
    let dictionary = slots(&shape(SLOTS));
    step_all("back", &BACK, |converse| step(PAGE, &dictionary, converse), [7_000, 1_100_000, 140_000]);
}

#[test]
fn c01_c02_c03_c05_c08_byte_rings_struck_everywhere() {
    let dictionary = bytes(&byte_shape());
    step_all("bytes", &BYTES, |converse| step(PAGE, &dictionary, converse), [1_400, 110_000, 9_500]);
    let dictionary = bytes(&Place::APART.shape());
    step_all("flex", &FLEX, |converse| step(2 * PAGE, &dictionary, converse), [800, 75_000, 5_000]);
}

#[test]
fn c01_c02_c08_pages_of_xenstore_and_console_struck_while_they_are_taken() {
    for (name, converse, at, size) in ENDS {
        let words = (at..at + 16).step_by(4).collect();
        let shape = Shape { words, size, header: at..at + 64, slots: Vec::new(), fields: [0, 4] };
        let figures = step(PAGE, &bytes(&shape), converse);
        println!("{name}: {figures}");
        assert!(figures.singles >= 200 && figures.pairs >= 19_000 && figures.found > 1000, "{name}: {figures}");
    }
}
