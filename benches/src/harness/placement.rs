//! Where two threads can run: on two threads of one core, and on two cores.

use std::fs;

use core_affinity::CoreId;

/// Two logical processors, or why there are none such.
pub type Pair = Result<[CoreId; 2], String>;

/// Both placements: the same core, and another core.
pub fn both() -> [(&'static str, Pair); 2] {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let siblings: Vec<_> = cores.iter().map(|core| siblings(*core)).collect();
    [("same core", same(&cores, &siblings)), ("other core", other(&cores, &siblings))]
}

/// Reads which logical processors are of this one's core; none where the system does not say.
fn siblings(core: CoreId) -> Option<String> {
    fs::read_to_string(format!("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", core.id)).ok()
}

fn same(cores: &[CoreId], siblings: &[Option<String>]) -> Pair {
    find(cores, siblings, |one, two| one.is_some() && one == two)
        .ok_or_else(|| "this machine shows no two threads of one core".to_owned())
}

fn other(cores: &[CoreId], siblings: &[Option<String>]) -> Pair {
    find(cores, siblings, |one, two| one.is_none() || one != two)
        .ok_or_else(|| "this machine shows no two cores".to_owned())
}

fn find<T>(cores: &[CoreId], of: &[T], fit: impl Fn(&T, &T) -> bool) -> Option<[CoreId; 2]> {
    let all = cores.iter().zip(of).enumerate();
    let mut pairs = all.flat_map(|(at, one)| cores.iter().zip(of).skip(at + 1).map(move |two| (one, two)));
    pairs.find(|((_, one), (_, two))| fit(one, two)).map(|((one, _), (two, _))| [*one, *two])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_one_core_and_strangers_are_two() {
        let cores = [0, 1, 2].map(|id| CoreId { id });
        let lists = |of: [&str; 3]| of.map(|list| Some(list.to_owned()));
        let threads = lists(["0-1", "0-1", "2"]);
        assert_eq!(same(&cores, &threads).unwrap(), [cores[0], cores[1]]);
        assert_eq!(other(&cores, &threads).unwrap(), [cores[0], cores[2]]);
        assert!(same(&cores, &lists(["0", "1", "2"])).is_err());
        assert!(other(&cores[..2], &lists(["0-1", "0-1", ""])[..2]).is_err());
        assert!(other(&cores[..1], &[None]).is_err());
    }
}
