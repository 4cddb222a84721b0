//! Clients that watch runs.

use std::sync::Arc;
use std::time::Duration;

use throng_control::RunId;
use throng_protocol::agent::LogLevel as AgentLevel;
use throng_protocol::control::{LogLevel, LogRecord, RunState, Skipped, Thresholds};
use throng_protocol::run::{Event, Log, Run, WatchRunRequest, WatchRunResponse};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic::{Status, Streaming};

use super::message::{self, Detail};
use crate::leader::{Leader, LogLine, LogReader, LogsRead};

/// Clients of a node that watch runs.
pub(crate) const WATCHERS_MAX: usize = 256;
/// Events that wait for a client; while there are so many, what is told next is newer.
pub(super) const EVENTS_WAITING_MAX: usize = 16;
/// How often a client is told how far a run is, but for changes of its state.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the state has changed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Sender = mpsc::Sender<Result<WatchRunResponse, Status>>;

/// How many clients watch.
#[derive(Clone, Debug)]
pub(super) struct Watchers(Arc<Semaphore>);

impl Watchers {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(WATCHERS_MAX)))
    }

    /// A place for one more.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{WATCHERS_MAX} clients watch runs at this node, as many as may: ask another node, or later"
            ))
        })
    }
}

/// Hands on what the leader tells a client of another node's. A stream that breaks off is told as that.
pub(super) async fn relay(mut events: Streaming<WatchRunResponse>, sender: Sender, _place: OwnedSemaphorePermit) {
    loop {
        let event = tokio::select! {
            () = sender.closed() => return,
            event = events.message() => match event {
                Ok(Some(event)) => Ok(event),
                Ok(None) => return,
                Err(status) if std::error::Error::source(&status).is_some() => Err(gone()),
                Err(status) => Err(status),
            },
        };
        let is_last = event.is_err();
        if sender.send(event).await.is_err() || is_last {
            return;
        }
    }
}

fn gone() -> Status {
    Status::unavailable("the leader is gone: the run goes on at its agents, ask again")
}

/// Tells a client how a run goes on until it has ended, this node leads no more, or the client is gone.
pub(super) async fn follow(
    leader: Leader,
    run: RunId,
    asked: WatchRunRequest,
    sender: Sender,
    _place: OwnedSemaphorePermit,
) {
    let log_level = if asked.log_level() == LogLevel::Unspecified { LogLevel::Info } else { asked.log_level() };
    let mut watcher = Watcher { leader, run, log_level, sender, told: None };
    // What ends it early is that the client is gone.
    let _ = watcher.tell_all(asked.new_logs_only).await;
}

/// That the client has gone.
struct Gone;

struct Watcher {
    leader: Leader,
    run: RunId,
    log_level: LogLevel,
    sender: Sender,
    /// What it was told last, and when.
    told: Option<(Run, Instant)>,
}

impl Watcher {
    async fn tell_all(&mut self, new_logs_only: bool) -> Result<(), Gone> {
        let mut reign = self.leader.reign();
        let mut logs: Option<LogReader> = None;
        let mut is_first = true;
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if logs.is_none()
                && let Some(feed) = self.leader.feeds().get(&self.run)
            {
                logs = Some(if is_first && new_logs_only { feed.new_logs() } else { feed.logs() });
            }
            let has_ended = self.look().await?;
            is_first = false;
            if has_ended {
                if let Some(mut logs) = logs.take() {
                    while let Some(read) = logs.read_now() {
                        self.tell_logs(read).await?;
                    }
                }
                return self.tell_end().await;
            }
            if !reign.borrow_and_update().is_on() {
                return self.sender.send(Err(gone())).await.map_err(|_| Gone);
            }
            tokio::select! {
                biased;
                () = self.sender.closed() => return Err(Gone),
                _ = reign.changed() => {}
                read = next(&mut logs) => match read {
                    Some(read) => self.tell_logs(read).await?,
                    None => logs = None,
                },
                _ = looks.tick() => {}
            }
        }
    }

    /// Tells how far the run is, if that is news; whether it has ended.
    async fn look(&mut self) -> Result<bool, Gone> {
        let view = self.leader.feeds().get(&self.run).and_then(|feed| feed.view().borrow().clone());
        let state = self.leader.node().read(|state| {
            let run = state.run(&self.run)?;
            Some(message::run(run, view.as_deref(), Detail::Whole))
        });
        let Some(run) = state else { return Ok(true) };
        let has_ended = state_of(&run) == RunState::Ended;
        if self.is_news(&run) {
            self.tell_run(run).await?;
        }
        Ok(has_ended)
    }

    fn is_news(&self, run: &Run) -> bool {
        let Some((told, when)) = &self.told else { return true };
        let state = |run: &Run| (state_of(run), run.status.as_ref().is_some_and(|status| status.stopping));
        state(told) != state(run) || when.elapsed() >= PROGRESS_EVERY
    }

    /// How far the run is, and what the thresholds say if that is new.
    async fn tell_run(&mut self, run: Run) -> Result<(), Gone> {
        let thresholds = |run: &Run| run.status.as_ref().map(|status| status.thresholds.clone()).unwrap_or_default();
        let (now, before) = (thresholds(&run), self.told.as_ref().map(|(told, _)| thresholds(told)));
        if !now.is_empty() && before.as_ref() != Some(&now) {
            self.tell(Event::Thresholds(Thresholds { outcomes: now })).await?;
        }
        self.told = Some((run.clone(), Instant::now()));
        self.tell(Event::Progress(run)).await
    }

    async fn tell_logs(&self, read: LogsRead) -> Result<(), Gone> {
        if read.skipped > 0 {
            self.tell(Event::Skipped(Skipped { messages: read.skipped })).await?;
        }
        for line in read.lines {
            let log = log(&line);
            if log.record.as_ref().is_some_and(|record| record.level() >= self.log_level) {
                self.tell(Event::Log(log)).await?;
            }
        }
        Ok(())
    }

    async fn tell_end(&self) -> Result<(), Gone> {
        let end = self.leader.node().read(|state| message::end(state, &self.run));
        match end {
            Ok(end) => self.tell(Event::End(end)).await,
            Err(status) => self.sender.send(Err(status)).await.map_err(|_| Gone),
        }
    }

    async fn tell(&self, event: Event) -> Result<(), Gone> {
        self.sender.send(Ok(WatchRunResponse { event: Some(event) })).await.map_err(|_| Gone)
    }
}

fn state_of(run: &Run) -> RunState {
    run.status.as_ref().map_or(RunState::Unspecified, |status| status.state())
}

/// What comes next of a run's messages; never while there are none to come.
async fn next(logs: &mut Option<LogReader>) -> Option<LogsRead> {
    match logs {
        Some(logs) => logs.read().await,
        None => std::future::pending().await,
    }
}

fn log(line: &LogLine) -> Log {
    let level = match line.level {
        AgentLevel::Unspecified | AgentLevel::Info => LogLevel::Info,
        AgentLevel::Debug => LogLevel::Debug,
        AgentLevel::Warn => LogLevel::Warn,
        AgentLevel::Error => LogLevel::Error,
    };
    let record = LogRecord { level: level.into(), message: line.message.clone(), source: line.source.clone() };
    Log { record: Some(record), agent: line.agent.clone() }
}
