//! The facade for tasks, under an executor of ten lines, on the mock host.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[path = "support/guest.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod guest;
#[path = "support/tasks.rs"]
mod tasks;

use std::cell::{Cell, RefCell};
use std::future::{Future as _, pending};
use std::pin::pin;
use std::task::{Context, Waker};

use tasks::{Tasks, all, both, first};
use xen_hypercall::Nanos;
use xen_mock::{Destination, Host, Save, StoreOp};
use xen_store::future::{Client, Inside, Seat};
use xen_store::{Attempts, Core, Fault, Nodes, Path, Refusal, Reply, Request, Requests, Ring, Store, StoreError};

const A: Path<'_> = Path::literal("data/a");
const B: Path<'_> = Path::literal("data/b");

type Tested<'a, const R: usize, const W: usize> = Client<'a, &'a Tasks, R, W>;

/// Writes to one node, again and again, and what became of each.
struct Writes([Option<Result<(), StoreError>>; 6]);

impl Requests for Writes {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn ask(
        &mut self,
        _index: usize,
        ask: &mut dyn FnMut(Request<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        ask(Request::Write(A, b"1"))
    }

    fn answer(&mut self, index: usize, answer: Result<Reply<'_>, StoreError>) {
        assert_eq!(self.0[index].replace(answer.map(drop)), None, "answered twice");
    }
}

/// Runs tasks on a client of so many slots and watches, with its driver beside them.
fn run<const R: usize, const W: usize>(host: &Host, test: impl AsyncFnOnce(&Tested<'_, R, W>, &Tasks)) {
    run_with(host, &mut [], test);
}

/// Does as `run`, with so many more seats.
fn run_with<const R: usize, const W: usize>(
    host: &Host,
    seats: &mut [Seat],
    test: impl AsyncFnOnce(&Tested<'_, R, W>, &Tasks),
) {
    let tasks = Tasks::new(host);
    let page = tasks.seam.page();
    let mut core: Core<R, W> = Core::new();
    let client = Client::new(Store::attach(&page, &mut core, &tasks).unwrap()).with_seats(seats);
    tasks.block_on(async {
        first(test(&client, &tasks), async {
            let over = client.drive().await;
            // Everybody is told before.
            assert_eq!(over, StoreError::Poisoned(Fault::Oversize(5000)));
            pending::<()>().await;
        })
        .await;
    });
    host.check().unwrap();
}

#[test]
fn reads_and_writes() {
    let host = Host::builder().name("tested").build();
    run::<2, 0>(&host, async |client, _| {
        let mut buffer = [0; 64];
        assert_eq!(client.read(Path::literal("name"), &mut buffer).await, Ok(&b"tested"[..]));
        client.write(A, b"value").await.unwrap();
        assert_eq!(client.read(A, &mut [0; 4]).await.map(drop), Err(StoreError::BufferTooSmall(5)));
        assert_eq!(client.read(B, &mut buffer).await.map(drop), Err(StoreError::Said(Refusal::NoEntry)));
        let mut names = [0; 64];
        let reply = client.perform(Request::Directory(Path::literal("data")), &mut names).await.unwrap();
        assert_eq!(reply.names().unwrap().collect::<Vec<_>>(), ["a"]);
    });
    assert_eq!(host.store().read("data/a").as_deref(), Some("value"));
}

/// More tasks than slots: each has its own answer, and what is asked at once goes out with few events.
#[test]
fn many_tasks_share_few_slots() {
    let host = Host::builder().build();
    (0..8).for_each(|at| host.store().write(&format!("data/{at}"), format!("value {at}")));
    run::<4, 0>(&host, async |client, tasks| {
        let read = async |at: usize| {
            let path = format!("data/{at}");
            let mut buffer = [0; 16];
            client.read(Path::new(&path).unwrap(), &mut buffer).await.map(|value| value.to_vec())
        };
        let sent = tasks.notified.get();
        let values = all((0..8).map(read)).await;
        assert_eq!(values, (0..8).map(|at| Ok(format!("value {at}").into_bytes())).collect::<Vec<_>>());
        assert!(tasks.notified.get() - sent <= 8, "{} events", tasks.notified.get() - sent);
    });
}

/// Of each two seats one is for the slot and one for the clock: twice as many as there are slots may wait for one, and as
/// many more as half the seats that are added; the next is told that it is too many.
#[test]
fn as_many_may_wait_for_a_slot_as_there_are_seats() {
    for (seats, waiting) in [(0, 4), (190, 99)] {
        let host = Host::builder().build();
        let mut seats: Vec<_> = (0..seats).map(|_| Seat::new()).collect();
        run_with::<2, 0>(&host, &mut seats, async |client, _| {
            let read = async |_| client.read(Path::literal("domid"), &mut [0; 16]).await.map(drop);
            let done = all((0..101).map(read)).await;
            // One is under way, of a slot that is no suspend's.
            assert_eq!(done[..=waiting], vec![Ok(()); waiting + 1]);
            assert_eq!(done[waiting + 1..], vec![Err(StoreError::Full); 100 - waiting]);
        });
    }
}

/// S13: a pipeline that has no answers ends, as each of its requests does.
#[test]
fn s13_a_pipeline_without_answers_ends() {
    let host = Host::builder().build();
    run::<3, 0>(&host, async |client, tasks| {
        client.with(|store| store.set_patience(Nanos::from_secs(2)));
        host.faults().on_store(StoreOp::Write).times(9).swallows();
        let (begun, mut writes) = (tasks.time(), Writes([None; 6]));
        client.pipeline(&mut writes).await;
        assert_eq!(writes.0, [Some(Err(StoreError::TimedOut)); 6]);
        assert!(tasks.time().since(begun) < Nanos::from_secs(9));
    });
}

/// S13: what the server owes is set free by a later answer, also where a slot is kept for a suspend.
#[test]
fn s13_a_lost_answer_takes_no_slot_for_ever() {
    let host = Host::builder().build();
    run::<2, 0>(&host, async |client, _| {
        client.with(|store| store.set_patience(Nanos::from_secs(2)));
        for _ in 0..3 {
            host.faults().on_store(StoreOp::Read).swallows();
            assert_eq!(client.read(A, &mut [0; 8]).await.map(drop), Err(StoreError::TimedOut));
            assert_eq!(client.read(Path::literal("domid"), &mut [0; 8]).await.map(drop), Ok(()));
        }
        let mut writes = Writes([None; 6]);
        client.pipeline(&mut writes).await;
        assert_eq!(writes.0, [Some(Ok(())); 6]);
    });
}

/// Who waits for a slot and is not polled, for its task waits for something else, holds up the others as long as its own
/// patience lasts.
#[test]
fn who_is_not_polled_holds_up_nobody_for_ever() {
    let host = Host::builder().build();
    run::<2, 0>(&host, async |client, tasks| {
        let begun = tasks.time();
        client.with(|store| store.set_patience(Nanos::from_secs(3)));
        host.faults().on_store(StoreOp::Read).delays(Nanos::from_secs(1));
        let slow = async { client.read(Path::literal("domid"), &mut [0; 8]).await.map(drop) };
        let other = async {
            let mut buffer = [0; 8];
            let mut waits = pin!(client.read(Path::literal("domid"), &mut buffer));
            assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            tasks.sleep(Nanos::from_secs(2)).await;
            let written = client.write(A, b"1").await;
            assert_eq!(waits.await.map(drop), Ok(()), "it has a slot like all others");
            written
        };
        assert_eq!(both(slow, other).await, (Ok(()), Ok(())));
        let lasted = tasks.time().since(begun);
        assert!(lasted >= Nanos::from_secs(3) && lasted < Nanos::from_secs(4), "{lasted:?}");
    });
}

/// As many transactions as there are slots may be open; all that are dropped are ended, at once or not.
#[test]
fn transactions_that_are_dropped_together_are_all_ended() {
    let host = Host::builder().build();
    run::<2, 0>(&host, async |client, tasks| {
        let hold = async || {
            let held = client.transaction(Attempts(1), async |_| {
                tasks.sleep(Nanos::from_secs(1)).await;
                Err::<(), _>(StoreError::Stale)
            });
            held.await
        };
        for _ in 0..4 {
            let stale = Err(StoreError::Stale);
            assert_eq!(both(both(hold(), hold()), hold()).await, ((stale, stale), Err(StoreError::Full)));
            tasks.sleep(Nanos::from_millis(100)).await;
        }
        assert_eq!(client.with(|store| store.core().reset().map(drop)), Ok(()), "none is open");
    });
}

/// A task that waits until something is heard is told that nothing will be, whatever has been heard before.
#[test]
fn heard_leaves_the_event_and_tells_of_the_end() {
    let host = Host::builder().build();
    run::<2, 1>(&host, async |client, _| {
        let watch = client.watch(A).await.unwrap();
        assert_eq!((client.heard(watch).await, client.heard(watch).await), (Ok(()), Ok(())));
        client.with(|store| store.core().handle_fault(Fault::Oversize(5000)));
        assert_eq!(client.heard(watch).await, Err(StoreError::Poisoned(Fault::Oversize(5000))));
    });
    run::<2, 2>(&Host::builder().build(), async |client, _| {
        let old = client.watch(A).await.unwrap();
        client.unwatch(old).unwrap();
        let new = client.watch(B).await.unwrap();
        assert_eq!((client.heard(new).await, client.heard(old).await), (Ok(()), Err(StoreError::Stale)));
    });
}

/// S11, S13: a future that is dropped gives its request up; a late answer reaches nobody, and the slot comes back.
#[test]
fn s11_a_dropped_future_gives_up_its_request() {
    let host = Host::builder().build();
    host.store().write("data/a", "1");
    run::<1, 0>(&host, async |client, tasks| {
        host.faults().on_store(StoreOp::Read).delays(Nanos::from_secs(2));
        let given_up = first(async { Some(client.read(A, &mut [0; 8]).await.map(drop)) }, async {
            tasks.sleep(Nanos::from_secs(1)).await;
            None
        })
        .await;
        assert_eq!(given_up, None, "the timer was first");
        let mut buffer = [0; 16];
        assert_eq!(client.read(Path::literal("domid"), &mut buffer).await, Ok(&b"1"[..]), "not the late answer");
    });
}

/// S13: a server that answers nobody, so that no slot is free any more, keeps nobody waiting for one for ever; and there is
/// one for a suspend.
#[test]
fn s13_no_slot_ever() {
    let host = Host::builder().build();
    run::<3, 1>(&host, async |client, tasks| {
        client.with(|store| store.set_patience(Nanos::from_secs(2)));
        let read = async |_| client.read(Path::literal("domid"), &mut [0; 16]).await.map(drop);
        host.faults().on_store(StoreOp::Read).times(2).swallows();
        let before = tasks.time();
        let done = all((0..8).map(read)).await;
        // Where nobody waits for an answer any more, who is next may have the slot that is kept.
        assert_eq!(
            (done[2], done[..2].iter().chain(&done[3..]).all(|done| *done == Err(StoreError::TimedOut))),
            (Ok(()), true)
        );
        let lasted = tasks.time().since(before);
        assert!(lasted >= Nanos::from_secs(2) && lasted < Nanos::from_secs(3), "{lasted:?}");
        assert_eq!(client.with(|store| store.read(Path::literal("domid"), &mut [0; 16]).map(drop)), Ok(()));
    });
}

#[test]
fn s13_no_answer_ever() {
    let host = Host::builder().build();
    run::<3, 1>(&host, async |client, tasks| {
        client.with(|store| store.set_patience(Nanos::from_secs(2)));
        host.faults().on_store(StoreOp::Read).swallows();
        let before = tasks.time();
        assert_eq!(client.read(A, &mut [0; 8]).await.map(drop), Err(StoreError::TimedOut));
        let lasted = tasks.time().since(before);
        assert!(lasted >= Nanos::from_secs(2) && lasted < Nanos::from_secs(3), "{lasted:?}");
        assert!(client.read(Path::literal("domid"), &mut [0; 8]).await.is_ok());
    });
}

#[test]
fn watches() {
    let host = Host::builder().build();
    host.store().write("data/a", "1");
    run::<2, 2>(&host, async |client, _| {
        let watch = client.watch(A).await.unwrap();
        assert_eq!(client.event(watch).await.unwrap().watch, watch, "once at the beginning");
        let changed = async {
            host.store().write("data/a", "2");
            client.read(Path::literal("domid"), &mut [0; 8]).await.map(drop)
        };
        let (event, read) = both(client.event(watch), changed).await;
        assert_eq!((event.unwrap().watch, read), (watch, Ok(())));
        let nothing = first(async { Some(client.event(watch).await) }, async {
            client.read(Path::literal("domid"), &mut [0; 8]).await.unwrap();
            None
        });
        assert_eq!(nothing.await, None, "no event without a change");
        client.unwatch(watch).unwrap();
        assert_eq!(client.event(watch).await, Err(StoreError::Stale));
        host.faults().on_store(StoreOp::Watch).fails("EQUOTA");
        assert_eq!(client.watch(B).await, Err(StoreError::Said(Refusal::Quota)));
        let [_first, _second] = [client.watch(A).await.unwrap(), client.watch(B).await.unwrap()];
        assert_eq!(client.watch(B).await, Err(StoreError::Full));
    });
}

/// A future that waits for the server to take a watch is dropped: the watch is given up.
#[test]
fn a_dropped_registration_gives_up_its_watch() {
    let host = Host::builder().build();
    run::<2, 1>(&host, async |client, tasks| {
        let given_up = first(async { Some(client.watch(A).await.map(drop)) }, async { None }).await;
        assert_eq!(given_up, None);
        tasks.sleep(Nanos::from_secs(1)).await;
        assert!(client.watch(B).await.is_ok(), "the only place is free");
    });
}

/// I24: while the session is fenced a watch must stay; one whose future is dropped then is given up afterwards.
#[test]
fn i24_a_registration_dropped_behind_a_fence_gives_up_its_watch() {
    let host = Host::builder().build();
    run::<2, 1>(&host, async |client, tasks| {
        let given_up = first(async { Some(client.watch(A).await.map(drop)) }, async {
            client.with(|store| store.core().fence());
            None
        });
        assert_eq!(given_up.await, None);
        assert_eq!(client.watch(B).await, Err(StoreError::Fenced));
        client.with(|store| store.unfence());
        tasks.sleep(Nanos::from_secs(1)).await;
        assert!(client.watch(B).await.is_ok(), "the only place is free");
    });
}

/// S25, I27: transactions collide a bounded number of times; those that are dropped are abandoned.
#[test]
fn s25_transactions() {
    let host = Host::builder().build();
    host.store().write("data/a", "1");
    run::<2, 0>(&host, async |client, tasks| {
        let rounds = Cell::new(0);
        let done = client
            .transaction(Attempts(3), async |nodes| {
                let mut buffer = [0; 8];
                let value = nodes.perform(Request::Read(A), &mut buffer).await?.value().to_vec();
                if rounds.replace(rounds.get() + 1) == 0 {
                    host.store().write("data/a", "2");
                }
                nodes.perform(Request::Write(B, &value), &mut [0; 8]).await.map(drop)
            })
            .await;
        assert_eq!((done, rounds.get()), (Ok(()), 2), "the first collided");
        assert_eq!(host.store().read("data/b").as_deref(), Some("2"));
        let failed = client.transaction(Attempts(3), async |_| Err::<(), _>(StoreError::TooLong)).await;
        assert_eq!(failed, Err(StoreError::TooLong));
        for _ in 0..14 {
            // More than the server lets be open at once.
            let body = async |nodes: &Inside<'_, '_, &Tasks, 2, 0, Ring<'_>>| {
                nodes.perform(Request::Write(B, b"never"), &mut [0; 8]).await?;
                pending::<Result<(), StoreError>>().await
            };
            let dropped = first(async { Some(client.transaction(Attempts(1), body).await) }, async {
                tasks.sleep(Nanos::from_millis(100)).await;
                None
            });
            assert_eq!(dropped.await, None);
        }
        assert_eq!(host.store().read("data/b").as_deref(), Some("2"), "nothing of it took effect");
    });
}

/// Reads of `data/0`, `data/1` and so on.
struct Reads(RefCell<Vec<Vec<Result<String, StoreError>>>>);

impl Requests for Reads {
    fn count(&self) -> usize {
        self.0.borrow().len()
    }

    fn ask(
        &mut self,
        index: usize,
        ask: &mut dyn FnMut(Request<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        ask(Request::Read(Path::new(&format!("data/{index}")).unwrap()))
    }

    fn answer(&mut self, index: usize, answer: Result<Reply<'_>, StoreError>) {
        let text = answer.map(|reply| String::from_utf8(reply.value().to_vec()).unwrap());
        self.0.borrow_mut()[index].push(text);
    }
}

#[test]
fn pipelines_share_slots_with_others() {
    let host = Host::builder().build();
    (0..50).for_each(|at| host.store().write(&format!("data/{at}"), at.to_string()));
    run::<4, 0>(&host, async |client, _| {
        let pipe = async || {
            let mut reads = Reads(RefCell::new(vec![Vec::new(); 50]));
            client.pipeline(&mut reads).await;
            reads.0.into_inner()
        };
        let other = async { client.read(Path::literal("domid"), &mut [0; 8]).await.map(drop) };
        let ((one, two), read) = both(both(pipe(), pipe()), other).await;
        let expected: Vec<_> = (0..50).map(|at: u32| vec![Ok(at.to_string())]).collect();
        assert_eq!((one, two, read), (expected.clone(), expected, Ok(())));
    });
}

/// S01: a session that ends tells everybody who waits.
#[test]
fn s01_a_poisoned_session_tells_all() {
    let host = Host::builder().build();
    run::<2, 1>(&host, async |client, _| {
        let watch = client.watch(A).await.unwrap();
        client.event(watch).await.unwrap();
        let fault = StoreError::Poisoned(Fault::Oversize(5000));
        let broken = async { client.with(|store| store.core().handle_fault(Fault::Oversize(5000))) };
        let (event, ()) = both(client.event(watch), broken).await;
        assert_eq!(event, Err(fault));
        assert_eq!(client.read(A, &mut [0; 8]).await.map(drop), Err(fault));
    });
}

/// I24, I28: tasks wait through a fence and a new domain; what was under way is told so, watches go on.
#[test]
fn i28_tasks_go_through_a_restore() {
    let host = Host::builder().build();
    host.store().write("data/a", "1");
    let tasks = Tasks::new(&host);
    let page = tasks.seam.page();
    let mut core: Core<2, 2> = Core::new();
    let client = Client::new(Store::attach(&page, &mut core, &tasks).unwrap());
    tasks.block_on(async {
        first(
            async {
                let watch = client.watch(A).await.unwrap();
                client.event(watch).await.unwrap();
                let suspended = async {
                    client.with(|store| store.fence(tasks.after(9))).unwrap();
                    let fenced = client.read(A, &mut [0; 8]).await.map(drop);
                    assert_eq!(tasks.seam.suspend(&host, Save::Restore(Destination::default())), 0);
                    tasks.seam.connect();
                    client.with(|store| {
                        store.rebuild(&page).unwrap();
                        store.reregister(tasks.after(9)).unwrap();
                        store.unfence();
                    });
                    fenced
                };
                let (event, fenced) = both(client.event(watch), suspended).await;
                assert_eq!((event.unwrap().watch, fenced), (watch, Err(StoreError::Fenced)));
                assert!(client.read(Path::literal("domid"), &mut [0; 8]).await.is_ok());
            },
            async { unreachable!("{:?}", client.drive().await) },
        )
        .await;
    });
    host.check().unwrap();
}
