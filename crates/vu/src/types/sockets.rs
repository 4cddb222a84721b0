//! The records of the interface `websocket`.

use wasmtime::component::{ComponentType, Lift, Lower};

/// What is offered of permessage-deflate: `websocket.deflate-offer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(record)]
pub struct DeflateOffer {
    /// The client's messages don't refer to those before.
    #[component(name = "client-no-context-takeover")]
    pub client_no_context_takeover: bool,
    /// The server's mustn't.
    #[component(name = "server-no-context-takeover")]
    pub server_no_context_takeover: bool,
    /// The client's largest window, 8 to 15; not yet checked.
    #[component(name = "client-max-window-bits")]
    pub client_max_window_bits: u8,
    /// The server's.
    #[component(name = "server-max-window-bits")]
    pub server_max_window_bits: Option<u8>,
}

/// What to open: `websocket.open-options`, as the guest gave it. Nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(record)]
pub struct SocketSpec {
    /// An absolute URL.
    pub url: String,
    /// Headers in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// Subprotocols, those preferred first.
    pub subprotocols: Vec<String>,
    /// Limit for opening in milliseconds; `None` is the default.
    #[component(name = "timeout-ms")]
    pub timeout_ms: Option<u32>,
    /// Compression; `None` doesn't offer it.
    pub deflate: Option<DeflateOffer>,
    /// Most bytes of a message that the server may send; `None` is the default.
    #[component(name = "message-bytes-max")]
    pub message_bytes_max: Option<u32>,
    /// The interned set of tags of this socket's samples; 0 is the empty set.
    pub tags: u32,
    /// The jar; 0 is the VU's own.
    pub jar: u32,
}

/// Why a socket isn't open, or is no more: `websocket.failure`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct SocketFailure {
    /// k6's `error_code`.
    pub code: u16,
    /// What happened, for a person.
    pub message: String,
    /// The status of the server's answer, 0 when none came.
    pub status: u16,
}

/// What a close frame says: `websocket.close-frame`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct CloseFrame {
    /// Its code; 1005 for none.
    pub code: u16,
    /// Its reason.
    pub reason: String,
}

/// Why a socket takes and gives nothing more: `websocket.end`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
pub enum SocketEnd {
    /// It was closed.
    #[component(name = "closed")]
    Closed(CloseFrame),
    /// The connection broke, or the server broke the protocol.
    #[component(name = "failed")]
    Failed(SocketFailure),
}

/// A message: `websocket.message`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum SocketMessage {
    /// Text.
    #[component(name = "text")]
    Text(String),
    /// Bytes.
    #[component(name = "binary")]
    Binary(Vec<u8>),
}

/// How a socket stands: `websocket.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum SocketState {
    /// Messages come and go.
    #[component(name = "open")]
    Open,
    /// A close frame was sent and not yet answered.
    #[component(name = "closing")]
    Closing,
    /// It is over.
    #[component(name = "closed")]
    Closed,
}
