//! One part: how far it is, and what comes next.

use std::sync::Arc;

use throng_control::judge::{CallFailure, Standing};
use throng_control::leading::{OwnSummary, SetupReturned};
use throng_control::{Failure, FailureKind, Order, Steering, Task};

use super::deed::{Deed, Fact, PartEvent, PartId};
use super::keeper::Keeper;
use crate::setup_data::SetupData;
use crate::worker::{SetupFailure, WorkerEvent};

/// What goes on, of what is told to a worker one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Prepare,
    SetUp,
    InitVus,
    Load,
    TearDown,
    Summarize,
}

/// How far a part is.
#[derive(Debug)]
pub(super) struct PartState {
    pub(super) id: PartId,
    order: Order,
    /// Whether its worker was ever asked for.
    has_begun: bool,
    going: Option<Step>,
    has_vu_init: bool,
    /// There from the beginning of its worker on.
    keeper: Option<Keeper>,
    ready: Option<Standing>,
    failed: Option<Failure>,
    setup: Option<Result<SetupReturned, Failure>>,
    setup_data: Option<SetupData>,
    is_initialised: bool,
    has_started: bool,
    was_stopped: bool,
    is_done: bool,
    /// Whether teardown was told to stop.
    was_cut: bool,
    teardown: Option<Result<(), Failure>>,
    summary_data: Option<Arc<str>>,
    summary: Option<Result<OwnSummary, Failure>>,
    /// What the script said when it aborted, and whether that was in teardown.
    abort: Option<(String, bool)>,
    marked_failed: Option<String>,
    /// What was told last of pausing and scaling.
    control: Steering,
}

impl PartState {
    pub(super) fn new(order: &Order) -> Self {
        Self {
            id: PartId::from(order),
            order: order.clone(),
            has_begun: false,
            going: None,
            has_vu_init: false,
            keeper: None,
            ready: None,
            failed: None,
            setup: None,
            setup_data: None,
            is_initialised: false,
            has_started: false,
            was_stopped: false,
            is_done: false,
            was_cut: false,
            teardown: None,
            summary_data: None,
            summary: None,
            abort: None,
            marked_failed: None,
            control: Steering::default(),
        }
    }

    pub(super) fn obey(&mut self, order: &Order) {
        self.order.clone_from(order);
        self.note_committed(order.included);
    }

    /// Windows through that one are in a checkpoint.
    pub(super) fn note_committed(&mut self, through: u64) {
        match &mut self.keeper {
            Some(keeper) => {
                if let Err(error) = keeper.note_committed(through) {
                    self.fail(FailureKind::Other, error.to_string());
                }
            }
            // Nothing was said, so that nothing can be in a checkpoint: another process has said it.
            None if through > 0 => {
                let text = "the coordinators have windows of this part that this process knows nothing of";
                self.fail(FailureKind::Other, text.to_owned());
            }
            None => {}
        }
    }

    pub(super) fn note_setup_data(&mut self, data: SetupData) {
        self.setup_data = Some(data);
    }

    pub(super) fn note_summary_data(&mut self, json: Arc<str>) {
        self.summary_data = Some(json);
    }

    /// There is no stream, or another one.
    pub(super) fn begin_stream(&mut self) {
        self.keeper.iter_mut().for_each(Keeper::begin_stream);
    }

    /// It can't go on; the first reason stays.
    pub(super) fn fail(&mut self, kind: FailureKind, message: String) {
        self.failed.get_or_insert(Failure::new(kind, message));
    }

    /// Notes what happens. What is to be said at once is the result.
    pub(super) fn note(&mut self, event: PartEvent) -> Option<Fact> {
        match event {
            PartEvent::Begun { registry, has_vu_init } => {
                self.keeper = Some(Keeper::new(registry));
                (self.has_vu_init, self.going) = (has_vu_init, Some(Step::Prepare));
            }
            PartEvent::NotBegun(failure) => {
                self.failed.get_or_insert(failure);
                self.going = None;
            }
            PartEvent::Worker(event) => return self.note_worker(event),
        }
        None
    }

