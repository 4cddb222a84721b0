//! Which source addresses connections come from, and how many each holds.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Destinations that are told one by one; all others are told as one.
pub const DESTINATIONS_TOLD_MAX: usize = 16;
/// What those are called together.
pub const OTHER_DESTINATIONS: &str = "other";

/// Connections of an agent, or of several, to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceUsage {
    /// Where to, an address and a port; or [`OTHER_DESTINATIONS`].
    pub destination: String,
    /// Addresses that they may come from.
    pub addresses: u32,
    /// How many there is room for: addresses times ports; none if there is no end of them.
    pub room: Option<u64>,
    /// Connections that there are now, those that are being opened included.
    pub in_use: u64,
    /// The most that there were: of each shard the most at once, added up.
    pub in_use_max: u64,
    /// Connections begun.
    pub taken: u64,
    /// How often no address had a port left.
    pub exhausted: u64,
    /// How often an address couldn't be used since no interface has it any more.
    pub unusable: u64,
    /// The address that held the fewest, and how many those were at most; none where addresses aren't told one by one.
    pub least: Option<(IpAddr, u64)>,
    /// The address that held the most.
    pub most: Option<(IpAddr, u64)>,
}

impl SourceUsage {
    /// Adds connections from other addresses.
    pub fn add(&mut self, other: &Self) {
        self.addresses += other.addresses;
        self.room = self.room.zip(other.room).map(|(one, another)| one + another);
        self.in_use += other.in_use;
        self.in_use_max += other.in_use_max;
        self.taken += other.taken;
        self.exhausted += other.exhausted;
        self.unusable += other.unusable;
        let each = |one: Option<(IpAddr, u64)>, another: Option<(IpAddr, u64)>| one.into_iter().chain(another);
        self.least = each(self.least, other.least).min_by_key(|(_, count)| *count);
        self.most = each(self.most, other.most).max_by_key(|(_, count)| *count);
    }

    /// As the summary's JSON has it.
    fn json(&self) -> Value {
        let named = |of: Option<(IpAddr, u64)>| of.map(|(address, max)| json!({ "address": address, "inUseMax": max }));
        json!({
            "destination": self.destination,
            "addresses": self.addresses,
            "room": self.room,
            "inUse": self.in_use,
            "inUseMax": self.in_use_max,
            "taken": self.taken,
            "exhausted": self.exhausted,
            "unusable": self.unusable,
            "leastUsed": named(self.least),
            "mostUsed": named(self.most),
        })
    }
}

/// Each destination once, those with the most connections first; what is beyond [`DESTINATIONS_TOLD_MAX`] as one.
#[must_use]
pub fn gathered(all: impl IntoIterator<Item = SourceUsage>) -> Vec<SourceUsage> {
    let mut each: Vec<SourceUsage> = Vec::new();
    for usage in all {
        match each.iter_mut().find(|known| known.destination == usage.destination) {
            Some(known) => known.add(&usage),
            None => each.push(usage),
        }
    }
    each.sort_by(|one, other| {
        let rank = |usage: &SourceUsage| (usage.destination == OTHER_DESTINATIONS, u64::MAX - usage.in_use_max);
        rank(one).cmp(&rank(other)).then_with(|| one.destination.cmp(&other.destination))
    });
    if each.len() > DESTINATIONS_TOLD_MAX {
        let rest = each.split_off(DESTINATIONS_TOLD_MAX);
        let none = SourceUsage { room: Some(0), ..SourceUsage::default() };
        let mut sum = rest.iter().fold(none, |mut sum, usage| {
            sum.add(usage);
            sum
        });
        OTHER_DESTINATIONS.clone_into(&mut sum.destination);
        each.push(sum);
    }
    each
}

/// The same as the summary's JSON has it.
pub(super) fn report(all: impl IntoIterator<Item = SourceUsage>) -> Vec<Value> {
    gathered(all).iter().map(SourceUsage::json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(destination: &str, in_use_max: u64, address: [u8; 4]) -> SourceUsage {
        let one = Some((IpAddr::from(address), in_use_max));
        let destination = destination.to_owned();
        SourceUsage {
            destination,
            addresses: 1,
            room: Some(10),
            in_use_max,
            least: one,
            most: one,
            ..SourceUsage::default()
        }
    }

    #[test]
    fn agents_add_up_and_the_least_and_the_most_used_address_stay() {
        let all = [usage("a:1", 3, [10, 0, 0, 1]), usage("b:1", 9, [10, 0, 0, 1]), usage("a:1", 5, [10, 0, 0, 2])];
        let [b, a] = &gathered(all)[..] else { panic!("two destinations") };
        assert_eq!((b.destination.as_str(), b.in_use_max), ("b:1", 9));
        assert_eq!((a.addresses, a.room, a.in_use_max), (2, Some(20), 8));
        assert_eq!((a.least, a.most), (Some(([10, 0, 0, 1].into(), 3)), Some(([10, 0, 0, 2].into(), 5))));
        let endless = gathered([usage("a:1", 3, [10, 0, 0, 1]), SourceUsage { room: None, ..usage("a:1", 3, [1; 4]) }]);
        assert_eq!(endless[0].room, None);
    }

    #[test]
    fn many_destinations_are_told_as_one_beyond_the_limit_however_often_they_are_gathered() {
        let all = (0..40).map(|n| usage(&format!("h:{n}"), n, [10, 0, 0, 1]));
        let once = gathered(all);
        assert_eq!((once.len(), once[0].in_use_max), (DESTINATIONS_TOLD_MAX + 1, 39));
        let rest = &once[DESTINATIONS_TOLD_MAX];
        assert_eq!((rest.destination.as_str(), rest.in_use_max, rest.room), ("other", (0..24).sum(), Some(240)));
        assert_eq!(gathered(once.clone()), once);
    }
}
