//! Samples for the outputs: what is recorded, one by one, with time and all tags. A run without outputs has none.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use throng_output::{Context, Outlet, Sample};
use throng_plan::{SystemTag, SystemTags};
use throng_stats::TagSet;
use throng_transport::{Clock, Nanos};

use crate::series::Place;

/// Sets of tags that are remembered; a script with ever new ones doesn't fill the memory.
const TAGS_KNOWN_MAX: usize = 10_000;

/// Whose samples they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Who {
    /// Number of the VU in the test; 0 in setup and teardown.
    pub(crate) vu: u64,
    /// Number of its iteration, from 0.
    pub(crate) iteration: u64,
}

/// A shard's way to the outputs.
pub(crate) struct Samples {
    outlet: RefCell<Outlet>,
    enabled: SystemTags,
    /// Nanoseconds since 1970 at the zero of the clock.
    epoch_ns: u64,
    /// By place and a sample's own tags: all tags of the sample.
    known: RefCell<HashMap<(u32, TagSet), TagSet>>,
}

impl Samples {
    pub(crate) fn new(outlet: Outlet, enabled: SystemTags) -> Self {
        Self { outlet: RefCell::new(outlet), enabled, epoch_ns: epoch_ns(), known: RefCell::default() }
    }

    /// Adds samples that were taken at one instant in `place`, with tags of their own.
    pub(crate) fn add(&self, at: Nanos, who: Who, place: &Place, own: &TagSet, samples: &[Sample]) {
        let key = (place.number, own.clone());
        let known = self.known.borrow().get(&key).cloned();
        let tags = known.unwrap_or_else(|| {
            let tags = self.shown(&place.tags.merged(own));
            let mut known = self.known.borrow_mut();
            if known.len() >= TAGS_KNOWN_MAX {
                known.clear();
            }
            known.insert(key, tags.clone());
            tags
        });
        self.add_tagged(at, who, tags, samples);
    }

    /// Adds samples with these tags.
    pub(crate) fn add_tagged(&self, at: Nanos, who: Who, tags: TagSet, samples: &[Sample]) {
        let context = Context {
            at_unix_ns: self.epoch_ns + at.0,
            tags,
            vu: (self.enabled.contains(SystemTag::Vu) && who.vu > 0).then_some(who.vu),
            iteration: self.enabled.contains(SystemTag::Iter).then_some(who.iteration),
        };
        self.outlet.borrow_mut().add(context, samples);
    }

    /// A sample's tags without the system's that aren't asked for. As in k6 all samples of VUs have a group, which is
    /// empty outside of groups.
    pub(crate) fn shown(&self, tags: &TagSet) -> TagSet {
        let is_on = |key: &str| SystemTag::parse(key).is_none_or(|tag| self.enabled.contains(tag));
        let group = self.enabled.contains(SystemTag::Group).then_some(("group", ""));
        TagSet::from_pairs(group.into_iter().chain(tags.iter().filter(|(key, _)| is_on(key))))
    }

    /// Whether samples are to have the server's address.
    pub(crate) fn has_addresses(&self) -> bool {
        self.enabled.contains(SystemTag::Ip)
    }

    /// Hands over what has gathered.
    pub(crate) fn flush(&self) {
        self.outlet.borrow_mut().flush();
    }
}

/// Nanoseconds since 1970 at the zero of the shards' clock.
pub(crate) fn epoch_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_sub(Clock::now().0)
}
