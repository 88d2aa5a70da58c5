//! A lifecycle as a shell script for dom0.

use super::plan::Job;
use guest::lifecycle::Step;
use std::borrow::Cow;

/// Seconds for a step that normally takes two at most, the machine being emulated and perhaps busy.
const SHORT: u32 = 90;
/// Seconds for a save that the toolstack gives up after one or two minutes of its own.
const GIVES_UP: u32 = 300;

/// Seconds for a load of which most may be left at the end, and for devices that connect again and again.
const LOAD: u32 = 300;

/// The script that plays a job.
pub(crate) fn job(job: &Job) -> String {
    let mut text = String::from(". /rig/steps.sh\n");
    let (variant, vcpus) = (job.variant, job.variant.vcpus.to_string());
    let cmdline = variant.cmdline(&job.lifecycle);
    text.push_str(&line("begin", &[job.name().as_str(), variant.kind.word(), &vcpus, &cmdline]));
    for (index, step) in job.lifecycle.steps.iter().enumerate() {
        let (function, arguments) = call(step);
        text.push_str(&line(&format!("step {index} {} {function}", limit(step)), &arguments));
    }
    text.push_str("finish ok\n");
    text
}

/// The time limit of a step, in seconds.
pub(crate) const fn limit(step: &Step) -> u32 {
    match step {
        Step::SaveFails => GIVES_UP,
        Step::Loaded | Step::Devices(_) => LOAD,
        _ => SHORT,
    }
}

/// The shell function that does a step, and its arguments.
fn call(step: &Step) -> (&'static str, Vec<Cow<'static, str>>) {
    let (function, words): (_, Vec<&'static str>) = match *step {
        Step::Type(bytes) => return ("type_in", vec![bytes.to_string().into()]),
        Step::Devices(count) => return ("devices", vec![count.to_string().into()]),
        Step::Create => ("create", vec![]),
        Step::Checkpoint => ("checkpoint", vec![]),
        Step::SaveRestore => ("save_restore", vec![]),
        Step::SaveAway => ("save_away", vec![]),
        Step::RestoreHere => ("restore_here", vec![]),
        Step::Migrate => ("migrate", vec![]),
        Step::RestoreCheckpoint => ("restore_checkpoint", vec![]),
        Step::SaveFails => ("save_fails", vec![]),
        Step::SaveOutOfSpace => ("save_out_of_space", vec![]),
        Step::Word(word) => ("word", vec![word]),
        Step::NodeIs(word) => ("node_is", vec![word]),
        Step::Poweroff => ("power_off", vec![]),
        Step::Reboot => ("reboot_it", vec![]),
        Step::Gone => ("gone", vec![]),
        Step::Says(event, words) => ("says", [&[event], words].concat()),
        Step::NeverSays(event) => ("never_says", vec![event]),
        Step::Peer => ("comes", vec![]),
        Step::Census => ("census", vec![]),
        Step::Alive => ("alive", vec![]),
        Step::SlowResume => ("slow_resume", vec![]),
        Step::Pause => ("pause_here", vec![]),
        Step::FreezeHere => ("freeze_here", vec![]),
        Step::FreezeMove => ("freeze_move", vec![]),
        Step::Heard => ("heard_all", vec![]),
        Step::Loaded => ("loaded", vec![]),
        Step::Hoarded => ("hoarded", vec![]),
        Step::Poke => ("poke", vec![]),
    };
    (function, words.into_iter().map(Cow::from).collect())
}

fn line(command: &str, arguments: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|word| quote(word.as_ref())).collect();
    format!("{command} {}\n", quoted.join(" "))
}

/// A word that the shell takes as it is.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::plan::Lane;
    use crate::xen::variant::{Abi, Kind, Variant};
    use guest::lifecycle::Lifecycle;

    #[test]
    fn a_lifecycle_becomes_one_line_a_step() {
        let lifecycle = Lifecycle {
            name: "plain",
            about: "",
            cmdline: "mode=it's",
            steps: &[Step::Create, Step::Says("resumed", &["class=cancelled", "n=1"]), Step::SaveFails],
            only: None,
        };
        let variant = Variant { kind: Kind::Hvm, vcpus: 8, abi: Abi::Fifo };
        let expected = [
            ". /rig/steps.sh",
            r"begin 'plain-hvm-8' 'hvm' '8' 'mode=it'\''s'",
            "step 0 90 create ",
            "step 1 90 says 'resumed' 'class=cancelled' 'n=1'",
            "step 2 300 save_fails ",
            "finish ok",
            "",
        ];
        assert_eq!(job(&Job { lifecycle, variant, lane: Lane::Foreground }), expected.join("\n"));
    }

    #[test]
    fn an_empty_word_stays_an_argument() {
        assert_eq!(line("node_is", &[""]), "node_is ''\n");
    }
}
