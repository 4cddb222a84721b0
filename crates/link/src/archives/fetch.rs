//! Fetching an archive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use throng_control::Digest;
use throng_protocol::cluster::{ClusterClient, FetchArchiveRequest};
use throng_trust::Credentials;
use tokio::time::{Instant, sleep, timeout};

use super::cache::{CacheError, Unfinished};
use crate::dial::{connect, of_status};
use crate::machine::MachineConfig;
use crate::nodes::Nodes;
use crate::search::endpoint;

/// How long a node may take to begin, and from one part to the next.
const PART_WAIT: Duration = Duration::from_secs(5);
/// How long it is tried, by all nodes in turn, without a byte more.
const STALL_WAIT: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Why an archive isn't there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// It can't be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// No node gives it.
    #[error(
        "no coordinator has given the archive {digest} for {STALL_WAIT:?}, of which {bytes} bytes are there (the last \
         answer: {last})"
    )]
    Stalled { digest: Digest, bytes: u64, last: String },
    /// It isn't wanted any more.
    #[error("it isn't wanted any more")]
    Cancelled,
}

/// An archive's bytes: from the cache, or else from the nodes, one after the other, each beginning where the last one
/// stopped.
pub(crate) async fn fetch(
    config: &MachineConfig,
    digest: Digest,
    nodes: &[String],
    cancelled: &AtomicBool,
) -> Result<Bytes, FetchError> {
    let cache = &config.archives;
    if let Some(bytes) = cache.read(digest) {
        return Ok(bytes);
    }
    let mut nodes = Nodes::new(nodes);
    loop {
        let unfinished = fetch_once(config, digest, &mut nodes, cancelled).await?;
        unfinished.finish()?;
        // Another agent's archives may have taken its place at once.
        if let Some(bytes) = cache.read(digest) {
            return Ok(bytes);
        }
    }
}

async fn fetch_once(
    config: &MachineConfig,
    digest: Digest,
    nodes: &mut Nodes,
    cancelled: &AtomicBool,
) -> Result<Unfinished, FetchError> {
    let mut unfinished = config.archives.begin(digest)?;
    let mut progressed = Instant::now();
    loop {
        let before = unfinished.offset();
        let (node, _) = nodes.next();
        let last = match fetch_from(&node, &config.credentials, &mut unfinished, cancelled).await? {
            None => return Ok(unfinished),
            Some(why) => format!("{node}: {why}"),
        };
        if unfinished.offset() > before {
            progressed = Instant::now();
        } else if progressed.elapsed() > STALL_WAIT {
            return Err(FetchError::Stalled { digest, bytes: unfinished.offset(), last });
        }
        sleep(PAUSE).await;
    }
}

/// Fetches as much as one node gives; none if that is all of it, else why it isn't.
async fn fetch_from(
    node: &str,
    credentials: &Credentials,
    unfinished: &mut Unfinished,
    cancelled: &AtomicBool,
) -> Result<Option<String>, FetchError> {
    let endpoint = match endpoint(node) {
        Ok(endpoint) => endpoint,
        Err(why) => return Ok(Some(why)),
    };
    let channel = match connect(node, endpoint, credentials).await {
        Ok(channel) => channel,
        Err(trouble) => return Ok(Some(trouble.into_text())),
    };
    let mut client = ClusterClient::new(channel);
    let request = FetchArchiveRequest { digest: unfinished.digest().to_string(), offset: unfinished.offset() };
    let mut parts = match timeout(PART_WAIT, client.fetch_archive(request)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return Ok(Some(of_status(node, &status).into_text())),
        Err(_) => return Ok(Some(format!("no answer within {PART_WAIT:?}"))),
    };
    let mut size = None;
    loop {
        if cancelled.load(Ordering::Relaxed) {
            return Err(FetchError::Cancelled);
        }
        match timeout(PART_WAIT, parts.message()).await {
            Ok(Ok(Some(part))) => {
                if size.is_none() {
                    size = Some(part.bytes);
                }
                unfinished.write(&part.data)?;
            }
            Ok(Ok(None)) if size == Some(unfinished.offset()) => return Ok(None),
            Ok(Ok(None)) => return Ok(Some("it ended before the archive did".to_owned())),
            Ok(Err(status)) => return Ok(Some(of_status(node, &status).into_text())),
            Err(_) => return Ok(Some(format!("nothing more within {PART_WAIT:?}"))),
        }
    }
}
