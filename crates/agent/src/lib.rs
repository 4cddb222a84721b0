//! Runs a test on this machine: shards over the cores, virtual users (VUs) on the shards, their samples merged.
//!
//! [`run`] takes a script's component and the layers of its options, and goes the run's path: describe the script,
//! make the plan, start a shard per core, initialise the VUs, call setup, let the shards follow the schedule on their
//! own, merge their windows every second and judge the thresholds, call teardown, report.
//!
//! A shard's thread holds everything its VUs touch, so nothing on the path of an iteration is shared or locked: the
//! [`VuHost`](host::VuHost) of each VU turns the script's calls into requests of `transport` and into samples in the
//! shard's recorder. A [`Worker`] leads the shards by messages, a few a second, and [`run`] is one with a judge.
//!
//! [`inspect`] goes that path as far as the plan, and runs nothing. An [`Observer`] sees progress and messages; a
//! [`RunHandle`] tells how the run stands, and pauses, scales or ends it. What it came to is a [`RunResult`].
//!
//! A worker's [`link`] to a group of coordinators is here too, as far as it is no IO.
//!
//! Not here: building scripts, printing, exit codes, writing outputs, other processes' control, sockets of a cluster.

mod command;
mod describer;
mod handle;
mod health;
mod host;
mod http;
mod inbox;
pub mod link;
mod network;
mod observer;
mod pace;
mod prefetch;
mod run;
mod samples;
mod scenario;
mod series;
mod setup_data;
mod shard;
mod sockets;
mod stop;
mod websocket;
mod worker;

pub use handle::{RunHandle, RunPhase, RunStatus};
pub use network::Allowance;
pub use observer::{LogRecord, Observer};
pub use run::{Inspection, PartOutputs, Planned, RunConfig, RunError, RunResult, Test, inspect, run};
pub use setup_data::SetupData;
pub use throng_control::judge::{Ending, Progress, Rate, ScenarioProgress};
pub use throng_control::leading::{PauseError, ScaleError};
pub use worker::{
    Assignment, Late, SHARDS_MAX, SetupFailure, Step, SummaryContents, Worker, WorkerError, WorkerEvent, machine_share,
    machine_share_on,
};
