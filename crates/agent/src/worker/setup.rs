//! What a worker does between the making of VUs and the load: the run's setup and those of scenarios, the init of VUs.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;

use throng_control::judge::CallFailure;
use throng_transport::Nanos;

use super::leader::Leader;
use super::{SetupFailure, WorkerEvent};
use crate::command::Command;
use crate::setup_data::SetupData;

/// The setups that are under way.
#[derive(Debug, Default)]
pub(super) struct Setups {
    began: Nanos,
    /// Those that are left: that of the run, or of the scenario of this index.
    left: VecDeque<Option<usize>>,
    /// The one that goes on.
    current: Option<usize>,
    /// What those before it returned.
    data: SetupData,
}

impl Leader {
    /// Begins with the setups, of which the first shard makes one after the other.
    pub(super) fn set_up(&mut self, began: Nanos) {
        let scenarios = self.planned.plan.scenarios().iter().enumerate();
        let own = scenarios.filter(|(_, planned)| planned.setup().is_some()).map(|(index, _)| Some(index));
        let left = self.planned.description.has_setup.then_some(None).into_iter().chain(own).collect();
        self.setups = Setups { began, left, ..Setups::default() };
        self.set_up_next();
    }

    /// Makes the next one. Once the run was told to stop there is none any more.
    fn set_up_next(&mut self) {
        let next = self.setups.left.pop_front().filter(|_| !self.is_stopped);
        let Some(scenario) = next else {
            let data = take(&mut self.setups).data;
            return self.say(WorkerEvent::SetupDone(Ok(data)));
        };
        self.setups.current = scenario;
        let (began, run_data) = (self.setups.began, self.setups.data.run.clone());
        self.send_first(Command::Setup { began, scenario, run_data });
    }

    /// One of them returned, or failed.
    pub(super) fn note_set_up(&mut self, result: Result<Option<String>, CallFailure>) {
        self.say_last_window();
        let current = self.setups.current;
        match result {
            Ok(json) => {
                let (json, data) = (json.map(Arc::from), &mut self.setups.data);
                match current {
                    None => data.run = json,
                    Some(index) => {
                        data.scenarios.resize(index + 1, None);
                        data.scenarios[index] = json;
                    }
                }
                self.set_up_next();
            }
            Err(failure) => {
                self.setups = Setups::default();
                let name = |index: usize| self.planned.plan.scenarios()[index].scenario().name.clone();
                let scenario = current.map(name);
                self.say(WorkerEvent::SetupDone(Err(SetupFailure { scenario, failure })));
            }
        }
    }

    /// Has every shard make its VUs ready for their first iteration.
    pub(super) fn init_vus(&mut self, began: Nanos, data: &SetupData) {
        (self.initialising, self.owed) = (self.shards.len(), self.owed + self.shards.len());
        self.send_all(|| Command::InitVus { began, run_data: data.run.clone() });
    }

    /// A shard has.
    pub(super) fn note_initialised(&mut self) {
        self.initialising = self.initialising.saturating_sub(1);
        if self.initialising == 0 {
            self.say_last_window();
            self.say(WorkerEvent::VusInitialised);
        }
    }
}
