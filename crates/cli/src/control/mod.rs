//! A run that can be controlled from outside: what `throng run` offers, and how the other commands find it.

mod choice;
mod runtime_directory;
mod steering;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use throng_agent::{Ending, LogRecord, Observer, Progress, RunHandle, RunResult};
use throng_plan::Plan;
use throng_protocol::control::{self as protocol, RunEnd, RunState, RunStatus, SUMMARY_BYTES_MAX};
use throng_remote::{Board, RunControl, RunId, Server, ServerConfig, ServerError};
use throng_stats::{Mode, json, text};
use throng_vu::LogLevel;

pub(crate) use choice::{Chosen, all, one};

use crate::args::{Global, OfferArgs};
use crate::exit::{Exit, Failure};
use crate::printing;
use steering::Steered;

/// Where a run is to listen; checked before anything is built.
pub(crate) fn address(args: &OfferArgs) -> Result<Option<SocketAddr>, Failure> {
    let address = args.address.as_deref().map(|text| throng_remote::listen_address(text, args.insecure));
    address
        .transpose()
        .map_err(|error| Failure::new(Exit::InvalidConfig, anyhow::Error::new(error).context("--address")))
}

/// A run's control service, while there is one.
pub(crate) struct Offer {
    board: Board,
    steered: Arc<Steered>,
    _server: Option<Server>,
}

impl Offer {
    /// Begins to offer a run for control: on a socket of the user's, and on the address if there is one. Without a
    /// place for the socket the run goes on without it.
    pub(crate) fn new(
        handle: &RunHandle,
        script: &Path,
        address: Option<SocketAddr>,
        global: &Global,
    ) -> Result<Self, Failure> {
        let (run, board) = (RunId::random(), Board::new());
        let steered = Arc::new(Steered::new(handle.clone(), &run, script));
        let start = |directory| {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let config = ServerConfig { run: run.clone(), directory, address, version };
            Server::start(config, board.clone(), Arc::clone(&steered) as Arc<dyn RunControl>)
        };
        let server = match start(Some(runtime_directory::of_user())) {
            Ok(server) => Some(server),
            Err(ServerError::Directory(error)) => {
                let failure = Failure::new(Exit::CannotListen, error);
                printing::warning(&format!("`throng status` won't find this run: {failure}"), global);
                address.map(|_| start(None)).transpose().map_err(cannot_listen)?
            }
            Err(error) => return Err(cannot_listen(error)),
        };
        if let Some(address) = server.as_ref().and_then(Server::address) {
            if !address.ip().is_loopback() {
                let what = "whoever reaches it can stop this test: there is no authentication (--insecure)";
                printing::warning(&format!("the control service listens on {address}, and {what}"), global);
            }
            printing::note(&format!("run {run} is controlled at {address}"), global);
        }
        Ok(Self { board, steered, _server: server })
    }

    /// Passes what `observer` sees on to those who watch.
    pub(crate) fn observing<'a, O: Observer>(&'a self, observer: &'a mut O) -> Observing<'a, O> {
        Observing { observer, board: &self.board }
    }

    /// Tells those who watch how the run ended.
    pub(crate) fn end(&self, exit: Exit, result: &RunResult) {
        let mut report = result.report.clone();
        report.settings.no_color = true;
        let summary = [text::render(&report, Mode::Compact, false), json::handle_summary(&report).to_string()];
        let summary_left_out = summary.iter().any(|text| text.len() > SUMMARY_BYTES_MAX);
        let [summary_text, summary_json] = if summary_left_out { Default::default() } else { summary };
        let status = self.ended(exit, reason(result));
        self.board.end(RunEnd { status: Some(status), summary_text, summary_json, summary_left_out });
    }

    /// Tells them why there was no run.
    pub(crate) fn fail(&self, failure: &Failure) {
        let status = self.ended(failure.exit, failure.to_string());
        self.board.end(RunEnd { status: Some(status), ..RunEnd::default() });
    }

    fn ended(&self, exit: Exit, message: String) -> RunStatus {
        let ending = protocol::Ending { exit_code: exit as u32, meaning: exit.meaning().to_owned(), message };
        RunStatus { state: RunState::Ended.into(), ending: Some(ending), ..self.steered.status() }
    }
}

fn cannot_listen(error: ServerError) -> Failure {
    Failure::new(Exit::CannotListen, error)
}

/// What there is to say beyond the exit code's meaning.
fn reason(result: &RunResult) -> String {
    let failed = throng_stats::failed_metrics(&result.outcomes);
    match (&result.ending, &result.marked_failed) {
        (
            Ending::ScriptAbort(message)
            | Ending::SetupFailed(message)
            | Ending::TeardownFailed(message)
            | Ending::AgentLost(message)
            | Ending::AgentFailed(message)
            | Ending::NoAgents(message)
            | Ending::Failed(message),
            _,
        ) => message.clone(),
        _ if !failed.is_empty() => format!("thresholds on {} have failed", failed.join(", ")),
        (_, Some(message)) => message.clone(),
        _ => String::new(),
    }
}

/// An observer whose messages those see too who watch the run.
pub(crate) struct Observing<'a, O> {
    observer: &'a mut O,
    board: &'a Board,
}

impl<O: Observer> Observer for Observing<'_, O> {
    fn planned(&mut self, plan: &Plan) {
        self.observer.planned(plan);
    }

    fn progress(&mut self, progress: &Progress) {
        self.observer.progress(progress);
    }

    fn log(&mut self, record: LogRecord) {
        self.board.log(|| protocol::LogRecord {
            level: match record.level {
                LogLevel::Debug => protocol::LogLevel::Debug,
                LogLevel::Info => protocol::LogLevel::Info,
                LogLevel::Warn => protocol::LogLevel::Warn,
                LogLevel::Error => protocol::LogLevel::Error,
            }
            .into(),
            message: record.message.clone(),
            source: record.source.clone(),
        });
        self.observer.log(record);
    }
}
