//! Commands on their way into the log, from any node.

use std::time::Duration;

use openraft::errors::{ClientWriteError, RaftError};
use openraft::{LinearizerOption, ReadPolicy};
use throng_control::{Action, Command, Reply, Timestamp};
use throng_protocol::raft::CallRequest;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status};

use super::Node;
use crate::raft::{MESSAGE_BYTES_MAX, Proposal, decode, encode, raft_client};

/// How long a proposal may take, with all that is tried again.
const PROPOSE_TIME_MAX: Duration = Duration::from_secs(10);
/// Between two looks for a leader.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Room in a message beside the command.
const OVERHEAD_BYTES: usize = 64 << 10;

/// Whether a command may enter the log twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It has the same effect twice as once: it is proposed again if nobody knows what became of it.
    Idempotent,
    /// It hasn't: if nobody knows, the caller is told so.
    Never,
}

/// Why there is no reply to a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It is in no log.
    #[error(
        "the group has no leader at the moment: most of its nodes have to be up; `throng cluster status` tells which are"
    )]
    NoLeader,
    /// It may be in the log, or come into it.
    #[error("nobody knows whether it was done, since the leader was lost: look before doing it again")]
    Unknown,
    /// It is in no log, and never will be.
    #[error("the command has {0} bytes; at most {MESSAGE_BYTES_MAX} go through the log")]
    TooLarge(usize),
    /// This node takes part no more.
    #[error("this node has stopped: {0}")]
    Stopped(String),
}

/// What came of one try.
enum Attempt {
    Done(Reply),
    /// It is in no log.
    NotEntered,
    /// It may be in the log.
    Unknown,
    Stopped(String),
}

impl Node {
    /// Enters something into the log, by whichever node leads, with the leader's time; the reply is that of the state
    /// that it made. It waits for a leader if there is none.
    ///
    /// # Errors
    /// When there is no leader for long, or nobody knows what became of it.
    pub async fn propose(&self, action: Action, repeat: Repeat) -> Result<Reply, ProposeError> {
        let payload = encode(&action);
        if payload.len() > MESSAGE_BYTES_MAX - OVERHEAD_BYTES {
            return Err(ProposeError::TooLarge(payload.len()));
        }
        let deadline = Instant::now() + PROPOSE_TIME_MAX;
        let mut is_known = true;
        loop {
            let attempt = match self.leader() {
                Some(leader) if leader == self.id() => self.enter(action.clone(), deadline).await,
                Some(leader) => self.pass_on(leader, &payload, deadline).await,
                None => Attempt::NotEntered,
            };
            match attempt {
                Attempt::Done(reply) => return Ok(reply),
                Attempt::Stopped(why) => return Err(ProposeError::Stopped(why)),
                Attempt::Unknown if repeat == Repeat::Never => return Err(ProposeError::Unknown),
                Attempt::Unknown => is_known = false,
                Attempt::NotEntered => {}
            }
            if let Some(why) = &*self.stopped().borrow() {
                return Err(ProposeError::Stopped(why.to_string()));
            }
            if Instant::now() + LOOK_EVERY >= deadline {
                return Err(if is_known { ProposeError::NoLeader } else { ProposeError::Unknown });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn leader(&self) -> Option<u64> {
        self.shared().leadership.borrow().leader
    }

    /// Enters it into this node's log, which has to lead.
    async fn enter(&self, action: Action, deadline: Instant) -> Attempt {
        match self.write(action.clone(), deadline).await {
            Attempt::NotEntered if self.read_index().await.is_ok() => self.write(action, deadline).await,
            attempt => attempt,
        }
    }

    async fn write(&self, action: Action, deadline: Instant) -> Attempt {
        let command = Command::new(Timestamp(self.now_us() / 1_000), action);
        let writing = self.scoped(self.raft().client_write(Proposal(command)));
        match timeout_at(deadline, writing).await {
            Ok(Ok(response)) => response.data.map_or(Attempt::Unknown, Attempt::Done),
            Ok(Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)))) | Err(_) => Attempt::Unknown,
            Ok(Err(RaftError::APIError(_))) => Attempt::NotEntered,
            // What was under way may have reached others.
            Ok(Err(RaftError::Fatal(error))) => Attempt::Stopped(error.to_string()),
        }
    }

