//! The replicated state of a group of coordinators and its runs.
//!
//! A [`State`] holds all that a group agrees on: agents and their leases, manifests of archives, and runs. Commands
//! change it; each enters the group's log and is applied on all nodes in the same order:
//!
//! ```text
//! Command --apply--> State --orders(agent)--> what an agent is to do now
//!            |         \-----duties(now)----> what the leader is to do now
//!            \--> Reply
//! ```
//!
//! What is to happen next is a function of the state alone: a new leader needs nothing else, and a lost message is cured by
//! saying it again.
//!
//! A [`judge`] makes totals, verdicts and the report of the agents' windows; the state neither reads nor knows them.
//!
//! This crate has no clock, no files, no threads and no randomness. Times are in commands, or arguments.

pub mod judge;
pub mod leading;
pub mod limits;

mod agent;
mod clock;
mod command;
mod duties;
mod id;
mod manifest;
mod orders;
mod refusal;
mod reply;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod totals;

pub use agent::{Agent, AgentInfo};
pub use clock::{GroupClock, Timestamp};
pub use command::{Action, Checkpoint, Command, Scale, WindowSpan};
pub use duties::Duty;
pub use id::{AgentName, AssignmentId, Digest, Epoch, Incarnation, NameError, RunId};
pub use manifest::Manifest;
pub use orders::{Brief, Order, Orders, Steering, Task};
pub use refusal::Refusal;
pub use reply::{Accepted, Reply};
pub use run::{
    AbortReason, Assignment, CallState, Completeness, CustomMetric, ExitCode, Failure, FailureKind, Loss,
    MetricContains, MetricKind, OnceCall, Progress, Run, RunResult, RunState, Submission, Verdict, Wants,
};
pub use state::State;
pub use totals::MergedWindows;
