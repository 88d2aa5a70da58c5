//! Lifecycles that run only when they are named, so many rounds and in few variants: their time is their own.

use super::plan::Extent;
use super::variant::Variant;
use super::{devices, ring, soak, store, together, toy};
use guest::lifecycle::Lifecycle;

/// Rounds of a quick run.
const FEW: u32 = 3;

/// What makes a lifecycle of so many rounds.
type Make = fn(u32) -> Lifecycle;

/// The lifecycles of this name, if it is one of these; `wished` is how many rounds.
pub(super) fn lifecycles(name: &str, wished: Option<u32>, extent: Extent) -> Vec<Lifecycle> {
    let (make, usual): (&[Make], _) = match name {
        soak::NAME => (&[soak::lifecycle], soak::ROUNDS),
        ring::NAME => (&[ring::lifecycle], ring::ROUNDS),
        store::NAME => (&[store::lifecycle, devices::lifecycle], store::ROUNDS),
        devices::NAME => (&[devices::lifecycle], store::ROUNDS),
        toy::NAME => (&[toy::lifecycle, toy::slow], toy::ROUNDS),
        toy::ASYNC => (&[toy::tasks], toy::ROUNDS),
        together::EVTCHN => (&[together::evtchn, together::evtchn_fifo], together::ROUNDS),
        together::GRANT => (&[together::grant, together::grant_v2], together::ROUNDS),
        _ => return Vec::new(),
    };
    make.iter().map(|make| make(rounds(wished, usual, extent))).collect()
}

/// As many as wished, or what is usual.
fn rounds(wished: Option<u32>, usual: u32, extent: Extent) -> u32 {
    wished.unwrap_or(if extent == Extent::Quick { FEW } else { usual })
}

/// The variant in which they run: one of two processors, if there is any.
pub(super) fn variants(all: &[Variant]) -> Vec<Variant> {
    all.iter().find(|variant| variant.vcpus == 2).or(all.first()).copied().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, Kind, product};

    #[test]
    fn the_guest_has_two_processors_if_there_may_be() {
        let of = |vcpus: &[u32]| variants(&product(&[Kind::Pvh, Kind::Hvm], vcpus).unwrap());
        assert_eq!(of(&[1, 2, 8]), [Variant { kind: Kind::Pvh, vcpus: 2, abi: Abi::Fifo }]);
        assert_eq!(of(&[8]), [Variant { kind: Kind::Pvh, vcpus: 8, abi: Abi::Fifo }]);
    }

    #[test]
    fn a_wish_goes_before_what_is_usual() {
        let all = [(Some(7), Extent::Quick), (None, Extent::Quick), (None, Extent::Full)];
        assert_eq!(all.map(|(wished, extent)| rounds(wished, 30, extent)), [7, FEW, 30]);
    }

    #[test]
    fn they_are_known_by_name() {
        let known = |name| -> Vec<&str> {
            lifecycles(name, Some(1), Extent::Full).iter().map(|lifecycle| lifecycle.name).collect()
        };
        assert_eq!([known("soak"), known("ring"), known("restore")], [vec!["soak"], vec!["ring"], vec![]]);
        assert_eq!(known("store"), ["store", "store-devices"]);
        assert_eq!(known("toy-kernel"), ["toy-kernel", "toy-kernel-slow"]);
        assert_eq!(known("grant"), ["grant", "grant-v2"]);
    }
}