    fn note_worker(&mut self, event: WorkerEvent) -> Option<Fact> {
        match event {
            WorkerEvent::Window(window) => {
                if let Some(Err(error)) = self.keeper.as_mut().map(|keeper| keeper.keep(*window)) {
                    self.fail(FailureKind::Other, error.to_string());
                }
                return None;
            }
            WorkerEvent::Log(record) => return Some(Fact::Log(record)),
            WorkerEvent::Abort(message) => {
                let of_teardown = self.going == Some(Step::TearDown);
                // What was said of the load is known by then.
                if self.abort.as_ref().is_none_or(|(_, known)| of_teardown && !known) {
                    self.abort = Some((message, of_teardown));
                }
                return None;
            }
            WorkerEvent::Fail(message) => {
                self.marked_failed.get_or_insert(message);
                return None;
            }
            WorkerEvent::Ready(Ok(standing)) => self.ready = Some(standing),
            WorkerEvent::Ready(Err(message)) => {
                self.fail(FailureKind::Machine, format!("not all VUs could be made: {message}"));
            }
            WorkerEvent::SetupDone(result) => {
                self.setup = Some(result.map(SetupReturned::from).map_err(SetupFailure::into));
            }
            WorkerEvent::VusInitialised => self.is_initialised = true,
            WorkerEvent::Done { .. } => self.is_done = true,
            WorkerEvent::TeardownDone { result, .. } => {
                self.teardown = Some(result.map_err(|failure| call_failure(failure, "teardownTimeout")));
            }
            WorkerEvent::Summarized(result) => {
                let failed = |failure| call_failure(failure, "handleSummaryTimeout");
                self.summary = Some(result.map(OwnSummary).map_err(failed));
            }
            WorkerEvent::Lost => {
                let text = "a shard has ended by itself; this is a fault of throng";
                self.fail(FailureKind::Other, text.to_owned());
            }
            WorkerEvent::Finished(_) => {}
        }
        self.going = None;
        None
    }

    /// What comes next, until there is nothing.
    pub(super) fn next(&mut self) -> Option<Deed> {
        // What goes on when a part has failed is of no use any more.
        if self.failed.is_some() && self.going.is_some() && !self.was_stopped {
            return Some(self.stop());
        }
        if let Some(control) = self.control() {
            return Some(control);
        }
        match self.order.task.clone() {
            Task::Prepare => self.begin(),
            Task::Setup => self.begin().or_else(|| self.set_up()),
            Task::InitVus { setup_data } => self.begin().or_else(|| self.init_vus(setup_data)),
            Task::Run { start, from_ms, begun_before, setup_data } => {
                // Earlier coordinators order no init of VUs beforehand.
                let begin = self.begin().or_else(|| self.init_vus(setup_data));
                begin.or_else(|| {
                    let setup_data = self.may_start(setup_data)?;
                    (self.has_started, self.going) = (true, Some(Step::Load));
                    Some(Deed::Start { part: self.id.clone(), start, from_ms, begun_before, setup_data })
                })
            }
            Task::Stop { .. } => {
                if self.going.is_some() && !self.was_stopped {
                    return Some(self.stop());
                }
                self.is_done |= self.going.is_none();
                None
            }
            Task::Hold => None,
            Task::Teardown { cut } => {
                if cut && self.going == Some(Step::TearDown) && !std::mem::replace(&mut self.was_cut, true) {
                    return Some(Deed::Stop(self.id.clone()));
                }
                (self.is_free() && self.teardown.is_none()).then(|| self.go(Step::TearDown, Deed::TearDown))
            }
            Task::Summarize => {
                let json = self.summary_data.clone().filter(|_| self.is_free() && self.summary.is_none())?;
                Some(self.go(Step::Summarize, |part| Deed::Summarize(part, json)))
            }
        }
    }

    fn go(&mut self, step: Step, deed: impl FnOnce(PartId) -> Deed) -> Deed {
        self.going = Some(step);
        deed(self.id.clone())
    }

    fn stop(&mut self) -> Deed {
        self.was_stopped = true;
        Deed::Stop(self.id.clone())
    }

    /// Whether its worker could be told another step.
    fn is_free(&self) -> bool {
        self.ready.is_some() && self.failed.is_none() && self.going.is_none()
    }