    /// Has the leader enter it.
    async fn pass_on(&self, leader: u64, payload: &[u8], deadline: Instant) -> Attempt {
        let shared = self.shared();
        let Some(address) = self.state().address(leader).map(str::to_owned) else { return Attempt::NotEntered };
        let Ok(channel) = shared.links.channel(leader, &address) else { return Attempt::NotEntered };
        let parties = Some(shared.identity.parties(leader));
        let request = CallRequest { parties, payload: payload.to_vec().into() };
        let answer = timeout_at(deadline, raft_client(channel).propose(request)).await;
        match answer {
            Ok(Ok(response)) => match shared.links.accept(leader, response.into_inner()).await {
                Ok(payload) => decode(&payload).map_or(Attempt::Unknown, Attempt::Done),
                Err(_) => Attempt::Unknown,
            },
            Ok(Err(status)) => {
                shared.links.forget_channel(leader);
                if is_not_entered(&status) { Attempt::NotEntered } else { Attempt::Unknown }
            }
            Err(_) => {
                shared.links.forget_channel(leader);
                Attempt::Unknown
            }
        }
    }

    /// What another node asks the leader to enter.
    pub(crate) async fn propose_for(&self, payload: &[u8]) -> Result<Reply, Status> {
        let action = decode(payload).map_err(|error| Status::invalid_argument(error.to_string()))?;
        match self.enter(action, Instant::now() + PROPOSE_TIME_MAX).await {
            Attempt::Done(reply) => Ok(reply),
            Attempt::NotEntered => Err(Status::failed_precondition(format!("node {} doesn't lead", self.id()))),
            Attempt::Unknown => Err(Status::aborted(ProposeError::Unknown.to_string())),
            Attempt::Stopped(why) => Err(Status::aborted(why)),
        }
    }

    /// Waits until this node's state has all that was committed when it was called, on any node.
    ///
    /// # Errors
    /// When there is no leader for long.
    pub async fn linearize(&self) -> Result<(), ProposeError> {
        #[cfg(any(test, feature = "simulation"))]
        if self.shared().environment.simulation.has(crate::environment::Bug::StaleRead) {
            return Ok(());
        }
        let deadline = Instant::now() + PROPOSE_TIME_MAX;
        loop {
            let entries = match self.leader() {
                Some(leader) if leader == self.id() => self.read_index().await.ok(),
                Some(leader) => self.ask_read_index(leader, deadline).await,
                None => None,
            };
            if let Some(entries) = entries
                && self.until_applied(entries, deadline).await
            {
                return Ok(());
            }
            if let Some(why) = &*self.stopped().borrow() {
                return Err(ProposeError::Stopped(why.to_string()));
            }
            if Instant::now() + LOOK_EVERY >= deadline {
                return Err(ProposeError::NoLeader);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// How many entries have to be applied to answer for the present; only the leader knows, while its lease holds. If that
    /// has ended the others are asked to renew it.
    pub(crate) async fn read_index(&self) -> Result<u64, Status> {
        let option = if self.may_renew() {
            LinearizerOption::new(None, true)
        } else {
            LinearizerOption::from(ReadPolicy::LeaseRead)
        };
        let reading = self.scoped(self.raft().ensure_linearizable(option)).await;
        let log_id = reading.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(log_id.index() + 1)
    }

    async fn ask_read_index(&self, leader: u64, deadline: Instant) -> Option<u64> {
        let shared = self.shared();
        let address = self.state().address(leader)?.to_owned();
        let channel = shared.links.channel(leader, &address).ok()?;
        let parties = Some(shared.identity.parties(leader));
        let request = CallRequest { parties, payload: encode(&()).into() };
        let Ok(Ok(response)) = timeout_at(deadline, raft_client(channel).read_index(request)).await else {
            shared.links.forget_channel(leader);
            return None;
        };
        let payload = shared.links.accept(leader, response.into_inner()).await.ok()?;
        decode(&payload).ok()
    }
}

/// Whether the other side said that it has not entered it. A broken connection says nothing.
fn is_not_entered(status: &Status) -> bool {
    std::error::Error::source(status).is_none()
        && matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument | Code::Unimplemented)
}
