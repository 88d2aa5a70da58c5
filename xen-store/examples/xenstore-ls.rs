//! `xenstore-ls [-p] [PATH]`: lists a tree of the store with its values, and with `-p` its permissions.
//!
//! It asks the server of the domain that it runs in, by the socket that `XENSTORED_PATH` or `XENSTORED_RUNDIR` names.
#![allow(clippy::std_instead_of_core, reason = "hosted")]

use std::error::Error;
use std::io::{self, Write};

use xen_store::{Core, Nodes, PAYLOAD_MAX, Path, PathBuf, Socket, SocketStore, StoreError};

/// What the client is told on the command line.
#[derive(Clone, Copy)]
struct Show {
    permissions: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let show = Show { permissions: words.iter().any(|word| word == "-p") };
    let top = words.iter().find(|word| *word != "-p").map_or("/", String::as_str);
    let mut core: Box<Core<1, 0>> = Box::new(Core::new());
    let mut socket = Socket::open()?;
    let mut store = SocketStore::on_socket(&mut socket, &mut core);
    list(&mut store, PathBuf::new(Path::new(top)?)?, (show, 0))
}

/// Prints the nodes below one, each with its own below it.
fn list(store: &mut impl Nodes, above: PathBuf<3072>, (show, depth): (Show, usize)) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; PAYLOAD_MAX];
    let names: Vec<String> = store.directory(above.as_path(), &mut buffer)?.map(String::from).collect();
    for name in names {
        let node = above.join(&name)?;
        match line(store, node.as_path(), show) {
            Ok(text) => writeln!(io::stdout(), "{:depth$}{name} = {text}", "")?,
            Err(StoreError::Said(refusal)) => writeln!(io::stdout(), "{:depth$}{name}: {refusal}", "")?,
            Err(error) => return Err(error.into()),
        }
        match list(store, node, (show, depth.saturating_add(1))) {
            Err(error) if matches!(error.downcast_ref(), Some(StoreError::Said(_))) => {}
            listed => listed?,
        }
    }
    Ok(())
}

/// Returns the value of a node as text, and who may do what with it.
fn line(store: &mut impl Nodes, path: Path<'_>, show: Show) -> Result<String, StoreError> {
    let mut buffer = [0; PAYLOAD_MAX];
    let mut text = format!("\"{}\"", store.read(path, &mut buffer)?.escape_ascii());
    if show.permissions {
        let entries: Vec<String> = store.permissions(path, &mut buffer)?.map(|entry| entry.to_string()).collect();
        text = format!("{text}   ({})", entries.join(","));
    }
    Ok(text)
}
