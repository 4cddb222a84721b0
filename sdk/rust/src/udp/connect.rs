//! Whom to send to.

use super::{Error, UdpSocket};
use crate::bindings::throng::script::udp as host;
use crate::tags::OwnTags;
use crate::time::milliseconds;
use crate::{Tags, checks};
use std::time::Duration;

/// A socket to open, with everything that can be said about it.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # fn open() -> Result<(), udp::Error> {
/// let socket = udp::Connect::new("dns.example:53").name("dns").tag("kind", "A").open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is opened until it is asked to"]
pub struct Connect {
    address: String,
    timeout: Option<Duration>,
    tags: OwnTags,
}

impl Connect {
    /// One to `HOST:PORT`; an IPv6 address stands in brackets.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), timeout: None, tags: OwnTags::default() }
    }

    /// How long looking up the name may take; 60 s unless said.
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

    /// Opens it. Nothing is sent.
    ///
    /// # Errors
    ///
    /// When the address is none, or its name isn't known.
    ///
    /// # Panics
    ///
    /// When its tags are given both as a set and by pairs.
    #[track_caller]
    pub fn open(self) -> Result<UdpSocket, Error> {
        checks::flush();
        crate::http::release_done();
        let tags = self.tags.number();
        let options = host::ConnectOptions { address: self.address, timeout_ms: self.timeout.map(milliseconds), tags };
        Ok(UdpSocket::of(host::connect(&options)?))
    }
}
