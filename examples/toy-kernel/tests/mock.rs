//! The kernel itself on the mock host: it boots, ticks, and is suspended in each way.

use toy_kernel::machine::host;
use toy_kernel::{guide, kernel};

#[test]
fn it_lives_through_checkpoint_migration_and_slow_resume() {
    guide::live(None, || kernel::start());
    let lines = host().console().lines();
    assert!(lines.iter().any(|line| line.starts_with("xen-guest: ready evtchn=fifo vcpus=1")), "{lines:#?}");
    let ticks = |resumes: &str| lines.iter().any(|line| line.contains(" tick ") && line.ends_with(resumes));
    assert!((0..3).all(|resumes| ticks(&format!("resumes={resumes}"))), "it ticks on after each: {lines:#?}");
}
