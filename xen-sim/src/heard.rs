//! What the guest has said on its console.

use xen_mock::Host;

use crate::Line;

/// Whole lines so far, in order.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) lines: Vec<Line>,
    /// Bytes of the console's text that they are.
    bytes: usize,
}

impl Heard {
    pub(crate) const fn new() -> Self {
        Self { lines: Vec::new(), bytes: 0 }
    }

    /// Takes in what was said since; returns the new lines.
    pub(crate) fn listen(&mut self, host: &Host) -> &[Line] {
        let text = host.console().text_from(self.bytes);
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let before = self.lines.len();
        self.lines.extend(whole.lines().map(|text| Line { at: host.now(), text: text.to_owned() }));
        self.bytes += whole.len();
        &self.lines[before..]
    }
}
