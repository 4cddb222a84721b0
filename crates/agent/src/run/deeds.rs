//! The agent of a run in one process: what it hears of its worker, and what it does.

use std::sync::Arc;
use std::time::Duration;

use throng_control::Timestamp;
use throng_control::judge::{AgentWindow, NotTaken};
use throng_stats::{SourceId, Window};
use throng_transport::Nanos;
use throng_vu::LogLevel;

use super::local::LocalRun;
use super::{Message, RunError};
use crate::link::{Deed, Fact, KeptWindow, PartEvent, PartId};
use crate::worker::{Assignment, Late, Step, Worker, WorkerEvent};

impl LocalRun<'_> {
    /// What the worker says.
    pub(super) fn hear(&mut self, event: WorkerEvent) -> Result<(), RunError> {
        self.outputs.hear(&event, &self.plan);
        match &event {
            WorkerEvent::Window(_) => self.worker.iter().for_each(Worker::window_taken),
            // What is wrong with this machine is this process's end.
            WorkerEvent::Ready(Err(message)) => return Err(RunError::Vus(message.clone())),
            WorkerEvent::Lost => return Err(RunError::ShardLost),
            _ => {}
        }
        let Some(part) = self.parts.ids().next().cloned() else { return Ok(()) };
        let deeds = self.parts.note(&part, PartEvent::Worker(event));
        self.perform(deeds)
    }

    /// Does what is to be done, in that order.
    pub(super) fn perform(&mut self, deeds: Vec<Deed>) -> Result<(), RunError> {
        for deed in deeds {
            match deed {
                Deed::Begin(order) => self.begin(&PartId::from(&*order))?,
                Deed::SetUp(_) => self.tell(Step::Setup { began: self.began() }),
                Deed::InitVus(_, setup_data) => self.tell(Step::InitVus { began: self.began(), setup_data }),
                Deed::Start { start, from_ms, begun_before, setup_data, .. } => {
                    let (began, at) = (self.began(), self.group.instant(start));
                    let late = Late { from: Duration::from_millis(from_ms), begun_before };
                    self.tell(Step::Start { began, at, late, setup_data });
                }
                Deed::Control(_, steering) => self.tell(Step::Control(steering)),
                Deed::Stop(_) => self.tell(Step::Stop),
                Deed::TearDown(_) => self.tell(Step::Teardown),
                Deed::Summarize(_, json) => self.tell(Step::Summarize(json)),
                Deed::Release(_) => self.tell(Step::Finish),
                Deed::Say(part, fact) => self.say(part, fact),
                Deed::SayWindow(part, window) => self.say_window(&part, window),
                // It ends with the run.
                Deed::Leave => {}
            }
        }
        Ok(())
    }

    fn tell(&self, step: Step) {
        if let Some(worker) = &self.worker {
            worker.tell(step);
        }
    }

    /// When the run began.
    fn began(&self) -> Nanos {
        let began = self.group.run().and_then(throng_control::Run::began);
        self.group.instant(began.unwrap_or(Timestamp(0)))
    }

    fn begin(&mut self, part: &PartId) -> Result<(), RunError> {
        let shards = std::mem::take(&mut self.shards);
        let assignment = Assignment {
            // The whole of a run is what its options say.
            segment: self.plan.options().segment.clone(),
            first_source: SourceId(0),
            outlets: shards.iter().map_while(|_| self.outputs.outlet()).collect(),
            shards,
        };
        let sender = self.sender.clone();
        // Nobody listens any more only when the run has failed.
        let report = move |event| drop(sender.send(Message::Worker(event)));
        let worker = Worker::start(&self.planned, assignment, report)?;
        self.worker = Some(worker);
        let (registry, has_vu_init) = (Arc::clone(&self.planned.registry), self.planned.description.has_vu_init);
        self.tell(Step::Prepare);
        let deeds = self.parts.note(part, PartEvent::Begun { registry, has_vu_init });
        self.perform(deeds)
    }

    /// Tells the coordinator something.
    fn say(&mut self, part: PartId, fact: Fact) {
        match fact {
            Fact::Log(record) => self.observer.log(record),
            fact => {
                if let Fact::Ready { standing, .. } = &fact {
                    self.group.note_ready(&part, standing.clone());
                }
                for action in fact.actions(part) {
                    // What is refused is known already, or too late: the orders say what holds.
                    self.group.apply(action);
                }
            }
        }
    }

    fn say_window(&mut self, part: &PartId, kept: KeptWindow) {
        let KeptWindow { first, last, bytes, vus, standing, .. } = kept;
        let taken = Window::decode(&bytes, &self.planned.registry).map_err(|error| error.to_string());
        let taken = taken.and_then(|window| {
            let window = AgentWindow { first, last, window, vus, standing };
            self.group.take(part, window).map_err(|error: NotTaken| error.to_string())
        });
        match taken {
            Ok(seconds) => seconds.into_iter().for_each(|count| self.outputs.note_vus(count)),
            Err(error) => {
                self.log(LogLevel::Error, format!("a window can't be taken, which is a fault of throng: {error}"))
            }
        }
    }
}
