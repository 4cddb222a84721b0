//! Asking a group, by any of its nodes.

mod runs;
mod watch;

use std::cell::RefCell;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use throng_control::limits::ARCHIVE_BYTES_MAX;
use throng_protocol::cluster::{
    AddRequest, ClusterClient, HandoverRequest, PutArchiveRequest, RemoveRequest, StatusRequest, StatusResponse,
};
use throng_protocol::{ControlError, ErrorKind};
use throng_trust::Credentials;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::archive_store::PART_BYTES_MAX;
use crate::environment::{Network, SecuredNetwork, Security};
use crate::raft::{connect, distrust};

/// How long a node may take to answer how it does.
const STATUS_TIME_MAX: Duration = Duration::from_secs(3);
/// How long a change of the group may take.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(160);
/// How long a group without a leader is waited for, by a call that needs one.
const LEADER_TIME_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long an archive may take.
const ARCHIVE_TIME_MAX: Duration = Duration::from_secs(1_800);

/// Nodes that a client knows.
const ADDRESSES_MAX: usize = 64;

pub use watch::{Abort, Watched, Watching};

/// A connection whose calls have the client's token, if it has one.
pub(crate) type Way = InterceptedService<Channel, Bearer>;

/// A client's token.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A way to a node at HOST:PORT, which is gone when it is first used.
pub(crate) fn way(network: &Arc<dyn Network>, address: &str) -> Result<Way, Status> {
    let token = network.security().token().and_then(|token| token.header().parse().ok());
    Ok(InterceptedService::new(connect(network, address)?, Bearer(token)))
}

/// A way to a group of which one node that is up has to be known. Its methods block.
pub struct Client {
    runtime: Runtime,
    network: Arc<dyn Network>,
    /// Where nodes are: those that were given, then those that the group has named.
    addresses: RefCell<Vec<String>>,
}

