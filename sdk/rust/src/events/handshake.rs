//! How to connect.

use crate::Tags;
use crate::event_bindings::throng::script::connections as host;
use crate::time::{IntoDuration, milliseconds};
use crate::websocket::Compression;
use std::cell::RefCell;
use std::rc::Rc;

/// A prepared handshake: a URL with headers, subprotocols and the like, which any number of connections may be made with.
/// Clones are the same one.
///
/// ```no_run
/// use throng::events::{Connection, Handshake};
/// use throng::prelude::*;
///
/// fn connect(connection: Connection, token: &str) {
///     let handshake = Handshake::new(format!("{}/ws/echo", env("TARGET")))
///         .header("Authorization", &format!("Bearer {token}"))
///         .subprotocol("chat.v2")
///         .timeout(10)
///         .tags(tags! { "room" => "lobby" });
///     connection.connect_with(&handshake);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Handshake {
    options: host::HandshakeOptions,
    /// Once it has been used.
    prepared: Rc<RefCell<Option<Prepared>>>,
}

/// A number that the host is told when nobody needs it any more.
#[derive(Debug)]
struct Prepared(u32);

impl Drop for Prepared {
    fn drop(&mut self) {
        host::forget(self.0);
    }
}

impl Handshake {
    /// A handshake with an absolute URL: `ws:` or `wss:`, or `http:` or `https:` for the same.
    pub fn new(url: impl Into<String>) -> Self {
        let options = host::HandshakeOptions {
            url: url.into(),
            headers: Vec::new(),
            subprotocols: Vec::new(),
            timeout_ms: None,
            deflate: None,
            tags: 0,
        };
        Self { options, prepared: Rc::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|options| options.headers.push((name.to_owned(), value.to_owned())))
    }

    /// Offers a subprotocol; those offered first are wanted most.
    #[must_use]
    pub fn subprotocol(self, name: &str) -> Self {
        self.change(|options| options.subprotocols.push(name.to_owned()))
    }

    /// Limits the time until the connection is open, 60 s otherwise. Takes a duration, or seconds as a number.
    #[must_use]
    pub fn timeout(self, limit: impl IntoDuration) -> Self {
        let limit_ms = milliseconds(limit.into_duration());
        self.change(|options| options.timeout_ms = Some(limit_ms))
    }

    /// Offers permessage-deflate. Many connections want [`Compression::without_context`]: a direction that keeps its context
    /// costs a connection about 340 KB (sending) and 47 KB (receiving) with the largest windows.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        self.change(|options| options.deflate = Some(compression.for_host()))
    }

    /// Tags the samples of its connections.
    #[must_use]
    pub fn tags(self, tags: Tags) -> Self {
        self.change(|options| options.tags = tags.number())
    }

    /// What was prepared of other options stays with its other clones.
    fn change(mut self, change: impl FnOnce(&mut host::HandshakeOptions)) -> Self {
        change(&mut self.options);
        Self { prepared: Rc::default(), ..self }
    }

    /// Its number with the host.
    #[track_caller]
    pub(super) fn number(&self) -> u32 {
        let mut prepared = self.prepared.borrow_mut();
        if prepared.is_none() {
            match host::prepare(&self.options) {
                Ok(number) => *prepared = Some(Prepared(number)),
                Err(reason) => panic!("handshake: {reason}"),
            }
        }
        prepared.as_ref().map_or(0, |prepared| prepared.0)
    }
}

/// How many URLs are remembered; a script that has more forgets all.
const URLS_MAX: usize = 64;

thread_local! {
    /// Handshakes of URLs alone.
    static OF_URLS: RefCell<Vec<Handshake>> = const { RefCell::new(Vec::new()) };
}

/// The number of a URL's handshake, prepared when it is first asked for.
#[track_caller]
pub(super) fn of_url(url: &str) -> u32 {
    OF_URLS.with_borrow_mut(|known| {
        if let Some(handshake) = known.iter().find(|handshake| handshake.options.url == url) {
            return handshake.number();
        }
        if known.len() == URLS_MAX {
            known.clear();
        }
        let handshake = Handshake::new(url);
        let number = handshake.number();
        known.push(handshake);
        number
    })
}
