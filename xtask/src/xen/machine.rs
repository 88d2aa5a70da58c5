//! The emulated machine: QEMU with Xen, dom0, and two serial ports.

use super::image::{Disk, Image};
use crate::shell;
use anyhow::{Context as _, Result};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const QEMU: &str = "qemu-system-x86_64";
/// SVM with nested paging for PVH guests; RDRAND, or dom0's empty entropy pool delays each creation.
const CPU: &str = "qemu64,+svm,+npt,+rdrand";
const MEMORY: &str = "2560M";
const XEN: &str = "console=com1 com1=115200 loglvl=all guest_loglvl=all spec-ctrl=off \
                   dom0_mem=1024M,max:1024M dom0_max_vcpus=1";
const DOM0: &str = "console=hvc0 mitigations=off loglevel=4 panic=-1";

/// The monitor's socket.
const SOCKET: &str = "monitor";
/// What is asked of a machine that stands still: does a processor wait, and for which timer?
const QUESTIONS: &str = "info status\ninfo cpus\ninfo registers -a\ninfo lapic\ninfo pic\ninfo irq\n";
/// How long the monitor may say nothing before it has said all.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running machine; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Machine {
    qemu: Child,
    lines: Receiver<String>,
    /// Where the emulator's monitor listens; a short path, as sockets want.
    monitor: TempDir,
}

/// What came next from the machine.
#[derive(Debug)]
pub(crate) enum Next {
    /// A line from dom0.
    Line(String),
    /// The machine is off.
    Off,
    /// The deadline passed.
    Late,
}

impl Machine {
    /// Starts a machine whose dom0 has this RAM disk; Xen's console and QEMU's words go to files in `logs`.
    pub(crate) fn start(image: &Image, ram_disk: &Path, cpus: u32, logs: &Path) -> Result<Self> {
        let monitor = TempDir::new()?;
        let mut qemu = command(image, ram_disk, cpus, &logs.join("xen.log"))
            .arg("-monitor")
            .arg(format!("unix:{},server=on,wait=off", escaped(&monitor.path().join(SOCKET))))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(logs.join("qemu.log"))?)
            .spawn()
            .map_err(|error| shell::missing(QEMU, &error))?;
        let output = qemu.stdout.take().context("QEMU's output is not piped")?;
        Ok(Self { qemu, lines: read_lines(output), monitor })
    }

    /// Asks the emulator how its processors and timers stand; what cannot be asked is said.
    pub(crate) fn examine(&self) -> String {
        let socket = self.monitor.path().join(SOCKET);
        ask(&socket).unwrap_or_else(|error| format!("the emulator's monitor says nothing: {error}\n"))
    }

    /// Waits for the next line.
    pub(crate) fn next(&self, deadline: Instant) -> Next {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Next::Line(line),
            Err(RecvTimeoutError::Timeout) => Next::Late,
            Err(RecvTimeoutError::Disconnected) => Next::Off,
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Fails, with what to install, where there is no QEMU.
pub(crate) fn require() -> Result<()> {
    shell::require(QEMU)
}

fn command(image: &Image, ram_disk: &Path, cpus: u32, console: &Path) -> Command {
    let mut qemu = Command::new(QEMU);
    // On several threads it loses track of who runs, Xen or a guest.
    qemu.args(["-accel", "tcg,thread=single", "-cpu", CPU, "-m", MEMORY, "-smp", &cpus.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(&image.xen)
        .args(["-append", XEN, "-initrd"])
        .arg(format!("{} {DOM0},{}", escaped(&image.kernel), escaped(ram_disk)))
        .args(["-serial", &format!("file:{}", console.display()), "-serial", "stdio"]);
    for (at, Disk { serial, file }) in image.disks.iter().enumerate() {
        // A PV dom0 must give the device the machine's addresses, which the old interface has no way to ask for.
        qemu.arg("-drive").arg(format!("file={},format=raw,if=none,id=disk{at},cache=unsafe", escaped(file)));
        let address = "disable-legacy=on,iommu_platform=on";
        qemu.arg("-device").arg(format!("virtio-blk-pci,drive=disk{at},serial={serial},{address}"));
    }
    qemu
}

/// QEMU separates modules and options by commas; one in a path is doubled.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Asks all questions and returns what comes, until nothing more does.
fn ask(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(QUESTIONS.as_bytes())?;
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut part) {
        said.extend_from_slice(&part[..count]);
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    // Without what the monitor's line editor draws of the questions.
    Ok(said.lines().filter(|line| !line.contains('\u{1b}')).map(|line| format!("{}\n", line.trim_end())).collect())
}

fn read_lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_list_names_kernel_and_ram_disk() {
        let disks = vec![Disk { serial: "one".into(), file: "d,2".into() }];
        let image = Image {
            xen: "x".into(),
            kernel: "k,1".into(),
            base: "b".into(),
            device_model: None,
            disks,
            version: String::new(),
        };
        let command = command(&image, Path::new("disk"), 1, Path::new("log"));
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(words.contains(&format!("k,,1 {DOM0},disk")), "{words:?}");
        assert!(words.iter().any(|word| word.starts_with("file=d,,2,format=raw,if=none,id=disk0,")), "{words:?}");
        assert!(words.iter().any(|word| word.contains("drive=disk0,serial=one,")), "{words:?}");
    }
}
