//! Write load tests for throng in Rust.
//!
//! A script is a crate, or one file, whose functions carry attributes; `throng run script.rs` compiles it and runs
//! [`scenario`] functions as virtual users (VUs). Calls look blocking and suspend only the VU.
//!
//! ```no_run
//! use throng::prelude::*;
//!
//! #[options]
//! fn options() -> Options {
//!     Options::new().vus(10).duration("30s").threshold("http_req_failed", "rate<0.01")
//! }
//!
//! #[scenario]
//! fn default() {
//!     let res = http::get(env("TARGET"));
//!     check!(res, "status is 200" => |r| r.status() == 200);
//!     sleep(1);
//! }
//! # fn main() {}
//! ```
//! Scripts that hold connections in great number are event-driven instead: see [`events`]. Attributes enter functions in a
//! registry; the host calls them by number. What happens to a request is an outcome, never a panic. There is no async,
//! thread, file or socket of a script's own: [`http`], [`websocket`], [`tcp`], [`udp`], [`checks`], [`mod@metrics`], [`data`], [`execution`],
//! [`time`], [`random`] and [`log`] are the way out.

#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod allocator;
mod bindings;
pub mod checks;
pub mod data;
mod entry;
mod environment;
mod event_bindings;
pub mod events;
pub mod execution;
mod group;
pub mod http;
pub mod log;
pub mod metrics;
mod network_error;
pub mod options;
mod panic_hook;
pub mod prelude;
pub mod random;
#[doc(hidden)]
pub mod registry;
mod setup_data;
mod summary;
mod tags;
pub mod tcp;
mod text;
pub mod time;
pub mod udp;
pub mod websocket;

pub use checks::{check, check_tagged};
pub use environment::{env, env_or};
pub use group::group;
pub use options::{Options, Scenario};
pub use summary::Summary;
pub use tags::Tags;
pub use throng_macros::{handlers, options, scenario, setup, summary, teardown, vu_init};
pub use time::sleep;

/// The JSON library that options, setup data and bodies go through.
pub use serde_json;
