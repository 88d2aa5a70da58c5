//! The order of a packet's slots, for those who make them.

/// What a slot is, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A part, and what its flags announce.
    Fragment { index: usize, more: bool, extra: bool },
    /// An extra info, and whether another follows.
    Extra { index: usize, more: bool },
}

/// Returns the slots of a packet with so many parts and extra infos: the first part, the extra infos, the other parts.
pub(super) fn steps(fragments: usize, extras: usize) -> impl Iterator<Item = Step> {
    let fragment = move |index: usize| Step::Fragment {
        index,
        more: index.saturating_add(1) < fragments,
        extra: index == 0 && extras > 0,
    };
    let extra = move |index: usize| Step::Extra { index, more: index.saturating_add(1) < extras };
    (0..fragments.min(1)).map(fragment).chain((0..extras).map(extra)).chain((1..fragments).map(fragment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_infos_stand_behind_the_first_part() {
        let fragment = |index, more, extra| Step::Fragment { index, more, extra };
        let extra = |index, more| Step::Extra { index, more };
        assert!(steps(1, 0).eq([fragment(0, false, false)]));
        assert!(steps(2, 0).eq([fragment(0, true, false), fragment(1, false, false)]));
        assert!(steps(1, 2).eq([fragment(0, false, true), extra(0, true), extra(1, false)]));
        assert!(steps(2, 1).eq([fragment(0, true, true), extra(0, false), fragment(1, false, false)]));
    }
}