impl Client {
    /// A client of the group with nodes at these addresses, HOST:PORT each, with commas between.
    ///
    /// # Errors
    /// When they aren't addresses.
    pub fn new(addresses: &str, credentials: Credentials) -> Result<Self, ControlError> {
        let addresses: Vec<String> =
            addresses.split(',').map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned).collect();
        let wrong = |text: &str| {
            let message = format!("{text:?} is no address: write HOST:PORT, several with commas between");
            ControlError::new(ErrorKind::InvalidArgument, message)
        };
        let is_address = |address: &String| {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
            port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        if let Some(bad) = addresses.iter().find(|address| !is_address(address)) {
            return Err(wrong(bad));
        }
        if addresses.is_empty() {
            return Err(wrong(""));
        }
        let internal = |error: std::io::Error| ControlError::new(ErrorKind::Internal, error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(internal)?;
        let network = Arc::new(SecuredNetwork::new(Security::of_client(credentials)));
        Ok(Self { runtime, network, addresses: RefCell::new(addresses) })
    }

    /// Learns of the group's other nodes, so that the one that was given may be lost from here on.
    ///
    /// # Errors
    /// When no node answers.
    pub fn learn(&self) -> Result<(), ControlError> {
        let nodes = self.status()?.nodes;
        self.add_addresses(nodes.into_iter().map(|node| node.address));
        Ok(())
    }

    fn add_addresses(&self, nodes: impl Iterator<Item = String>) {
        let mut addresses = self.addresses.borrow_mut();
        for address in nodes {
            if !addresses.contains(&address) && addresses.len() < ADDRESSES_MAX {
                addresses.push(address);
            }
        }
    }

    /// How the group does, as the leader says, or else the first node that answers.
    ///
    /// # Errors
    /// When no node answers.
    pub fn status(&self) -> Result<StatusResponse, ControlError> {
        let call = |mut client: ClusterClient<_>| async move { client.status(StatusRequest {}).await };
        self.ask(STATUS_TIME_MAX, Duration::ZERO, call)
    }

    /// Takes a node into the group, in place of another one if `replaces` isn't 0.
    ///
    /// # Errors
    /// When the group refuses, or there is no answer.
    pub fn add(&self, id: u64, address: &str, replaces: u64) -> Result<StatusResponse, ControlError> {
        let request = AddRequest { id, address: address.to_owned(), replaces };
        let call = |mut client: ClusterClient<_>| {
            let request = request.clone();
            async move { client.add(request).await }
        };
        Ok(self.ask(CHANGE_TIME_MAX, LEADER_TIME_MAX, call)?.status.unwrap_or_default())
    }

    /// Takes a node out of the group.
    ///
    /// # Errors
    /// When the group refuses, or there is no answer.
    pub fn remove(&self, id: u64) -> Result<StatusResponse, ControlError> {
        let call = |mut client: ClusterClient<_>| async move { client.remove(RemoveRequest { id }).await };
        Ok(self.ask(CHANGE_TIME_MAX, LEADER_TIME_MAX, call)?.status.unwrap_or_default())
    }

    /// Has another node lead: this one, or the best; which one leads then.
    ///
    /// # Errors
    /// When the group refuses, or there is no answer.
    pub fn hand_over(&self, to: u64) -> Result<u64, ControlError> {
        let call = |mut client: ClusterClient<_>| async move { client.handover(HandoverRequest { to }).await };
        Ok(self.ask(CHANGE_TIME_MAX, LEADER_TIME_MAX, call)?.leader)
    }

    /// Gives the group an archive, a file; its digest, and whether the group had it already.
    ///
    /// # Errors
    /// When the file can't be read, the group refuses, or there is no answer.
    pub fn put_archive(&self, path: &Path) -> Result<(String, bool), ControlError> {
        let unreadable = |error: io::Error| {
            let message = format!("{} can't be read: {error}", path.display());
            ControlError::new(ErrorKind::InvalidArgument, message)
        };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > ARCHIVE_BYTES_MAX {
            let message = format!("{} has {length} bytes; an archive has at most {ARCHIVE_BYTES_MAX}", path.display());
            return Err(ControlError::new(ErrorKind::Exhausted, message));
        }
        let mut hash = Sha256::new();
        let mut bytes = 0;
        for part in Parts(File::open(path).map_err(unreadable)?) {
            let part = part.map_err(unreadable)?;
            hash.update(&part);
            bytes += part.len() as u64;
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let call = |mut client: ClusterClient<_>| {
            let first = PutArchiveRequest { digest: digest.clone(), bytes, ..PutArchiveRequest::default() };
            let file = File::open(path);
            async move {
                let unreadable = |error: io::Error| Status::invalid_argument(format!("the archive: {error}"));
                // A part that can't be read ends what is sent, and the group finds it too short.
                let parts = Parts(file.map_err(unreadable)?).map_while(Result::ok);
                let parts = parts.map(|data| PutArchiveRequest { data, ..PutArchiveRequest::default() });
                client.put_archive(tokio_stream::iter(std::iter::once(first).chain(parts))).await
            }
        };
        let known = self.ask(ARCHIVE_TIME_MAX, LEADER_TIME_MAX, call)?.known;
        Ok((digest, known))
    }

    /// Asks as [`Client::ask_channel`] does.
    fn ask<A, F>(
        &self,
        time: Duration,
        patience: Duration,
        call: impl Fn(ClusterClient<Way>) -> F,
    ) -> Result<A, ControlError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.runtime.block_on(self.ask_channel(time, patience, |channel| call(ClusterClient::new(channel))))
    }

    /// Asks one node after the other until one answers, and again while the group has no leader.
    fn ask_channel<A, F>(
        &self,
        time: Duration,
        patience: Duration,
        call: impl Fn(Way) -> F,
    ) -> impl Future<Output = Result<A, ControlError>>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let addresses = self.addresses.borrow().clone();
        let unreachable = self.unreachable();
        let network = Arc::clone(&self.network);
        async move {
            let until = Instant::now() + patience;
            loop {
                let (mut last, mut denied) = (None, None);
                for address in &addresses {
                    let way = way(&network, address).map_err(ControlError::from)?;
                    match timeout(time, call(way)).await {
                        Ok(Ok(response)) => return Ok(response.into_inner()),
                        Ok(Err(status)) if let Some(why) = distrust(&status, address) => {
                            // Another node may be of another mind: one that has a new certificate.
                            denied.get_or_insert(ControlError::new(ErrorKind::Denied, why));
                        }
                        Ok(Err(status)) if std::error::Error::source(&status).is_some() => {
                            last.get_or_insert_with(|| unreachable.clone());
                        }
                        Ok(Err(status)) if status.code() == tonic::Code::Unavailable => last = Some(status.into()),
                        Ok(Err(status)) => return Err(status.into()),
                        Err(_) => {
                            let text = format!("{address} gives no answer within {time:?}: is it stopped?");
                            last.get_or_insert(ControlError::new(ErrorKind::TimedOut, text));
                        }
                    }
                }
                if last.is_none()
                    && let Some(denied) = denied
                {
                    return Err(denied);
                }
                if Instant::now() >= until {
                    return Err(last.unwrap_or(unreachable));
                }
                sleep(LOOK_EVERY).await;
            }
        }
    }

    fn unreachable(&self) -> ControlError {
        let addresses = self.addresses.borrow().join(", ");
        let text = format!("no coordinator answers at {addresses}: is one of them up?");
        ControlError::new(ErrorKind::Unavailable, text)
    }
}

/// A file in parts that fit into messages.
struct Parts(File);

impl Iterator for Parts {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut part = Vec::with_capacity(PART_BYTES_MAX);
        match (&mut self.0).take(PART_BYTES_MAX as u64).read_to_end(&mut part) {
            Ok(0) => None,
            Ok(_) => Some(Ok(part.into())),
            Err(error) => Some(Err(error)),
        }
    }
}
