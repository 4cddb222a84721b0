//! Watching a run until its end, whatever becomes of the nodes meanwhile.

use std::pin::pin;
use std::time::Duration;

use throng_protocol::cluster::{ClusterClient, StatusRequest};
use throng_protocol::control::LogLevel;
use throng_protocol::run::{AbortKind, AbortRunRequest, Event, RunEnd, WatchRunRequest, WatchRunResponse};
use throng_protocol::{ControlError, ErrorKind};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Status, Streaming};

use super::runs::runs;
use super::{Client, LEADER_TIME_MAX, way};
use crate::raft::distrust;

/// How long a node may take until it begins to tell.
const BEGIN_TIME_MAX: Duration = Duration::from_secs(5);
/// A node tells something every second: one that has been silent for so long is left for another.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether the run is to be ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two rounds of all nodes.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// After so long without a node that tells, the user hears of it, and again after each time as long.
const TELL_AFTER: Duration = Duration::from_secs(3);
/// How long an abort may take.
const ABORT_TIME_MAX: Duration = Duration::from_secs(20);

/// What is told of a run that is watched.
#[derive(Debug)]
pub enum Watched {
    /// By the group.
    Event(Box<Event>),
    /// Nobody has told anything for so long, and why: the run goes on at its agents.
    Lost {
        /// How long.
        since: Duration,
        /// What the last node that was asked said.
        why: String,
    },
    /// A node tells again.
    Found,
    /// The run could not be ended as it was asked for.
    NotAborted(ControlError),
}

/// What is to be watched, and how.
#[derive(Debug)]
pub struct Watching<'a> {
    /// The run; empty for the only one that goes on.
    pub run_id: &'a str,
    /// The least important messages to be told.
    pub log_level: LogLevel,
    /// How long nobody may tell anything before the watching ends.
    pub patience: Duration,
}

/// That a run is to be ended while it is watched.
#[derive(Clone, Debug)]
pub struct Abort {
    /// Who wants that, for people.
    pub client: String,
    /// Why.
    pub kind: AbortKind,
}

/// How a stream of events ended.
enum Cut {
    End(Box<RunEnd>),
    /// What to do about it is up to whoever asked.
    Refused(ControlError),
    /// Another node, or the same again, has to be asked.
    Lost(String),
}

/// What goes on while a run is watched.
struct Session<'a> {
    client: &'a Client,
    watching: &'a Watching<'a>,
    told: &'a mut dyn FnMut(Watched),
    is_wanted: &'a mut dyn FnMut() -> Option<Abort>,
    /// The id, once the group has said which run is meant.
    run_id: String,
    /// Since when nobody tells anything, and when the user was told so.
    lost: Option<(Instant, Instant)>,
    heard: bool,
}

impl Client {
    /// Tells what the group tells of a run, until that has ended. Nodes may be lost meanwhile: others are asked then. Often
    /// asks whether the run is to be ended; `abort` says so once.
    ///
    /// # Errors
    /// When there is no such run, or no node has told anything for as long as the patience lasts.
    pub fn watch(
        &self,
        watching: &Watching<'_>,
        told: &mut dyn FnMut(Watched),
        abort: &mut dyn FnMut() -> Option<Abort>,
    ) -> Result<RunEnd, ControlError> {
        let run_id = watching.run_id.to_owned();
        let session = Session { client: self, watching, told, is_wanted: abort, run_id, lost: None, heard: false };
        self.runtime.block_on(session.run())
    }
}

