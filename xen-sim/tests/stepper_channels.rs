//! The adversary stepper on both ends of libxenvchan's channels: rings in the page and in pages of their own.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use xen_ring::{Moved, Transfer, VchanPeer};
use xen_sim::adversary::{Memory, Stroke, channel, step, step_all, step_once};
use xen_sim::rings::{CHANNEL, Channel, FLAGS, Orders, Rooms, Side, channel_shapes};

/// Five bytes from here go to the end of a ring of any order and around it, and over the index's wrap.
const ACROSS: u32 = u32::MAX - 2;

/// An end in the middle of its work: so much sent, and so much received of what an honest peer sent.
struct Setting {
    side: Side,
    orders: Orders,
}

impl Setting {
    /// Has the conversation with an end that is attached while the peer is still.
    fn with(
        &self,
        memory: &Memory,
        prepare: impl FnOnce(&mut Channel<'_>),
        act: impl FnOnce(&mut Channel<'_>),
    ) -> bool {
        let rooms = Rooms::offered(memory, self.orders, ACROSS);
        let mut end = memory.peace(|| {
            let mut end = Channel::attach(memory, &rooms, self.side, ACROSS).unwrap();
            end.come();
            prepare(&mut end);
            end
        });
        act(&mut end);
        end.finish()
    }

    /// Takes an end of what is there by then.
    fn attach(&self, memory: &Memory) -> bool {
        let rooms = Rooms::offered(memory, self.orders, ACROSS);
        Channel::attach(memory, &rooms, self.side, ACROSS).map_or(true, Channel::finish)
    }
}

type Conversation = fn(&Memory, &Setting) -> bool;

fn nothing(_: &mut Channel<'_>) {}

fn full(end: &mut Channel<'_>) {
    while let Some(Transfer::Moved(Moved { bytes: 1.., .. })) = end.send(4095) {}
}

const CONVERSATIONS: [(&str, Conversation); 13] = [
    ("attach", |memory, setting| setting.attach(memory)),
    ("send", |memory, setting| setting.with(memory, |end| end.ask(3), |end| _ = end.send(6))),
    ("send nothing", |memory, setting| setting.with(memory, nothing, |end| _ = end.send(0))),
    ("send into a full ring", |memory, setting| setting.with(memory, full, |end| _ = end.send(5))),
    ("send to one who is gone", |memory, setting| {
        setting.with(memory, |end| end.leave(), |end| (0..2).for_each(|_| _ = end.send(6)))
    }),
    ("receive", |memory, setting| {
        let given = |end: &mut Channel<'_>| {
            end.give(6);
            end.ask(3);
        };
        setting.with(memory, given, |end| _ = end.receive(9))
    }),
    ("receive nothing", |memory, setting| setting.with(memory, nothing, |end| _ = end.receive(9))),
    ("receive into nothing", |memory, setting| setting.with(memory, |end| end.give(6), |end| _ = end.receive(0))),
    ("receive to the end", |memory, setting| {
        let gone = |end: &mut Channel<'_>| {
            end.give(6);
            end.leave();
        };
        setting.with(memory, gone, |end| (0..3).for_each(|_| _ = end.receive(9)))
    }),
    ("ask who is there", |memory, setting| setting.with(memory, nothing, |end| _ = end.peer())),
    ("close", |memory, setting| setting.with(memory, |end| _ = end.send(3), nothing)),
    ("send three times", |memory, setting| {
        setting.with(memory, full, |end| {
            for _ in 0..3 {
                end.send(5);
                end.take(4);
            }
        })
    }),
    ("both ways", |memory, setting| {
        setting.with(memory, nothing, |end| {
            for _ in 0..3 {
                end.give(5);
                end.receive(4);
                end.send(5);
                end.take(5);
            }
        })
    }),
];

fn dictionary(orders: Orders) -> Vec<Stroke> {
    let [left, right] = channel_shapes(orders, ACROSS);
    channel([&left, &right], FLAGS)
}

#[test]
fn c01_c02_c03_c05_c08_c12_c13_c14_c15_r30_channels_struck_everywhere() {
    for orders in [[10, 11], [12, 10], [12, 13]] {
        for side in [Side::Client, Side::Server] {
            let setting = Setting { side, orders };
            let dictionary = dictionary(orders);
            let once = |converse: Conversation| step_once(CHANNEL, &dictionary, |memory| converse(memory, &setting));
            step_all(&format!("{side:?} of {orders:?}"), &CONVERSATIONS, once, [11_000, 0, 300]);
        }
    }
}

/// Two strokes, of every fifth that there are.
#[test]
fn c01_c02_c03_c13_c14_r30_channels_struck_twice() {
    for (side, orders) in [(Side::Client, [10, 11]), (Side::Server, [12, 10])] {
        let setting = Setting { side, orders };
        let dictionary: Vec<_> = dictionary(orders).into_iter().step_by(5).collect();
        let twice = |converse: Conversation| step(CHANNEL, &dictionary, |memory| converse(memory, &setting));
        step_all(&format!("{side:?} of {orders:?}, twice"), &CONVERSATIONS, twice, [2_000, 90_000, 9_000]);
    }
}

/// A client takes what is offered by then, or refuses it, and what becomes of the offer later changes nothing.
#[test]
fn c08_c12_c13_offers_struck_while_they_are_taken() {
    for orders in [[10, 11], [12, 10], [12, 13]] {
        let figures = step(CHANNEL, &dictionary(orders), |memory| {
            let honest = Rooms::offered(memory, orders, ACROSS);
            let Ok(rooms) = Rooms::accepted(memory) else { return true };
            assert!(memory.lied() || rooms.orders == honest.orders, "as it was offered");
            Channel::attach(memory, &rooms, Side::Client, ACROSS).map_or(true, |mut end| {
                let peer = end.peer();
                assert!(memory.lied() || peer == VchanPeer::Here);
                end.send(5);
                end.finish()
            })
        });
        println!("offer of {orders:?}: {figures}");
        assert!(figures.singles >= 1_500 && figures.found >= 99, "{figures}");
    }
}
