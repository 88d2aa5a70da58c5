//! The lines that dom0 writes to the second serial port.

/// One line from dom0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// dom0 and its daemons run; jobs begin.
    Up,
    /// The machine's time goes on.
    Beat,
    /// A lifecycle begins.
    Start(String),
    /// A step begins: lifecycle, index.
    Begin(String, usize),
    /// A step ended: lifecycle, index, milliseconds, and why it failed if it did.
    Step(String, usize, u64, Result<(), String>),
    /// A line of a guest's console.
    Console(String, String),
    /// A line of what the toolstack said.
    Toolstack(String, String),
    /// A line of what Xen says that a guest holds.
    Census(String, String),
    /// A lifecycle ended, after so many milliseconds.
    Done(String, u64, Ending),
    /// dom0 could not be brought up.
    Dead(String),
    /// All jobs have ended.
    End,
    /// Anything else: output of a program.
    Other(String),
}

/// How a lifecycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All its steps went well.
    Good,
    /// One did not.
    Bad,
}

/// Reads one line.
pub(crate) fn parse(text: &str) -> Line {
    let text = text.trim_end_matches(['\r', '\n']);
    text.strip_prefix("@@").and_then(machine).unwrap_or_else(|| Line::Other(text.to_owned()))
}

fn machine(text: &str) -> Option<Line> {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (name, tail) = rest.split_once(' ').unwrap_or((rest, ""));
    let owned = name.to_owned();
    Some(match kind {
        "up" => Line::Up,
        "beat" => Line::Beat,
        "end" => Line::End,
        "dead" => Line::Dead(rest.to_owned()),
        "start" => Line::Start(owned),
        "begin" => Line::Begin(owned, tail.parse().ok()?),
        "console" => Line::Console(owned, tail.to_owned()),
        "census" => Line::Census(owned, tail.to_owned()),
        "xl" => Line::Toolstack(owned, tail.to_owned()),
        "step" => step(owned, tail)?,
        "done" => {
            let (ms, result) = tail.split_once(' ')?;
            let ending = if result == "ok" { Ending::Good } else { Ending::Bad };
            Line::Done(owned, ms.parse().ok()?, ending)
        }
        _ => return None,
    })
}

fn step(name: String, tail: &str) -> Option<Line> {
    let mut words = tail.splitn(4, ' ');
    let index = words.next()?.parse().ok()?;
    let ms = words.next()?.parse().ok()?;
    let result = match words.next()? {
        "ok" => Ok(()),
        "fail" => Err(words.next().unwrap_or_default().to_owned()),
        _ => return None,
    };
    Some(Line::Step(name, index, ms, result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_lines_are_read() {
        assert_eq!(parse("@@up\n"), Line::Up);
        assert_eq!(parse("@@begin a 3"), Line::Begin("a".into(), 3));
        assert_eq!(parse("@@step a 3 1200 ok\r\n"), Line::Step("a".into(), 3, 1200, Ok(())));
        let failed = Line::Step("a".into(), 3, 12, Err("not said: tick".into()));
        assert_eq!(parse("@@step a 3 12 fail not said: tick"), failed);
        assert_eq!(parse("@@console a  two  spaces"), Line::Console("a".into(), " two  spaces".into()));
        assert_eq!(parse("@@console a"), Line::Console("a".into(), String::new()));
        assert_eq!(parse("@@done a 99 fail"), Line::Done("a".into(), 99, Ending::Bad));
    }

    #[test]
    fn a_damaged_line_is_only_text() {
        for text in ["@@step a x 12 ok", "@@step a 1", "@@what", "@@done a", "plain"] {
            assert_eq!(parse(text), Line::Other(text.into()));
        }
    }
}
