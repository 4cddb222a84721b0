//! The built-in HTTP/1.1 server, `throng target`: something to point a load at while trying and testing.
//!
//! [`Target::start`] listens with one shard of the ring driver per core. Besides plain answers it gives what a test of a
//! load tester needs: delays, any status, bodies of any size, silence on demand, and exact counts of all it has served.
//!
//! Most of [`ROUTES`] are there for trying scripts, as httpbin's are: cookies, redirects, codings, logins, uploads.
//!
//! Bytes go from a connection's task (`connection`) into its `Session`, which does no IO: it parses requests
//! (`request`), finds what they ask for (`route`, `task`) and writes answers. What needs more than the path has a file
//! in `routes`; a connection that becomes a WebSocket goes on in the shard's `Hall` (`websocket`). What takes time (a
//! delay, a long body, silence) it hands back to the task as a `Next`. A connection on which nothing is said waits in the
//! shard's `Lobby`, which has no task for each. Counts are kept by each shard alone (`counters`) and added up on demand.
//!
//! What neither speaks HTTP nor WebSocket may be tried on `mirror`: TCP and UDP that is sent back as it comes.
//!
//! Not here: HTTP/2, files, and time limits for clients that are slow. An idle connection costs some hundred bytes,
//! no task and no buffer.

mod answer;
mod certificate;
mod connection;
mod counters;
mod date;
mod echo;
mod lobby;
mod mirror;
mod refusal;
mod request;
mod route;
mod routes;
mod secret;
mod server;
mod session;
mod silence;
mod target;
mod task;
mod websocket;

pub use certificate::{SelfSigned, SelfSignedError};
pub use route::ROUTES;
pub use target::{Target, TargetConfig, TargetError};