    fn begin(&mut self) -> Option<Deed> {
        if std::mem::replace(&mut self.has_begun, true) || self.failed.is_some() {
            return None;
        }
        self.going = Some(Step::Begin);
        Some(Deed::Begin(Box::new(self.order.clone())))
    }

    fn set_up(&mut self) -> Option<Deed> {
        (self.is_free() && self.setup.is_none()).then(|| self.go(Step::SetUp, Deed::SetUp))
    }

    fn init_vus(&mut self, needs_data: bool) -> Option<Deed> {
        if !self.has_vu_init || self.is_initialised || self.has_started {
            return None;
        }
        let data = self.may_start(needs_data)?;
        Some(self.go(Step::InitVus, |part| Deed::InitVus(part, data)))
    }

    /// What setups returned, if it is there and the load could begin now.
    fn may_start(&self, needs_data: bool) -> Option<SetupData> {
        if !self.is_free() || self.has_started || self.was_stopped {
            return None;
        }
        if needs_data { self.setup_data.clone() } else { Some(SetupData::default()) }
    }

    fn control(&mut self) -> Option<Deed> {
        if self.ready.is_none() || self.failed.is_some() || self.control == self.order.steering {
            return None;
        }
        self.control.clone_from(&self.order.steering);
        Some(Deed::Control(self.id.clone(), self.control.clone()))
    }

    /// The next window to be said.
    pub(super) fn next_window(&mut self) -> Option<Deed> {
        let window = self.keeper.as_mut()?.next_to_say()?;
        Some(Deed::SayWindow(self.id.clone(), window))
    }

    /// What the orders don't show yet.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let last_window = self.keeper.as_ref().map_or(0, Keeper::last);
        let marked_failed = || self.marked_failed.clone();
        let failed = || self.failed.clone().map(Fact::Failed);
        let abort = |of_teardown| {
            let said = self.abort.as_ref().filter(|(_, of)| *of == of_teardown);
            said.map(|(message, _)| Fact::Abort(message.clone()))
        };
        let ready = |needs_init| self.ready.clone().map(|standing| Fact::Ready { standing, needs_init });
        let done = || Fact::Done { last_window, marked_failed: marked_failed() };
        let facts = match &self.order.task {
            Task::Prepare => [abort(false), failed().or_else(|| ready(self.has_vu_init))],
            Task::Setup => [abort(false), failed().or_else(|| self.setup.clone().map(Fact::SetupDone))],
            Task::InitVus { .. } => {
                let is_there = self.is_initialised || !self.has_vu_init;
                [abort(false), failed().or_else(|| ready(false).filter(|_| is_there))]
            }
            Task::Run { .. } => [abort(false), failed().or_else(|| self.is_done.then(done))],
            Task::Stop { .. } => [None, self.is_done.then(done)],
            Task::Hold => [None, None],
            Task::Teardown { .. } => {
                let result = self.broken().or_else(|| self.teardown.clone());
                let fact = |result: Result<(), Failure>| {
                    let failure = result.err();
                    Fact::TeardownDone { failure, last_window, marked_failed: marked_failed() }
                };
                [abort(true), result.map(fact)]
            }
            Task::Summarize => [None, self.broken().or_else(|| self.summary.clone()).map(Fact::Summarized)],
        };
        facts.into_iter().flatten().collect()
    }

    /// What comes of a call that can't be made any more, so that the run ends all the same.
    fn broken<T>(&self) -> Option<Result<T, Failure>> {
        self.failed.as_ref().map(|failure| Err(call_failure(CallFailure::Fault(failure.message.clone()), "")))
    }
}

impl From<SetupFailure> for Failure {
    fn from(SetupFailure { scenario, failure }: SetupFailure) -> Self {
        Self { scenario, ..call_failure(failure, "setupTimeout") }
    }
}

/// How a call failed; the option `limit_name` sets how long it may take.
fn call_failure(failure: CallFailure, limit_name: &str) -> Failure {
    let (kind, message) = match failure {
        CallFailure::Fault(message) => (FailureKind::Script, message),
        CallFailure::Timeout(limit) => {
            (FailureKind::TimedOut, format!("it took longer than {limit:?}, which {limit_name} sets"))
        }
        CallFailure::Aborted => (FailureKind::Other, "it was aborted".to_owned()),
    };
    Failure::new(kind, message)
}
