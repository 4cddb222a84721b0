//! What to open.

use super::error::failure;
use super::{Error, WebSocket};
use crate::bindings::throng::script::websocket as host;
use crate::http::Jar;
use crate::tags::OwnTags;
use crate::time::milliseconds;
use crate::{Tags, checks};
use std::time::Duration;

/// A socket to open, with everything that can be said about it.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # fn open() -> Result<(), websocket::Error> {
/// let socket = websocket::Connect::new(format!("{}/ws/echo", env("TARGET")))
///     .header("authorization", "Bearer 4711")
///     .subprotocol("chat.v2")
///     .name("/ws/echo")
///     .timeout(Duration::from_secs(5))
///     .open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is opened until it is asked to"]
pub struct Connect {
    url: String,
    headers: Vec<(String, String)>,
    subprotocols: Vec<String>,
    timeout: Option<Duration>,
    compression: Option<Compression>,
    message_bytes_max: Option<u32>,
    tags: OwnTags,
    jar: u32,
}

impl Connect {
    /// One to this URL: `ws:` or `wss:`, or `http:` or `https:` for the same.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            subprotocols: Vec::new(),
            timeout: None,
            compression: None,
            message_bytes_max: None,
            tags: OwnTags::default(),
            jar: 0,
        }
    }

    /// Adds a header. Those of the handshake itself can't be given.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Offers a subprotocol; those preferred come first.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// How long name, connection, TLS and handshake may take; 60 s unless said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Offers permessage-deflate. A direction that keeps its context costs about 340 KB (sending) and 47 KB (receiving) of
    /// the agent's memory a socket; without, all sockets share that.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Most bytes of a message that the server may send; 64 MiB unless said.
    pub fn message_bytes_max(mut self, bytes: u32) -> Self {
        self.message_bytes_max = Some(bytes);
        self
    }

    /// Sets the tag `name`, which stands for the URL in samples.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.tag("name", name)
    }

    /// Adds a tag to the socket's samples.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.add(key, value);
        self
    }

    /// Tags the socket's samples with an interned set, instead of pair by pair.
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags.set(tags);
        self
    }

    /// Takes cookies from this jar, and puts those of the answer there, instead of the VU's own.
    pub fn jar(mut self, jar: &Jar) -> Self {
        self.jar = jar.number();
        self
    }

    /// Opens it, on a connection of its own. Redirects aren't followed.
    ///
    /// # Errors
    ///
    /// When there is no connection, or the server doesn't agree.
    ///
    /// # Panics
    ///
    /// When its tags are given both as a set and by pairs.
    #[track_caller]
    pub fn open(self) -> Result<WebSocket, Error> {
        checks::flush();
        crate::http::release_done();
        let tags = self.tags.number();
        let options = host::OpenOptions {
            url: self.url,
            headers: self.headers,
            subprotocols: self.subprotocols,
            timeout_ms: self.timeout.map(milliseconds),
            deflate: self.compression.map(Compression::for_host),
            message_bytes_max: self.message_bytes_max,
            tags,
            jar: self.jar,
        };
        host::open(&options).map(WebSocket::of).map_err(failure)
    }
}

/// What is offered of permessage-deflate (RFC 7692). Windows are 2 to the power of their bits bytes, from 8 to 15 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Whether messages that are sent may refer to those before.
    pub client_context: bool,
    /// Whether messages of the server's may.
    pub server_context: bool,
    /// The window of what is sent; the server may ask for a smaller one.
    pub client_window_bits: u8,
    /// The server's window; none leaves it to the server.
    pub server_window_bits: Option<u8>,
}

impl Default for Compression {
    /// What browsers offer: context both ways, the largest windows.
    fn default() -> Self {
        Self { client_context: true, server_context: true, client_window_bits: 15, server_window_bits: None }
    }
}

impl Compression {
    /// Without context: what many sockets share, so that compression costs no memory of each.
    #[must_use]
    pub fn without_context() -> Self {
        Self { client_context: false, server_context: false, ..Self::default() }
    }

    pub(crate) fn for_host(self) -> host::DeflateOffer {
        host::DeflateOffer {
            client_no_context_takeover: !self.client_context,
            server_no_context_takeover: !self.server_context,
            client_max_window_bits: self.client_window_bits,
            server_max_window_bits: self.server_window_bits,
        }
    }
}
