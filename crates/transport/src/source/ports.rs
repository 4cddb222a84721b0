//! The ports of an address, shared among shards.

/// The lowest port that needs no privilege.
pub const PORT_MIN: u16 = 1024;
/// The highest port.
pub const PORT_MAX: u16 = 65_535;

/// The part of all source ports that belongs to one shard: every `of`th from the `index`th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortShare {
    /// Lowest port, inclusive.
    pub lowest: u16,
    /// Highest port, inclusive.
    pub highest: u16,
    /// This shard's number, from 0.
    pub index: u16,
    /// How many shards share the ports.
    pub of: u16,
    /// Where handing out begins, counted in this share's ports. A program that always began at the same one would find
    /// the ports of its last run resting in TIME_WAIT.
    pub first: u32,
}

impl PortShare {
    /// The share of shard `index` of `of` in all unprivileged ports, begun at the `first`th.
    #[must_use]
    pub fn of_all(index: u16, of: u16, first: u32) -> Self {
        Self { lowest: PORT_MIN, highest: PORT_MAX, index, of: of.max(1), first }
    }

    /// How many ports it has.
    #[must_use]
    pub fn len(&self) -> u32 {
        let all = (u32::from(self.highest) + 1).saturating_sub(u32::from(self.lowest));
        (all + u32::from(self.of) - 1).saturating_sub(u32::from(self.index)) / u32::from(self.of)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `n`th port in the order of handing out; `n` is below [`len`](Self::len).
    pub(super) fn port(&self, n: u32) -> u16 {
        let n = ((u64::from(n) + u64::from(self.first)) % u64::from(self.len())) as u32;
        (u32::from(self.lowest) + u32::from(self.index) + n * u32::from(self.of)) as u16
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_of_all_shards_cover_each_port_once(of in 1u16..9, low in 1024u16..60_000, span in 0u16..600) {
            let mut seen = HashSet::new();
            for index in 0..of {
                let share = PortShare { lowest: low, highest: low + span, index, of, first: 7 };
                for n in 0..share.len() {
                    let port = share.port(n);
                    prop_assert!((low..=low + span).contains(&port));
                    prop_assert!(seen.insert(port), "{port} twice");
                }
            }
            prop_assert_eq!(seen.len(), usize::from(span) + 1);
        }
    }
}
