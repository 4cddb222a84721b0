//! The service's methods.

use std::sync::Arc;

use throng_protocol::control::{
    Control, LogLevel, PauseRequest, PauseResponse, ResumeRequest, ResumeResponse, RunState, RunStatus, ScaleRequest,
    ScaleResponse, Scaled, Scaling, StatusRequest, StatusResponse, StopRequest, StopResponse, WatchRequest,
    WatchResponse,
};
use throng_protocol::{ControlError, ErrorKind};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::board::Board;
use crate::watcher::Watcher;

/// Clients that watch at a time, over all connections; more are refused.
pub const WATCHERS_MAX: usize = 64;

/// A run, for those who control it. What changes it may block: it is called on threads that may, and whoever asked is
/// told if it takes too long.
pub trait RunControl: Send + Sync + 'static {
    /// How far the run is. Called often and on the service's own thread, so it is to return at once.
    fn status(&self) -> RunStatus;

    /// Gives a scenario another number of VUs.
    ///
    /// # Errors
    /// When there is no such scenario, it isn't externally controlled, or the numbers are out of range.
    fn scale(&self, scaling: Scaling) -> Result<Scaled, ControlError>;

    /// Pauses what can be paused, or keeps the run from beginning.
    ///
    /// # Errors
    /// When the run is in no state for it.
    fn pause(&self) -> Result<(), ControlError>;

    /// Goes on after a pause, or lets a run begin that waits.
    ///
    /// # Errors
    /// When the run is in no state for it.
    fn resume(&self) -> Result<(), ControlError>;

    /// Ends the run: iterations are cut, teardown and summary follow.
    ///
    /// # Errors
    /// When the run is in no state for it.
    fn stop(&self) -> Result<(), ControlError>;
}

/// The service of one run.
pub(crate) struct Service {
    board: Board,
    control: Arc<dyn RunControl>,
    watchers: Arc<Semaphore>,
    version: String,
}

impl Service {
    pub(crate) fn new(board: Board, control: Arc<dyn RunControl>, version: String) -> Self {
        Self { board, control, watchers: Arc::new(Semaphore::new(WATCHERS_MAX)), version }
    }

    /// How far this run is, if it is meant.
    fn meant(&self, run_id: &str) -> Result<RunStatus, ControlError> {
        let ended = self.board.ended().and_then(|end| end.status);
        let status = ended.unwrap_or_else(|| self.control.status());
        if run_id.is_empty() || run_id == status.run_id {
            return Ok(status);
        }
        let message = format!("there is no such run here, only {}", status.run_id);
        Err(ControlError::new(ErrorKind::NotFound, message))
    }

    /// Does something to the run, unless it is over.
    async fn act<T: Send + 'static>(
        &self,
        run_id: &str,
        what: impl FnOnce(&dyn RunControl) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let status = self.meant(run_id)?;
        if status.state() == RunState::Ended {
            return Err(ControlError::new(ErrorKind::Refused, format!("the run {} is over", status.run_id)));
        }
        let control = Arc::clone(&self.control);
        let done = tokio::task::spawn_blocking(move || what(control.as_ref())).await;
        done.unwrap_or_else(|error| {
            let message = format!("the run could not be asked; this is a fault of throng: {error}");
            Err(ControlError::new(ErrorKind::Internal, message))
        })
    }
}

#[tonic::async_trait]
impl Control for Service {
    type WatchStream = ReceiverStream<Result<WatchResponse, Status>>;

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let status = self.meant(&request.get_ref().run_id)?;
        Ok(Response::new(StatusResponse { runs: vec![status], server_version: self.version.clone() }))
    }

    async fn scale(&self, request: Request<ScaleRequest>) -> Result<Response<ScaleResponse>, Status> {
        let request = request.into_inner();
        let run_id = request.run_id.clone();
        let scaling = Scaling::new(request)?;
        Ok(Response::new(self.act(&run_id, |control| control.scale(scaling)).await?.into()))
    }

    async fn pause(&self, request: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        self.act(&request.get_ref().run_id, |control| control.pause()).await?;
        Ok(Response::new(PauseResponse { status: Some(self.control.status()) }))
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        self.act(&request.get_ref().run_id, |control| control.resume()).await?;
        Ok(Response::new(ResumeResponse { status: Some(self.control.status()) }))
    }

    async fn stop(&self, request: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        self.act(&request.get_ref().run_id, |control| control.stop()).await?;
        Ok(Response::new(StopResponse { status: Some(self.control.status()) }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.meant(&request.get_ref().run_id)?;
        let place = Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| {
            let message = format!("{WATCHERS_MAX} clients watch this run, which is the most there may be");
            Status::from(ControlError::new(ErrorKind::Exhausted, message))
        })?;
        let log_level = match request.get_ref().log_level() {
            LogLevel::Unspecified => LogLevel::Info,
            level => level,
        };
        // One event at a time: messages wait on the board, and progress is looked up when it is sent.
        let (sender, receiver) = mpsc::channel(1);
        let watcher = Watcher::new(Arc::clone(&self.control), sender, log_level, place);
        tokio::spawn(watcher.follow(self.board.clone()));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