impl Session<'_> {
    async fn run(mut self) -> Result<RunEnd, ControlError> {
        loop {
            let addresses = self.client.addresses.borrow().clone();
            for address in &addresses {
                match self.watch_at(address).await {
                    Cut::End(end) => return Ok(*end),
                    Cut::Refused(error) => return Err(error),
                    Cut::Lost(why) => self.tell_lost(&why)?,
                }
            }
            self.idle(AGAIN_AFTER).await;
        }
    }

    /// Tells the user when nobody has told anything for long.
    fn tell_lost(&mut self, why: &str) -> Result<(), ControlError> {
        let now = Instant::now();
        let (since, told) = self.lost.get_or_insert((now, now));
        let silent = now - *since;
        if silent >= self.watching.patience {
            let of_run = if self.run_id.is_empty() { "the run".to_owned() } else { format!("the run {}", self.run_id) };
            let text = format!(
                "no coordinator has told anything of {of_run} for {} s ({why}): it may go on at its agents; look for it \
                 with `throng watch --cluster` when most coordinators are up",
                silent.as_secs()
            );
            return Err(ControlError::new(ErrorKind::Unavailable, text));
        }
        if now - *told >= TELL_AFTER {
            *told = now;
            (self.told)(Watched::Lost { since: silent, why: why.to_owned() });
        }
        Ok(())
    }

    /// Waits, and looks meanwhile whether the run is to be ended.
    async fn idle(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.look_for_abort().await;
            sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }

    async fn look_for_abort(&mut self) {
        let Some(Abort { client, kind }) = (self.is_wanted)() else { return };
        let request = AbortRunRequest { run_id: self.run_id.clone(), client, kind: kind.into() };
        let asking = self.client.ask_channel(ABORT_TIME_MAX, LEADER_TIME_MAX, |channel| {
            let request = request.clone();
            async move { runs(channel).abort_run(request).await }
        });
        if let Err(error) = asking.await {
            (self.told)(Watched::NotAborted(error));
        }
    }

    /// Watches by one node, as long as it tells something.
    async fn watch_at(&mut self, address: &str) -> Cut {
        let channel = match way(&self.client.network, address) {
            Ok(channel) => channel,
            Err(status) => return Cut::Refused(status.into()),
        };
        let request = WatchRunRequest {
            run_id: self.run_id.clone(),
            log_level: self.watching.log_level.into(),
            new_logs_only: self.heard,
        };
        let mut service = runs(channel.clone());
        let events = match timeout(BEGIN_TIME_MAX, service.watch_run(request)).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return cut(address, status),
            Err(_) => return Cut::Lost(format!("{address} gives no answer within {BEGIN_TIME_MAX:?}")),
        };
        let mut cluster = ClusterClient::new(channel);
        if let Ok(Ok(status)) = timeout(BEGIN_TIME_MAX, cluster.status(StatusRequest {})).await {
            // Should this node be lost, the others are known.
            self.client.add_addresses(status.into_inner().nodes.into_iter().map(|node| node.address));
        }
        self.read(address, events).await
    }

    async fn read(&mut self, address: &str, mut events: Streaming<WatchRunResponse>) -> Cut {
        let mut heard = Instant::now();
        loop {
            let next = {
                let message = pin!(events.message());
                tokio::select! {
                    message = message => Some(message),
                    () = sleep(LOOK_EVERY) => None,
                }
            };
            let Some(message) = next else {
                self.look_for_abort().await;
                if heard.elapsed() > SILENCE_MAX {
                    return Cut::Lost(format!("{address} has said nothing for {SILENCE_MAX:?}"));
                }
                continue;
            };
            let event = match message {
                Ok(Some(response)) => response.event,
                Ok(None) => return Cut::Lost(format!("{address} has ended its answer")),
                Err(status) => return cut(address, status),
            };
            heard = Instant::now();
            self.heard = true;
            if self.lost.take().is_some_and(|(since, told)| since != told) {
                (self.told)(Watched::Found);
            }
            match event {
                Some(Event::End(end)) => return Cut::End(Box::new(end)),
                Some(event) => {
                    if let Event::Progress(run) = &event
                        && let Some(status) = &run.status
                    {
                        self.run_id.clone_from(&status.run_id);
                    }
                    (self.told)(Watched::Event(Box::new(event)));
                }
                // Of a later version.
                None => {}
            }
        }
    }
}

/// What a status means for the watching.
fn cut(address: &str, status: Status) -> Cut {
    if let Some(why) = distrust(&status, address) {
        return Cut::Refused(ControlError::new(ErrorKind::Denied, why));
    }
    if std::error::Error::source(&status).is_some() {
        return Cut::Lost(format!("{address} doesn't answer"));
    }
    let text = status.message().to_owned();
    let error = ControlError::from(status);
    match error.kind {
        ErrorKind::Unavailable | ErrorKind::TimedOut => Cut::Lost(format!("{address}: {text}")),
        _ => Cut::Refused(error),
    }
}
