//! What a hostile server does with a connection, step by step.

use std::time::Duration;

use super::layer::Layer;

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes at once.
    Send(Vec<u8>),
    /// Sends bytes below TLS.
    Bare(Vec<u8>),
    /// Sends bytes below TLS again and again, until the client closes.
    BareEndless(Vec<u8>),
    /// Reads some bytes, such as a ClientHello.
    Hear,
    /// Sends bytes one by one.
    Drip(Vec<u8>, Duration),
    /// Sends bytes again and again, until the client closes.
    Endless(Vec<u8>),
    /// The same one by one.
    EndlessDrip(Vec<u8>, Duration),
    /// Does nothing for a while.
    Pause(Duration),
    /// Does nothing until the client closes.
    Silence,
    /// Breaks the connection: RST in place of FIN.
    Reset,
    /// Ends the connection without the word for it that TLS has.
    Cut,
    /// Goes on as a good server with the next request.
    Next,
}

/// What is done with a connection, after which it is closed.
#[derive(Clone, Debug)]
pub struct Play {
    /// Its name.
    pub name: &'static str,
    /// Whether a request is read before.
    pub waits_for_request: bool,
    /// What it is played on.
    pub layer: Layer,
    /// What is done.
    pub steps: Vec<Step>,
}

impl Play {
    /// What is done with a request.
    #[must_use]
    pub fn new(name: &'static str, steps: Vec<Step>) -> Self {
        Self { name, waits_for_request: true, layer: Layer::Usual, steps }
    }

    /// Whether it has a port of its own, since it begins before a request can tell which one is wanted.
    pub(super) fn is_alone(&self) -> bool {
        !self.waits_for_request || self.layer != Layer::Usual
    }
}
