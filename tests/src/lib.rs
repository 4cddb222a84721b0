//! What the tests of the whole stand on: throng as a real process, and servers for it.
//!
//! [`Throng`] starts the binary that `cargo build --release` made; [`Process`] is anything that runs, with a deadline on
//! every wait and an end by force when its value goes; [`Finished`] is what came of a run, [`Summary`] the figures of
//! its `--summary-export`. [`Target`] and [`Server`] are servers on free ports that count what they serve, each test's
//! own: ours, and those that others wrote ([`EchoServer`] for WebSockets); [`Hostile`] is one that does whatever a server
//! can do wrong. [`Scripts`] compiles each script once per run of the tests. [`Group`] is a group of coordinators,
//! [`Cluster`] one with agents; [`Certs`] are the certificates of one, and a [`Network`] puts them on machines of their own;
//! a [`Cable`] is between throng and a target on two.
//!
//! The tests themselves are in `tests/e2e` (claims about the program, by theme) and `tests/conventions.rs` (claims about
//! the repository). Nothing here waits for a fixed time: every wait is for an event, and fails at a deadline.

mod bare;
mod cable;
mod certs;
mod clock;
mod cluster;
mod delay;
mod group;
mod hostile;
mod http;
mod memory;
mod network;
mod process;
mod scripts;
mod seccomp;
mod servers;
mod small_disk;
mod summary;
mod target;
mod throng;
mod websocket;

pub use bare::{BareCounts, BareServer};
pub use cable::Cable;
pub use certs::Certs;
pub use clock::with_clock_ahead;
pub use cluster::Cluster;
pub use group::{Group, PORT};
pub use hostile::{Certificate, Hostile, Layer, Play, Sends, Step, Tls};
pub use http::{get, post};
pub use memory::PeakMemory;
pub use network::{AtRouter, Network};
pub use process::{Finished, Process, until};
pub use scripts::Scripts;
pub use seccomp::without_io_uring;
pub use servers::{Logged, Scheme, Server, ServerKind};
pub use small_disk::SmallDisk;
pub use summary::Summary;
pub use target::Target;
pub use throng::{Throng, throng_binary};
pub use websocket::{EchoServer, Echoed, Other};
