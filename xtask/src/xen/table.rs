//! The lifecycles that the rig can run.

use guest::lifecycle::{Lifecycle, Step};

/// All of them. Provisional, until the guest's library has its own table.
pub(crate) const ALL: &[Lifecycle] = &[
    lifecycle("plain", &[Step::Create, Step::Alive, Step::NeverSays("resumed"), Step::Poweroff]),
    lifecycle(
        "checkpoint",
        &[
            Step::Create,
            Step::Checkpoint,
            Step::Says("resumed", &["class=cancelled"]),
            Step::Alive,
            Step::RestoreCheckpoint,
            Step::Says("resumed", &["class=new"]),
            Step::Alive,
            Step::Checkpoint,
            Step::Reboot,
            Step::Checkpoint,
            Step::Poweroff,
        ],
    ),
    lifecycle(
        "save-restore",
        &[
            Step::Create,
            Step::SaveRestore,
            Step::Says("resumed", &["class=new"]),
            Step::SaveRestore,
            Step::Says("resumed", &["class=new"]),
            Step::Alive,
            Step::Reboot,
            Step::Word("nonsense"),
            Step::NodeIs(""),
            Step::Word("poweroff"),
            Step::Gone,
        ],
    ),
    lifecycle(
        "save-no-space",
        &[Step::Create, Step::SaveOutOfSpace, Step::Says("resumed", &["class=cancelled"]), Step::Alive, Step::Poweroff],
    ),
    Lifecycle {
        cmdline: "deaf=1",
        ..lifecycle("save-unanswered", &[Step::Create, Step::SaveFails, Step::NodeIs(""), Step::Alive])
    },
];

const fn lifecycle(name: &'static str, steps: &'static [Step]) -> Lifecycle {
    Lifecycle { name, about: "", cmdline: "", steps, only: None }
}
