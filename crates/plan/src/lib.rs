//! From what the user wrote to a validated plan of a run.
//!
//! Options come in layers: the script's, a file's, the command line's.
//! [`resolve`] reads each strictly, lays the higher over the lower as k6 does, and turns
//! the short forms (`vus`, `duration`, `iterations`, `stages`) into scenarios. All that is wrong is
//! reported at once, each with its path, its layer and a remedy; a [`Draft`] takes also what
//! the script and others find wrong. [`Plan::new`] orders the scenarios and numbers their VUs:
//!
//! ```text
//! Layer* --resolve--> Options --Plan::new--> Plan --portion--> Portion of a shard
//! ```
//!
//! Every [`Scenario`] has a [`LoadModel`] (k6 says executor), which says what may start
//! when, given the time and what was done so far. It starts nothing itself. A run is dealt
//! out to agents and their shards by [`segment`]s; a [`Portion`] is what one shard does of it:
//! [`Ticks`] of open models, [`VuSteps`] of ramps, numbers of VUs and iterations.
//!
//! This crate has no clock, no files, no environment and no threads. It doesn't know
//! flags or scripts: those who do make layers of them.

pub mod duration;
pub mod segment;
pub mod size;

mod agent_rules;
mod allowed_targets;
mod cipher_suite;
mod host_pattern;
mod host_rules;
mod load_model;
mod names;
mod options;
mod plan;
mod portion;
mod requirements;
mod scenario;
mod system_tags;

pub use agent_rules::{AgentRule, AgentRuleError, AgentWeight, OnAgentLoss};
pub use allowed_targets::{ALLOWED_TARGETS_MAX, AllowedTargets, AllowedTargetsError};
pub use cipher_suite::{CipherSuite, TlsVersion};
pub use host_pattern::{HostPattern, HostPatternError};
pub use host_rules::HostRules;
pub use ipnet::IpNet;
pub use load_model::{
    Arrivals, ControlledVus, LoadModel, Missed, ScheduleError, Stage, Tick, Ticks, TooManyVus, VuCurve, VuHandle,
    VuReserve, VuStep, VuSteps,
};
pub use options::{
    ClientCertificate, DnsOptions, DnsPolicy, DnsSelect, Draft, HostMapping, HttpDebug, HttpOptions, Layer,
    OptionError, OptionErrors, Options, Resolved, Rules, Secret, SummaryMode, ThrongOptions, TlsOptions, merge,
    nearest, resolve,
};
pub use plan::{Functions, Plan, PlannedScenario, Shard};
pub use portion::{Portion, PortionError, ScenarioPortion, VuNumbers};
pub use requirements::Requirements;
pub use scenario::Scenario;
pub use system_tags::{SystemTag, SystemTags};
