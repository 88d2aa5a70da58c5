//! The adversary stepper on fronts in two halves, on rings that are drained and given up, and on those that replace them.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use xen_sim::adversary::{Memory, slots, step_all, step_once};
use xen_sim::rings::{Asks, Kept, Left, shape};

const PAGE: usize = 4096;
/// The indices wrap in the middle of what is tried.
const START: u32 = u32::MAX;
const SLOTS: u32 = 2;

type Front<'m> = Asks<'m, 64>;
type Conversation = fn(&Memory) -> bool;

/// Has the conversation with a front amid its work.
fn amid(memory: &Memory, work: [usize; 2], act: impl FnOnce(Front<'_>) -> Front<'_>) -> bool {
    act(Asks::amid(memory, &mut Kept::new(), [SLOTS, START], work)).finish()
}

/// Has the conversation with the halves of one.
fn halves<R>(memory: &Memory, work: [usize; 2], act: impl FnOnce(&mut Front<'_>) -> R) -> bool {
    amid(memory, work, |front| {
        let mut parted = front.split();
        act(&mut parted);
        parted
    })
}

const HALVES: [(&str, Conversation); 12] = [
    ("part and join", |memory| amid(memory, [2, 1], |front| front.split().join())),
    ("stage", |memory| halves(memory, [0, 0], |front| front.stage())),
    ("stage in a full ring", |memory| halves(memory, [2, 0], |front| front.stage())),
    ("stage at once", |memory| halves(memory, [0, 0], |front| front.stage_all(3))),
    ("publish", |memory| {
        halves(memory, [0, 0], |front| {
            memory.peace(|| assert!(front.stage() && front.stage()));
            front.publish()
        })
    }),
    ("take an answer", |memory| halves(memory, [2, 1], |front| front.poll())),
    ("take none", |memory| halves(memory, [2, 0], |front| front.poll())),
    ("take all", |memory| halves(memory, [2, 2], |front| front.poll_many(8))),
    ("sweep", |memory| halves(memory, [2, 2], |front| front.sweep(8))),
    ("arm", |memory| halves(memory, [2, 0], |front| front.arm())),
    ("ask after the other half was lied to", |memory| {
        halves(memory, [1, 1], |front| {
            front.poll();
            front.stage();
            front.publish();
        })
    }),
    ("by turns in halves and whole", |memory| {
        amid(memory, [0, 0], |mut front| {
            for _ in 0..3 {
                front = front.split();
                while front.stage() {}
                front.publish();
                front.serve();
                front = front.join();
                front.answer(1);
                front.answer(0);
                front.poll_many(8);
            }
            front
        })
    }),
];

/// Takes up a ring that another front has used, on which nothing is outstanding, and uses it.
fn take_up(memory: &Memory) -> bool {
    memory.peace(|| {
        let mut kept = Kept::new();
        let mut before = Front::amid(memory, &mut kept, [SLOTS, START], [2, 2]);
        assert!(before.poll() && before.poll());
    });
    let mut kept = Kept::new();
    let Ok(mut front) = Front::attach(memory, &mut kept, [SLOTS, START.wrapping_add(2)]) else { return true };
    turn(&mut front);
    assert!(memory.lied() || front.is_settled());
    front.finish()
}

/// Asks, is answered, and takes the answers.
fn turn(front: &mut Front<'_>) {
    while front.stage() {}
    front.publish();
    front.serve();
    while front.answer(0) {}
    front.poll_many(8);
}

/// Leaves a ring that is struck until then; what is done with what it left does not touch its page.
fn leave(memory: &Memory, work: [usize; 2], act: impl FnOnce(Left<'_, 64>) -> bool) -> bool {
    let mut kept = Kept::new();
    let mut front = Asks::amid(memory, &mut kept, [SLOTS, START], work).drain(1);
    front.stage();
    front.leave().map_or_else(|_| unreachable!("it submits nothing that another left"), act)
}

/// Submits what an old ring left on a new one, which is struck, and goes on with that.
fn replay(memory: &Memory, slots: u32, onward: impl FnOnce(Front<'_>) -> Front<'_>) -> bool {
    let (old, mut kept, mut fresh) = (Memory::new(PAGE), Kept::new(), Kept::new());
    let mut front = Asks::amid(&old, &mut kept, [4, START], [3, 1]);
    assert!(front.poll() && front.stage() && front.stage());
    let Ok(left) = front.leave() else { unreachable!("it submits nothing that another left") };
    onward(Asks::new(memory, &mut fresh, [slots, START]).replaying(left)).finish()
}

/// Submits all that was left, with answers between where the ring is too small, and something new.
fn all_of_it(mut front: Front<'_>) -> Front<'_> {
    for _ in 0..4 {
        turn(&mut front);
        while front.poll() {}
        front = front.open();
    }
    assert!(front.memory().lied() || front.is_settled());
    front
}

const RINGS: [(&str, Conversation); 17] = [
    ("take up", take_up),
    ("drain", |memory| amid(memory, [2, 1], |front| front.drain(8))),
    ("drain by one", |memory| amid(memory, [2, 2], |front| front.drain(1))),
    ("drain what is empty", |memory| amid(memory, [0, 0], |front| front.drain(8))),
    ("drain twice and go on", |memory| {
        amid(memory, [2, 1], |front| {
            let mut front = front.drain(9).drain(8);
            front.answer(0);
            turn(&mut front);
            front
        })
    }),
    ("drain halves", |memory| amid(memory, [2, 1], |front| front.split().drain(8).split())),
    ("leave", |memory| leave(memory, [2, 1], |left| left.finish())),
    ("leave what is drained", |memory| leave(memory, [1, 1], |left| left.drained().finish())),
    ("leave what is not", |memory| leave(memory, [2, 1], |left| left.drained().finish())),
    ("complete what is left", |memory| leave(memory, [1, 0], |left| left.completed().drained().finish())),
    ("replay what is left", |memory| leave(memory, [1, 0], |left| left.replayed().completed().finish())),
    ("take the oldest out", |memory| {
        leave(memory, [2, 0], |mut left| {
            while left.take_oldest().is_some() {}
            left.finish()
        })
    }),
    ("replay elsewhere", |memory| {
        leave(memory, [2, 1], |left| {
            let (other, mut kept, found) = (Memory::new(PAGE), Kept::new(), left.found());
            let front = all_of_it(Asks::new(&other, &mut kept, [1, 9]).replaying(left));
            assert!(front.is_settled() && !front.finish(), "the new peer is another");
            found
        })
    }),
    ("replay", |memory| replay(memory, 4, all_of_it)),
    ("replay on a smaller ring", |memory| replay(memory, 2, all_of_it)),
    ("replay a part", |memory| {
        replay(memory, 4, |mut front| {
            front.stage();
            front.publish();
            front = front.open();
            front.stage();
            front
        })
    }),
    ("leave again", |memory| {
        replay(memory, 4, |mut front| {
            while front.stage() {}
            front.publish();
            front.leave().map_or_else(|front| front, |_| unreachable!("not before it is open"))
        })
    }),
];

#[test]
fn r01_r02_r03_r04_r06_r07_r08_r10_r11_r30_r32_halves_struck_everywhere() {
    let dictionary = slots(&shape(SLOTS));
    step_all("halves", &HALVES, |converse| step_once(PAGE, &dictionary, converse), [5_700, 0, 1_200]);
}

#[test]
fn r10_r11_r16_r18_r29_r30_rings_struck_while_they_are_drained_and_replaced() {
    let dictionary = slots(&shape(SLOTS));
    step_all("rings", &RINGS, |converse| step_once(PAGE, &dictionary, converse), [18_000, 0, 4_200]);
}
