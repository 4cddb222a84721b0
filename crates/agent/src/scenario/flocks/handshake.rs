//! Handshakes that a script has prepared, and what is known of the connections that came of them.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use throng_stats::TagSet;
use throng_transport::websocket::{OpenError, OpenNumbers, Opened, Upgrade};
use throng_vu::{HandshakeOptions, SocketSpec};

use crate::series::Place;
use crate::shard::ShardContext;
use crate::websocket::{AttemptSeries, PreparedSocket, SocketSeries, attempt_tags, shown};

/// Lineages that a handshake remembers: a server has few addresses, and chooses among few subprotocols.
const LINEAGES_MAX: usize = 64;

/// A handshake that was checked and encoded, and where the samples of its connections go.
pub(super) struct Handshake {
    socket: PreparedSocket,
    place: Rc<Place>,
    /// The URL as reports show it.
    pub(super) shown_url: String,
    /// The header `Cookie` as a line, or nothing.
    pub(super) header_lines: Vec<u8>,
    lineages: RefCell<Vec<Rc<Lineage>>>,
}

/// Connections whose samples have the same tags.
pub(super) struct Lineage {
    subprotocol: Option<String>,
    peer: Option<IpAddr>,
    pub(super) place: Rc<Place>,
    /// The samples' own tags.
    pub(super) tags: TagSet,
    pub(super) attempts: AttemptSeries,
    pub(super) series: SocketSeries,
}

impl Handshake {
    /// Checks and encodes a handshake; what is wrong is for the script.
    pub(super) fn new(
        shard: &ShardContext,
        place: &Rc<Place>,
        options: HandshakeOptions,
        tags: TagSet,
    ) -> Result<Self, String> {
        let HandshakeOptions { url, headers, subprotocols, timeout_ms, deflate, .. } = options;
        let message_bytes_max = None;
        let (tag_number, jar) = (0, 0);
        let spec =
            SocketSpec { url, headers, subprotocols, timeout_ms, deflate, message_bytes_max, tags: tag_number, jar };
        let socket = PreparedSocket::new(shard, &spec, Ok(tags));
        let target = socket.target.as_ref().map_err(|(_, message)| message.clone())?;
        let shown_url = shown(&target.url);
        let cookie = target.cookie_header.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n").into_bytes());
        let header_lines = cookie.unwrap_or_default();
        Ok(Self { socket, place: Rc::clone(place), shown_url, header_lines, lineages: RefCell::default() })
    }

    /// What to ask the server for, and how long that may take. Only handshakes that can be made are kept.
    pub(super) fn upgrade(&self) -> Option<(&Upgrade, std::time::Duration)> {
        self.socket.target.as_ref().ok().map(|target| (&target.upgrade, self.socket.timeout))
    }

    /// Records an attempt; of one that succeeded, what its connection's samples have in common.
    pub(super) fn attempted(
        &self,
        shard: &ShardContext,
        result: &Result<Opened, OpenError>,
        numbers: &OpenNumbers,
    ) -> Attempt {
        match result {
            Ok(opened) => {
                let lineage = self.lineage(shard, opened.agreed.subprotocol.as_deref(), numbers.peer);
                lineage.attempts.record(shard, numbers.elapsed_ns, false);
                Attempt { tags: lineage.tags.clone(), place: Rc::clone(&self.place), lineage: Some(lineage) }
            }
            Err(error) => {
                let tags = attempt_tags(&self.socket, Err(error), numbers.peer);
                AttemptSeries::new(shard, &self.place, &tags).record(shard, numbers.elapsed_ns, true);
                Attempt { tags, place: Rc::clone(&self.place), lineage: None }
            }
        }
    }

    fn lineage(&self, shard: &ShardContext, subprotocol: Option<&str>, peer: Option<IpAddr>) -> Rc<Lineage> {
        let mut lineages = self.lineages.borrow_mut();
        let is_it = |known: &&Rc<Lineage>| known.peer == peer && known.subprotocol.as_deref() == subprotocol;
        if let Some(known) = lineages.iter().find(is_it) {
            return Rc::clone(known);
        }
        let tags = attempt_tags(&self.socket, Ok(subprotocol), peer);
        let lineage = Rc::new(Lineage {
            subprotocol: subprotocol.map(str::to_owned),
            peer,
            place: Rc::clone(&self.place),
            attempts: AttemptSeries::new(shard, &self.place, &tags),
            series: SocketSeries::new(shard, &self.place, &tags),
            tags,
        });
        if lineages.len() >= LINEAGES_MAX {
            lineages.clear();
        }
        lineages.push(Rc::clone(&lineage));
        lineage
    }
}

/// An attempt that was recorded.
pub(super) struct Attempt {
    pub(super) tags: TagSet,
    pub(super) place: Rc<Place>,
    /// None of one that failed.
    pub(super) lineage: Option<Rc<Lineage>>,
}
