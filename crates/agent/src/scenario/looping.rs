//! Models whose VUs iterate by themselves: shared-iterations, per-vu-iterations, constant-vus.

use std::rc::Rc;

use super::ScenarioShare;
use super::crew::Crew;
use crate::shard::ShardContext;

/// Starts all VUs.
pub(super) fn drive(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>, crew: &Crew) {
    for _ in 0..share.portion.max_vus() {
        share.activate(shard, crew, None);
    }
}
