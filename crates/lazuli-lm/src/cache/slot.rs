//! What the host knows of the sequence in a slot.

/// One sequence's place in all caches.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    /// Tokens.
    pub(super) len: usize,
    /// One past the highest position ever written since the sequence began: what rings have lost.
    pub(super) high: usize,
    /// Tokens that cannot be taken back, because the cache was packed when it held them.
    pub(super) floor: usize,
    /// Lengths to which the sequence was cut, and when; later and longer cuts hide nothing, so both
    /// columns ascend.
    cuts: Vec<(u64, usize)>,
}

impl Slot {
    pub(super) fn advance(&mut self, end: usize) {
        self.len = end;
        self.high = self.high.max(end);
    }

    pub(super) fn cut(&mut self, len: usize, serial: u64) {
        self.len = len;
        while self.cuts.last().is_some_and(|&(_, cut)| cut >= len) {
            self.cuts.pop();
        }
        self.cuts.push((serial, len));
    }

    pub(super) fn restart(&mut self, serial: u64) {
        self.cut(0, serial);
        (self.high, self.floor) = (0, 0);
    }

    /// How many of the tokens that the slot held at `serial` are still those.
    pub(super) fn unchanged_since(&self, serial: u64) -> usize {
        let after = self.cuts.iter().find(|&&(at, _)| at > serial);
        after.map_or(usize::MAX, |&(_, len)| len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_cut_after_a_moment_counts() {
        let mut slot = Slot::default();
        slot.cut(50, 1);
        slot.cut(80, 5);
        slot.cut(70, 6);
        assert_eq!(slot.unchanged_since(0), 50);
        assert_eq!(slot.unchanged_since(1), 70);
        assert_eq!(slot.unchanged_since(6), usize::MAX);
        slot.restart(9);
        assert_eq!(slot.unchanged_since(6), 0);
    }
}
