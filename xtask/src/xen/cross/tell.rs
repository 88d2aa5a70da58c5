//! What is told of a stop.

use std::path::Path;

/// What the guest said when it came, without the figures that nobody compares.
pub(super) fn guest(console: &[String]) -> String {
    let words = |line: &String| line.strip_prefix("xen-guest: ").map(str::to_owned);
    let mut lines = console.iter().filter_map(words);
    let line = lines.find(|line| line.starts_with("resumed ") || line.starts_with("ready "));
    let kept = |word: &&str| {
        !word.contains('=') || ["class=", "epoch=", "evtchn=", "intact="].iter().any(|key| word.starts_with(key))
    };
    line.map(|line| line.split(' ').filter(kept).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

/// The text of a file; nothing of one that is not there.
pub(super) fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}

/// Why an image was refused: Xen's word for it, and the first of the toolstack's complaints, of which the others follow.
pub(super) fn refusal(toolstack: &[String], xen: &str) -> String {
    let xen = xen.lines().find(|line| line.contains("restore mismatch")).map(|line| line.trim_end().to_owned());
    let toolstack = toolstack.iter().find(|line| line.contains("error:")).cloned();
    [toolstack, xen].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_word_after_the_journey_is_shown() {
        let console = [
            "xen-guest: tick n=1",
            "xen-guest: resumed class=new epoch=1 domid=1 evtchn=fifo intact=yes n=2",
            "xen-guest: resumed class=cancel",
        ];
        assert_eq!(guest(&lines(&console)), "resumed class=new epoch=1 evtchn=fifo intact=yes");
    }

    #[test]
    fn a_refusal_has_the_reason_of_both() {
        let said = lines(&["> xl restore", "xc: error: no", "libxl: error: so"]);
        let xen = "(XEN) HVM1 restore: LAPIC 0\n(XEN) HVM restore mismatch: type 5\r\n(XEN) HVM1 restore: failed";
        assert_eq!(refusal(&said, xen), "xc: error: no\n(XEN) HVM restore mismatch: type 5");
        assert_eq!(refusal(&said, ""), "xc: error: no");
    }
}
