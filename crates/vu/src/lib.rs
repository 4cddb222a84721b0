//! Compiles, instantiates and calls script components: the worlds `script` and
//! `events` of `throng:script`.
//!
//! This crate alone owns wasmtime. It has no sockets, no executor and no
//! timers: everything that a script asks for goes through the [`Host`] that
//! the caller gives each virtual user (VU), so it is tested without a network.
//!
//! - [`Engine`] holds what all scripts of a process share: code generation
//!   settings, the arenas that stacks and memories come from, the limits.
//! - [`Ticker`] counts the 10-ms ticks by which runaway scripts are noticed.
//! - [`Script`] is a component that was compiled once and checked to be one of
//!   ours; clones share it between threads. Compiled code is kept on disk.
//! - [`Vu`] is one instance with a store and a stack of its own. It stays on
//!   the thread that made it. Its calls are futures: where a script waits, its
//!   stack is parked and the future is pending.
//! - [`EventInstance`] is one of an event-driven script: it serves many connections
//!   by calls that never wait, with [`EventBatch`]es.
//! - [`Fault`] says why a call failed. A script's fault ends that call, never
//!   the process, and touches no other VU.
//!
//! [`Vu::run`] enters the guest once, on its own stack. The guest hands each
//! iteration's outcome to [`Host::next_iteration`] and asks it for the next one;
//! that, requests, sockets and `sleep` may suspend. Its other imports answer at once.

mod arena;
mod bare_sockets;
mod budget;
mod cache;
mod connections;
mod engine;
mod event_instance;
mod exports;
mod fault;
mod host;
mod link;
mod load;
mod memory_limit;
mod script;
mod sockets;
mod state;
mod ticker;
mod types;
mod vu;

pub use arena::ArenaUsage;
pub use bare_sockets::{TcpHost, UdpHost};
pub use connections::{ConnectionIdentity, Connections, EventBatch, HandshakeOptions, Happening, Outgoing, SendError};
pub use engine::{Engine, EngineConfig, EngineError};
pub use event_instance::{EventInstance, EventInstances};
pub use fault::{Fault, FaultKind};
pub use host::Host;
pub use load::{CONTRACT_VERSION, LoadError};
pub use script::Script;
pub use sockets::SocketHost;
pub use ticker::Ticker;
pub use types::{
    BodyPart, CloseFrame, Coding, Credentials, DeflateOffer, Description, Failure, FileDeclaration, FileFormat,
    FileRange, InstanceInfo, LogLevel, MetricDefinition, MetricKind, RequestBody, RequestSpec, ResponseBody,
    ScenarioInfo, SocketEnd, SocketFailure, SocketMessage, SocketSpec, SocketState, TcpSpec, Timings, UdpSpec, VuInfo,
};
pub use vu::Vu;
