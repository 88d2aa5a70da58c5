//! `store`, its second part: how long it takes to connect many devices, all at once and one after the other.

use super::board::State;
use super::console::{said, value};
use super::verdict::Played;
use guest::lifecycle::{Lifecycle, Step};
use std::collections::BTreeMap;

/// What it is called on Xen.
pub(super) const NAME: &str = "store-devices";
/// Devices of each kind.
const COUNT: u32 = 16;
/// The most of the time of our own serial way.
const TARGET: f64 = 0.5;
/// The fewest times that each way is measured.
const FEWEST: usize = 5;

/// The lifecycle; how often devices are connected is the guest's affair.
pub(super) fn lifecycle(_rounds: u32) -> Lifecycle {
    Lifecycle {
        name: NAME,
        about: "16 disks and 16 network cards connect, all at once and one after the other, in turns",
        cmdline: "devices=16",
        steps: &[Step::Create, Step::Devices(COUNT), Step::Alive, Step::Poweroff],
        only: None,
    }
}

/// Times in nanoseconds, waves and messages of one way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Measured {
    times: Vec<u64>,
    waves: Vec<u64>,
    messages: Vec<u64>,
}

/// What the guest says of each kind and way.
fn measured<'a>(console: impl Iterator<Item = &'a str>) -> BTreeMap<(String, String), Measured> {
    let mut all = BTreeMap::<_, Measured>::new();
    for (_, words) in console.filter_map(said).filter(|(event, _)| *event == "connected") {
        let text = |key| value(words.clone(), key);
        let number = |key| text(key).and_then(|text| text.parse::<u64>().ok());
        let (Some(kind), Some(way)) = (text("kind"), text("way")) else { continue };
        let one = all.entry((kind.to_owned(), way.to_owned())).or_default();
        one.times.extend(number("ns"));
        one.waves.extend(number("waves"));
        one.messages.extend(number("messages"));
    }
    all
}

/// Prints a row for each daemon, guest and kind of device; returns what could not be measured. A row that is short is no failure: the
/// machine is an emulated one.
pub(crate) fn tell(played: &[Played]) -> Vec<String> {
    let runs = played.iter().flat_map(|boot| boot.board.runs().map(move |(name, run)| (boot.daemon.word(), name, run)));
    let mut misses = Vec::new();
    for (daemon, name, run) in runs.filter(|(.., run)| run.job.lifecycle.name == NAME && run.state == State::Passed) {
        let all = measured(run.console.iter().map(String::as_str));
        for kind in ["vbd", "vif"] {
            let of = |way: &str| all.get(&(kind.to_owned(), way.to_owned())).cloned().unwrap_or_default();
            match row([of("together"), of("serial")]) {
                Some(text) => println!("{name}, xenstored {daemon}: {COUNT} {kind} {text}"),
                None => misses.push(format!("{name}, xenstored {daemon}: {kind} was not measured {FEWEST} times")),
            }
        }
    }
    misses
}

/// The row of one kind, unless there is too little to judge by.
fn row([together, serial]: [Measured; 2]) -> Option<String> {
    if [&together, &serial]
        .iter()
        .any(|way| [&way.times, &way.waves, &way.messages].iter().any(|all| all.len() < FEWEST))
    {
        return None;
    }
    let millis = |way: &Measured| median(&way.times) as f64 / 1e6;
    // Of neighbours, for the machine may be slower at times.
    let pairs = together.times.iter().zip(&serial.times);
    let mut ratios: Vec<f64> = pairs.map(|(together, serial)| *together as f64 / *serial as f64).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    let word = if ratio <= TARGET { "ok" } else { "short" };
    let a_device = |way: &Measured| median(&way.messages) as f64 / f64::from(COUNT);
    Some(format!(
        "in {:.1} ms, one after the other in {:.1} ms (medians of {}): {ratio:.2}, target ≤ {TARGET}; {} waves, {:.1} messages \
         a device, one after the other {:.1}  {word}",
        millis(&together),
        millis(&serial),
        together.times.len().min(serial.times.len()),
        median(&together.waves),
        a_device(&together),
        a_device(&serial),
    ))
}

fn median(all: &[u64]) -> u64 {
    let mut all = all.to_vec();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, Variant};
    use xen_sim::Arrangement;

    fn times(times: &[u64]) -> Measured {
        Measured { times: times.to_vec(), waves: vec![5; times.len()], messages: vec![256; times.len()] }
    }

    #[test]
    fn a_row_ends_in_its_verdict_by_medians() {
        let slow = || times(&[20_000_000, 9_000_000, 20_000_000, 90_000_000, 20_000_000]);
        let fast = row([times(&[10_000_000, 9_000_000, 10_000_000, 1, 10_000_000]), slow()]).unwrap();
        assert!(fast.starts_with("in 10.0 ms, one after the other in 20.0 ms (medians of 5): 0.50, "), "{fast}");
        assert!(fast.ends_with("5 waves, 16.0 messages a device, one after the other 16.0  ok"), "{fast}");
        let slower = row([times(&[10_200_000; 5]), slow()]).unwrap();
        assert!(slower.contains(": 0.51, ") && slower.ends_with("  short"), "{slower}");
    }

    #[test]
    fn too_little_is_no_row() {
        assert_eq!(row([times(&[1; 4]), times(&[2; 5])]), None);
        assert_eq!(row([times(&[1; 5]), Measured::default()]), None);
    }

    #[test]
    fn lines_are_read_by_kind_and_way() {
        let console = [
            "xen-guest: connected kind=vbd way=serial k=16 ns=7000 waves=80 messages=256",
            "xen-guest: connected kind=vbd way=together k=16 ns=3000 waves=5 messages=255",
            "xen-guest: connected kind=vbd way=serial k=16 ns=8000 waves=81 messages=257",
            "xen-guest: devices result=ok turns=1",
        ];
        let all = measured(console.into_iter());
        let of = |way: &str| all[&("vbd".to_owned(), way.to_owned())].clone();
        let serial = Measured { times: vec![7000, 8000], waves: vec![80, 81], messages: vec![256, 257] };
        assert_eq!((of("serial"), of("together").waves, all.len()), (serial, vec![5], 2));
    }

    /// On the mock host, whose time is no measure. A disk takes five waves, a network card four; two more, since some backends are
    /// there before all have been told.
    #[test]
    fn all_connect_on_the_mock_host_in_few_waves() {
        let variant = Variant { kind: Kind::Pvh, vcpus: 1, abi: Abi::Fifo };
        crate::mock_host::run(&lifecycle(1), variant).unwrap_or_else(|failure| panic!("{}", failure.0));
        let report = xen_sim::play(&lifecycle(1), Arrangement::default()).unwrap();
        let all = measured(report.lines.iter().map(|line| line.text.as_str()));
        let of = |kind: &str, way: &str| all[&(kind.to_owned(), way.to_owned())].clone();
        for (kind, waves, messages) in [("vbd", 5, 16), ("vif", 4, 15)] {
            let [together, serial] = [of(kind, "together"), of(kind, "serial")];
            assert!(together.waves.iter().all(|count| (waves..=waves + 2).contains(count)), "{kind}: {together:?}");
            assert_eq!(serial.waves, [waves * u64::from(COUNT); 7], "{kind}");
            let messages = vec![messages * u64::from(COUNT); 7];
            assert_eq!([&together.messages, &serial.messages], [&messages; 2], "{kind}");
        }
    }
}
