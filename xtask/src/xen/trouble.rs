//! What is shown of the logs when something went wrong.

use super::board::{Board, State};
use std::fs;
use std::path::Path;

/// How many lines of each log are shown.
const TAIL: usize = 30;

/// Prints the ends of the logs that concern failed lifecycles.
pub(crate) fn tell(board: &Board, logs: &Path) {
    let failed = board.runs().filter(|(_, run)| matches!(run.state, State::Failed(_)));
    let mut any = false;
    for (name, run) in failed {
        any = true;
        section(&format!("{name}: the guest's console"), &run.console);
        section(&format!("{name}: the toolstack"), &run.toolstack);
    }
    if any {
        section("Xen's console", &lines(&logs.join("xen.log")));
        let mut dom0 = lines(&logs.join("dom0.log"));
        // Shown above; for the file.
        dom0.retain(|line| !["@@xl ", "cpus: "].iter().any(|start| line.starts_with(start)));
        section("dom0", &dom0);
        section("QEMU", &lines(&logs.join("qemu.log")));
    }
}

fn lines(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(|line| line.trim_end().to_owned()).collect()
}

fn section(title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    println!("--- {title}");
    for line in tail(lines) {
        println!("{line}");
    }
}

fn tail(lines: &[String]) -> &[String] {
    &lines[lines.len().saturating_sub(TAIL)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_shown() {
        let lines: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        assert_eq!(tail(&lines)[0], "10");
        assert_eq!(tail(&lines[..3]).len(), 3);
    }
}
