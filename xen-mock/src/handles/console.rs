//! The guest's console, as its reader has it.

use super::handle;
use crate::events::Service;

handle! {
    /// The far end of the guest's console. What the guest wrote is kept across restores and reboots.
    Console
}

impl Console {
    /// Returns all lines so far; the last may not be whole yet.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.host.world().console.lines()
    }

    /// Returns all text so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_from(0)
    }

    /// Returns the text from this byte on; none beyond its end. For who follows a long text.
    #[must_use]
    pub fn text_from(&self, byte: usize) -> String {
        let text = &self.host.world().console.text;
        String::from_utf8_lossy(text.get(byte..).unwrap_or_default()).into_owned()
    }

    /// Types text for the guest to read; what does not fit its ring follows as it reads.
    pub fn send(&self, text: &str) {
        let mut world = self.host.world();
        world.console.typed.extend(text.bytes());
        world.wake(Service::Console);
    }

    /// Takes out what still stands in the ring, without waiting for an event: for a test that looks at the end.
    pub fn drain(&self) {
        self.host.world().serve_console();
    }
}
