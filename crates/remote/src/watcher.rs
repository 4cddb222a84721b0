//! One client that watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throng_protocol::control::{Event, LogLevel, RunStatus, Skipped, Thresholds, WatchResponse};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;

use crate::board::{Board, News};
use crate::service::RunControl;

/// How often it is told how far the run is, but for changes of the state.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the state has changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// One client that watches.
pub(crate) struct Watcher {
    control: Arc<dyn RunControl>,
    sender: mpsc::Sender<Result<WatchResponse, Status>>,
    log_level: LogLevel,
    /// What it was told last, and when.
    told: Option<(RunStatus, Instant)>,
    _place: OwnedSemaphorePermit,
}

/// That the client has gone.
struct Gone;

impl Watcher {
    pub(crate) fn new(
        control: Arc<dyn RunControl>,
        sender: mpsc::Sender<Result<WatchResponse, Status>>,
        log_level: LogLevel,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { control, sender, log_level, told: None, _place: place }
    }

    /// Tells the client what there is until the run is over or it has gone. Either way the stream ends.
    pub(crate) async fn follow(mut self, board: Board) {
        let _ = self.tell_all(board).await;
    }

    async fn tell_all(&mut self, board: Board) -> Result<(), Gone> {
        let (mut news, end) = board.watch();
        if let Some(end) = end {
            self.tell_status(end.status.clone().unwrap_or_default()).await?;
            return self.tell(Event::End(end)).await;
        }
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // News first, so that nothing is told of a run after its end.
                biased;
                () = self.sender.closed() => return Err(Gone),
                item = news.recv() => match item {
                    Ok(News::End(end)) => return self.tell(Event::End(*end)).await,
                    Ok(News::Log(record)) if record.level() < self.log_level => {}
                    Ok(News::Log(record)) => self.tell(Event::Log(record)).await?,
                    Err(RecvError::Lagged(messages)) => self.tell(Event::Skipped(Skipped { messages })).await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = looks.tick() => {
                    let status = self.control.status();
                    if self.is_news(&status) {
                        self.tell_status(status).await?;
                    }
                }
            }
        }
    }

    fn is_news(&self, status: &RunStatus) -> bool {
        let Some((told, when)) = &self.told else { return true };
        let state = |status: &RunStatus| (status.state(), status.stopping);
        state(told) != state(status) || when.elapsed() >= PROGRESS_EVERY
    }

    /// How far the run is, and what the thresholds say if that is new.
    async fn tell_status(&mut self, status: RunStatus) -> Result<(), Gone> {
        let told = self.told.take().map(|(told, _)| told.thresholds).unwrap_or_default();
        if told != status.thresholds {
            self.tell(Event::Thresholds(Thresholds { outcomes: status.thresholds.clone() })).await?;
        }
        self.told = Some((status.clone(), Instant::now()));
        self.tell(Event::Progress(status)).await
    }

    async fn tell(&self, event: Event) -> Result<(), Gone> {
        self.sender.send(Ok(WatchResponse { event: Some(event) })).await.map_err(|_| Gone)
    }
}
