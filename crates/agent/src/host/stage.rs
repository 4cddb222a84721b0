//! Setup and the like: what a script does outside of iterations, tagged with a group of its own.

use std::rc::Rc;

use super::VuHost;
use crate::scenario::ScenarioShare;

impl VuHost {
    /// Puts the VU into a scenario whose setup it runs: it has the scenario's variables and tags, and counts its bytes
    /// itself.
    pub(crate) fn enter_for_setup(&mut self, scenario: Rc<ScenarioShare>) {
        self.scenario = Some(scenario);
    }

    /// Puts the VU into the group of setup, teardown or the VU's init, as k6 names it.
    pub(crate) fn enter_stage(&mut self, group: &'static str) {
        self.stage = Some(group);
        self.groups.clear();
        self.settle();
    }

    /// Ends that: what was left open is closed, as after an iteration.
    pub(crate) fn leave_stage(&mut self) {
        self.stage = None;
        self.tidy();
        self.settle();
    }

    /// The path of the group that the VU is in.
    pub(super) fn group(&self) -> Option<&str> {
        self.groups.last().map(|group| group.path.as_str()).or(self.stage)
    }

    /// What setup returned for a scenario, or for those that are in none.
    pub(super) fn data_of(&self, scenario: Option<usize>) -> Option<String> {
        self.shard.setup_data.borrow().of(scenario).map(str::to_owned)
    }
}
