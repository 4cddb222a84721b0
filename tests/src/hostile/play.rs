//! What a hostile server does with a connection, step by step.

use std::time::Duration;

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes at once.
    Send(Vec<u8>),
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
    /// What is done.
    pub steps: Vec<Step>,
}

impl Play {
    /// What is done with a request.
    #[must_use]
    pub fn new(name: &'static str, steps: Vec<Step>) -> Self {
        Self { name, waits_for_request: true, steps }
    }

    /// What is done with a connection, asked or not.
    #[must_use]
    pub fn unasked(name: &'static str, steps: Vec<Step>) -> Self {
        Self { name, waits_for_request: false, steps }
    }
}
