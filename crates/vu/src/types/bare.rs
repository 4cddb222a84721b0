//! The records of the interfaces `tcp` and `udp`.

use wasmtime::component::{ComponentType, Lift};

/// Where to connect to: `tcp.connect-options`, as the guest gave it. Nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct TcpSpec {
    /// `HOST:PORT`.
    pub address: String,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Limit for name, connection and TLS in milliseconds; `None` is the default.
    #[component(name = "timeout-ms")]
    pub timeout_ms: Option<u32>,
    /// The interned set of tags of this socket's samples; 0 is the empty set.
    pub tags: u32,
}

/// Whom to send to: `udp.connect-options`, as the guest gave it. Nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct UdpSpec {
    /// `HOST:PORT`.
    pub address: String,
    /// Limit for looking up the name in milliseconds; `None` is the default.
    #[component(name = "timeout-ms")]
    pub timeout_ms: Option<u32>,
    /// The interned set of tags of this socket's samples; 0 is the empty set.
    pub tags: u32,
}
