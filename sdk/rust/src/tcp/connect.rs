//! Where to connect to.

use super::{Error, TcpSocket};
use crate::bindings::throng::script::tcp as host;
use crate::tags::OwnTags;
use crate::time::milliseconds;
use crate::{Tags, checks};
use std::time::Duration;

/// A connection to open, with everything that can be said about it.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # fn open() -> Result<(), tcp::Error> {
/// let socket = tcp::Connect::new("mail.example:993").tls().timeout(Duration::from_secs(5)).name("imap").open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is opened until it is asked to"]
pub struct Connect {
    address: String,
    tls: bool,
    timeout: Option<Duration>,
    tags: OwnTags,
}

impl Connect {
    /// One to `HOST:PORT`; an IPv6 address stands in brackets.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), tls: false, timeout: None, tags: OwnTags::default() }
    }

    /// Speaks TLS from the beginning, by the options that hold for `https`.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// How long name, connection and TLS may take; 60 s unless said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the tag `name`, which stands for the address in samples.
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

    /// Connects.
    ///
    /// # Errors
    ///
    /// When the address is none, or there is no connection.
    ///
    /// # Panics
    ///
    /// When its tags are given both as a set and by pairs.
    #[track_caller]
    pub fn open(self) -> Result<TcpSocket, Error> {
        checks::flush();
        crate::http::release_done();
        let tags = self.tags.number();
        let options = host::ConnectOptions {
            address: self.address,
            tls: self.tls,
            timeout_ms: self.timeout.map(milliseconds),
            tags,
        };
        Ok(TcpSocket::of(host::connect(&options)?))
    }
}
