//! Runs a test on this machine: shards over the cores, virtual users (VUs) on the shards, their samples merged.
//!
//! [`run`] takes a script's component and the layers of its options, and goes the run's path: describe the script,
//! make the plan, start a shard per core, initialise the VUs, call setup, let the shards follow the schedule on their
//! own, merge their windows every second and judge the thresholds, call teardown, report.
//!
//! A shard's thread holds everything its VUs touch, so nothing on the path of an iteration is shared or locked: the
//! [`VuHost`](host::VuHost) of each VU turns the script's calls into requests of `transport` and into samples in the
//! shard's recorder. Shards and the conductor talk by messages, a few a second.
//!
//! [`inspect`] goes that path as far as the plan, and runs nothing. An [`Observer`] sees progress and messages; a
//! [`RunHandle`] tells how the run stands, and pauses, scales or ends it. What it came to is a [`RunResult`].
//!
//! Not here: building scripts, printing, exit codes, writing outputs, other processes' control, anything of a cluster.

mod command;
mod conductor;
mod describer;
mod handle;
mod health;
mod host;
mod http;
mod inbox;
mod network;
mod observer;
mod pace;
mod samples;
mod scenario;
mod series;
mod setup_data;
mod shard;
mod stop;

pub use conductor::{Inspection, RunConfig, RunError, RunResult, inspect, run};
pub use handle::{PauseError, RunHandle, RunPhase, RunStatus, ScaleError};
pub use observer::{Ending, LogRecord, Observer, Progress, Rate, ScenarioProgress};
