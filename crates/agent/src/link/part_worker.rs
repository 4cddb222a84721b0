//! A part's worker, and what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_control::{Scale, Steering};
use throng_plan::{ControlledVus, LoadModel, Plan};
use throng_transport::Nanos;

use crate::setup_data::SetupData;
use crate::worker::{Late, Step, Worker};

/// What a part is told once it was begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// Make the VUs. The first one, told when the link knows that the part was begun.
    Prepare,
    /// Call setup; the run began then.
    SetUp {
        /// By this machine's clock.
        began: Nanos,
    },
    /// Make the VUs ready for iterations.
    InitVus {
        /// When the run began.
        began: Nanos,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Run the load.
    Start {
        /// When the run began.
        began: Nanos,
        /// When its load starts or started.
        at: Nanos,
        /// How far into the load this part begins, in milliseconds.
        from_ms: u64,
        /// How many iterations of each scenario were begun before that.
        begun_before: Vec<u64>,
        /// What setups returned.
        setup_data: SetupData,
    },
    /// Externally-controlled scenarios are to be like this.
    Control(Steering),
    /// Cut what goes on; where the part is still being begun, as soon as it has.
    Stop,
    /// Call teardown.
    TearDown,
    /// Call the script's own summary on this JSON.
    Summarize(Arc<str>),
}

/// A part that has a worker.
#[derive(Debug)]
pub struct PartWorker {
    worker: Worker,
    /// Externally-controlled scenarios, by their place in the plan.
    controlled: BTreeMap<u32, ControlledVus>,
}

impl PartWorker {
    /// A worker of a run with this plan.
    #[must_use]
    pub fn new(worker: Worker, plan: &Plan) -> Self {
        let scenarios = (0..).zip(plan.scenarios());
        let controlled = scenarios.filter_map(|(place, planned)| match planned.scenario().model {
            LoadModel::ExternallyControlled { vus, max_vus, .. } => Some((place, ControlledVus::new(vus, max_vus))),
            _ => None,
        });
        Self { worker, controlled: controlled.collect() }
    }

    /// Tells it something. It never waits.
    pub fn tell(&mut self, word: Word) {
        let step = match word {
            Word::Prepare => Step::Prepare,
            Word::SetUp { began } => Step::Setup { began },
            Word::InitVus { began, setup_data } => Step::InitVus { began, setup_data },
            Word::Start { began, at, from_ms, begun_before, setup_data } => {
                let late = Late { from: Duration::from_millis(from_ms), begun_before };
                Step::Start { began, at, late, setup_data }
            }
            Word::Control(steering) => return self.control(&steering),
            Word::Stop => Step::Stop,
            Word::TearDown => Step::Teardown,
            Word::Summarize(json) => Step::Summarize(json.to_string()),
        };
        self.worker.tell(step);
    }

    /// One of its windows has been kept.
    pub fn window_taken(&self) {
        self.worker.window_taken();
    }

    /// Lets it go: it ends in the background, and says when it has.
    pub fn finish(&self) {
        self.worker.tell(Step::Finish);
    }

    fn control(&mut self, steering: &Steering) {
        for (place, controlled) in &mut self.controlled {
            let before = *controlled;
            let Scale { vus, max_vus } = steering.scales.get(place).copied().unwrap_or_default();
            if let Some(max_vus) = max_vus {
                controlled.set_max_vus(max_vus);
            }
            if let Some(vus) = vus {
                // The leader has looked at that; of more there are as many as there may be.
                let _ = controlled.scale(vus.min(controlled.max_vus()));
            }
            controlled.pause(steering.paused);
            if *controlled != before {
                self.worker.tell(Step::Control { scenario: *place as usize, vus: *controlled });
            }
        }
    }
}
