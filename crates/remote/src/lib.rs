//! Control of a running test from other processes: the service that a run offers, and the client that asks it.
//!
//! A [`Server`] listens on a Unix socket in the user's [`RunDirectory`], where [`RunDirectory::runs`] finds it, and on
//! a TCP address if one is given. It has a thread of its own, with a tokio runtime; nothing of it is on a shard. It asks
//! and changes the run by [`RunControl`], and has messages and the end from the [`Board`], which the run's observer
//! writes and which never waits. A [`Client`] blocks its caller.
//!
//! ```text
//! observer --> Board -- messages, end --> Server <== gRPC ==> Client <-- throng status, watch, …
//! run <------> RunControl <-- status, pause, scale, stop --'
//! ```
//!
//! Whoever connects may be slow, broken or hostile: clients, their messages and their time are bounded
//! ([`CLIENTS_MAX`], [`WATCHERS_MAX`], [`MESSAGES_MAX`], [`REQUEST_BYTES_MAX`]), and none can make the run wait.
//!
//! Not here: printing, arguments, the environment. Nobody is asked who they are, so only loopback addresses are listened
//! on, unless the user insists.

mod address;
mod board;
mod client;
mod directory;
mod listening;
mod run_id;
mod server;
mod service;
mod versions;
mod watcher;

pub use address::{AddressError, listen_address};
pub use board::{Board, MESSAGES_MAX};
pub use client::{Client, Place};
pub use directory::{DirectoryError, Found, RunDirectory};
pub use listening::CLIENTS_MAX;
pub use run_id::{RunId, RunIdError};
pub use server::{REQUEST_BYTES_MAX, Server, ServerConfig, ServerError};
pub use service::{RunControl, WATCHERS_MAX};
