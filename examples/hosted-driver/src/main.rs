//! Plays a checkpoint and a migration with requests in flight, and tells of it.

use std::rc::Rc;

use hosted_driver::{Bus, Driver, Fate, Os, SHUTDOWN};

fn main() {
    let (os, bus) = (Rc::new(Os::new()), Rc::new(Bus::new()));
    let driver = Driver::load(Rc::clone(&os), Rc::clone(&bus));
    for (fate, ids) in [(Fate::Cancelled, 0..4), (Fate::Moved, 10..14)] {
        for id in ids {
            driver.submit(id);
        }
        bus.fate.set(fate);
        bus.write(SHUTDOWN, "suspend");
        os.interrupt(|| driver.on_upcall());
        while os.next_work() {
            driver.on_work();
        }
        while bus.serve() {
            os.interrupt(|| driver.on_upcall());
        }
        println!(
            "{fate:?}: domain {}, epoch {}, completed {:?}, of the backend {:?}",
            bus.domain(),
            driver.epochs(),
            driver.completed(),
            bus.served()
        );
    }
}
