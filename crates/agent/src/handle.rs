//! Looking at a run and steering it, from any thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use throng_control::judge::ScenarioProgress;
use throng_control::leading::{PauseError, ScaleError};
use throng_stats::Outcome;

use crate::run::Message;

/// Looks at a run and steers it. Clones belong to the same run.
///
/// What is asked of a run is answered by the thread that leads it, and no shard waits for it. So nothing of this may be
/// called on that thread itself: not within an [`Observer`](crate::Observer), but for [`interrupt`](Self::interrupt) and
/// [`stop`](Self::stop).
#[derive(Clone, Debug, Default)]
pub struct RunHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    interrupted: Arc<AtomicBool>,
    stopped: AtomicBool,
    status: Mutex<RunStatus>,
    /// The way to the thread that leads the run, while there is one.
    leader: Mutex<Option<mpsc::Sender<Message>>>,
}

/// Where a run stands: k6's execution status, by its names and numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunPhase {
    /// Nothing has begun.
    #[default]
    Created,
    /// VUs are being made.
    InitVUs,
    /// Never seen: throng's load models need no making.
    InitExecutors,
    /// Everything is made.
    InitDone,
    /// It waits to be resumed.
    PausedBeforeRun,
    /// Its time counts.
    Started,
    /// The script's setup runs.
    Setup,
    /// Scenarios run.
    Running,
    /// The script's teardown runs.
    Teardown,
    /// It is over.
    Ended,
    /// It is over before its time.
    Interrupted,
    /// It is over, and the script marked it as failed.
    MarkedAsFailed,
}

impl fmt::Display for RunPhase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl RunPhase {
    /// k6's number of it.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A run as it stands. What the shards did is as old as their last windows, a second at most.
#[derive(Clone, Debug, Default)]
pub struct RunStatus {
    /// Where it stands.
    pub phase: RunPhase,
    /// Whether it, or all of its scenarios that can be, are paused.
    pub paused: bool,
    /// Time since the load began.
    pub elapsed: Duration,
    /// VUs that run a scenario, or in open models an iteration.
    pub vus: u64,
    /// VUs made.
    pub vus_max: u64,
    /// Iterations that ended by themselves.
    pub completed: u64,
    /// Iterations that were cut.
    pub interrupted: u64,
    /// Iterations that could not be started.
    pub dropped: u64,
    /// Every scenario.
    pub scenarios: Vec<ScenarioProgress>,
    /// The last verdict on each threshold.
    pub thresholds: Vec<Outcome>,
}

/// What is asked of a run, with the way back.
#[derive(Debug)]
pub(crate) enum Request {
    Scale {
        scenario: Option<String>,
        vus: Option<u64>,
        max_vus: Option<u64>,
        /// Takes the scenario's name and its VUs.
        reply: mpsc::Sender<Result<(String, u64), ScaleError>>,
    },
    Pause {
        paused: bool,
        reply: mpsc::Sender<Result<(), PauseError>>,
    },
    /// Look at the flags.
    Look,
}

impl RunHandle {
    /// The run as it stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        lock(&self.0.status).clone()
    }

    /// Sets how many VUs an externally-controlled scenario has over all agents and shards; `max_vus` raises its limit
    /// first. Without a name it is the only such scenario, without a number those that it was told last. VUs that are
    /// too many are cut. Returns the scenario's name and its VUs.
    ///
    /// # Errors
    /// When there is no such scenario, or it may not have so many; nothing changes then.
    pub fn scale(
        &self,
        scenario: Option<&str>,
        vus: Option<u64>,
        max_vus: Option<u64>,
    ) -> Result<(String, u64), ScaleError> {
        let scenario = scenario.map(str::to_owned);
        self.ask(|reply| Request::Scale { scenario, vus, max_vus, reply }).unwrap_or(Err(ScaleError::NotRunning))
    }

    /// Stops the VUs of all externally-controlled scenarios until they are resumed. Before the run has begun it is kept
    /// from beginning.
    ///
    /// # Errors
    /// When nothing can be paused, or is already.
    pub fn pause(&self) -> Result<(), PauseError> {
        self.ask(|reply| Request::Pause { paused: true, reply }).unwrap_or(Err(PauseError::NotRunning))
    }

    /// Lets a run that waits begin, or paused scenarios go on.
    ///
    /// # Errors
    /// When nothing is paused.
    pub fn resume(&self) -> Result<(), PauseError> {
        self.ask(|reply| Request::Pause { paused: false, reply }).unwrap_or(Err(PauseError::NotRunning))
    }

    /// Ends the run as somebody's decision: cuts all iterations, then calls teardown and reports.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        self.send(Request::Look);
    }

    /// Cuts all iterations, then calls teardown and reports, as the first Ctrl-C does.
    pub fn interrupt(&self) {
        self.0.interrupted.store(true, Ordering::Relaxed);
        self.send(Request::Look);
    }

    /// The flag behind [`interrupt`](Self::interrupt), for a signal handler to set.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.interrupted)
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.0.interrupted.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, status: RunStatus) {
        *lock(&self.0.status) = status;
    }

    /// Requests go there from now on; until [`Attached`] is dropped.
    pub(crate) fn attach(&self, leader: mpsc::Sender<Message>) -> Attached {
        *lock(&self.0.leader) = Some(leader);
        Attached(self.clone())
    }

    fn send(&self, request: Request) {
        if let Some(leader) = &*lock(&self.0.leader) {
            // It is gone only when the run is over.
            let _ = leader.send(Message::Request(request));
        }
    }

    /// None if nobody leads it, or if that ends before it has answered.
    fn ask<T>(&self, request: impl FnOnce(mpsc::Sender<T>) -> Request) -> Option<T> {
        let (reply, answer) = mpsc::channel();
        self.send(request(reply));
        answer.recv().ok()
    }
}

/// The time in which requests are answered.
#[derive(Debug)]
pub(crate) struct Attached(RunHandle);

impl Drop for Attached {
    fn drop(&mut self) {
        *lock(&self.0.0.leader) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_run_requests_are_refused_and_flags_are_kept() {
        let handle = RunHandle::default();
        assert_eq!(handle.scale(None, Some(1), None), Err(ScaleError::NotRunning));
        assert_eq!((handle.pause(), handle.resume()), (Err(PauseError::NotRunning), Err(PauseError::NotRunning)));
        assert_eq!(handle.status().phase, RunPhase::Created);
        handle.stop();
        assert!(handle.is_stopped() && !handle.is_interrupted());
    }

    #[test]
    fn a_run_that_ends_without_an_answer_refuses() {
        let handle = RunHandle::default();
        let (sender, events) = mpsc::channel();
        let attached = handle.attach(sender);
        let asking = std::thread::spawn({
            let handle = handle.clone();
            move || handle.scale(Some("a"), Some(3), None)
        });
        let request = events.recv().unwrap();
        assert!(matches!(request, Message::Request(Request::Scale { vus: Some(3), .. })));
        drop((request, attached, events));
        assert_eq!(asking.join().unwrap(), Err(ScaleError::NotRunning));
        assert_eq!(handle.pause(), Err(PauseError::NotRunning));
    }

    #[test]
    fn phases_have_k6s_names_and_numbers() {
        assert_eq!((RunPhase::InitVUs.to_string(), RunPhase::InitVUs.number()), ("InitVUs".to_owned(), 1));
        assert_eq!(RunPhase::MarkedAsFailed.number(), 11);
    }
}
