//! Options: layers of what was typed, and what they mean together.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_stats::{Thresholds, TimeUnit, TrendStat};

use crate::agent_rules::{AgentRule, OnAgentLoss};
use crate::scenario::Scenario;
use crate::segment::SegmentTuple;
use crate::system_tags::SystemTags;

pub use dns::{DnsOptions, DnsPolicy, DnsSelect};
pub use draft::{Draft, Resolved, resolve};
pub use error::{OptionError, OptionErrors};
pub use http::{HttpDebug, HttpOptions};
pub use layer::Layer;
pub use merge::merge;
pub use reader::nearest;
pub(crate) use reader::{member, suggestion};
pub use results::SummaryMode;
pub use rules::{HostMapping, Rules};
pub use tls::{ClientCertificate, Secret, TlsOptions};

mod dns;
mod draft;
mod error;
mod fields;
mod http;
mod json;
mod layer;
mod members;
mod merge;
mod models;
mod origins;
mod part;
mod partial;
mod reader;
mod results;
mod rules;
mod scenarios;
mod shortcuts;
#[cfg(test)]
mod tests;
mod thresholds;
mod tls;

/// The options of a run, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// At least one, with distinct names.
    pub scenarios: Vec<Scenario>,
    /// What must hold for the run to pass.
    pub thresholds: Thresholds,
    /// Tags of all samples.
    pub tags: BTreeMap<String, String>,
    /// How requests are made.
    pub http: HttpOptions,
    /// How TLS is spoken.
    pub tls: TlsOptions,
    /// How names are looked up.
    pub dns: DnsOptions,
    /// Where a script may connect to, and where a name leads.
    pub rules: Rules,
    /// The least time from one start of an iteration to the VU's next.
    pub min_iteration_duration: Duration,
    /// How long setup may take.
    pub setup_timeout: Duration,
    /// How long teardown may take.
    pub teardown_timeout: Duration,
    /// Whether setup is left out.
    pub no_setup: bool,
    /// Whether teardown is left out.
    pub no_teardown: bool,
    /// Which part of the run is performed here; all of it unless the options say otherwise.
    pub segment: SegmentTuple,
    /// Whether the load waits, when everything is ready, until it is told to start.
    pub paused: bool,
    /// Whether the program stays after the run's end until it is told to go.
    pub linger: bool,
    /// What the text summary shows.
    pub summary_mode: SummaryMode,
    /// How long the script's own summary may take.
    pub handle_summary_timeout: Duration,
    /// Where samples are sent besides, each as `NAME` or `NAME=ARGUMENT`.
    pub outputs: Vec<String>,
    /// The statistics of trends that summaries show.
    pub summary_trend_stats: Vec<TrendStat>,
    /// The unit of times in the text summary; by size without.
    pub summary_time_unit: Option<TimeUnit>,
    /// The tags that throng sets itself.
    pub system_tags: SystemTags,
    /// What k6 doesn't have.
    pub throng: ThrongOptions,
    /// Where the scenarios and thresholds come from, for messages.
    pub(crate) scenarios_origin: String,
    pub(crate) thresholds_origin: String,
    pub(crate) given_part: part::GivenPart,
}

/// Options under the key `throng`.
#[derive(Debug, Clone, PartialEq)]
pub struct ThrongOptions {
    /// Memory that a VU's instance may have, in bytes: 1 MiB to 4 GiB, by default 64 MiB.
    pub memory_limit_bytes: u64,
    /// CPU time that a script may run without a host call; by default 10 s.
    pub guest_time_limit: Duration,
    /// How long a peer's machine may leave unanswered what TCP asks it before the connection counts as broken; by default
    /// 2 min. Zero leaves that to the kernel.
    pub dead_peer_timeout: Duration,
    /// Seed of the VUs' random numbers; a different one in every run without.
    pub seed: Option<u64>,
    /// Which agents of a cluster perform the run; all without a rule.
    pub agents: Vec<AgentRule>,
    /// What becomes of the run when one of them is lost.
    pub on_agent_loss: OnAgentLoss,
}

impl Default for ThrongOptions {
    fn default() -> Self {
        Self {
            memory_limit_bytes: 64 << 20,
            guest_time_limit: Duration::from_secs(10),
            dead_peer_timeout: Duration::from_secs(120),
            seed: None,
            agents: Vec::new(),
            on_agent_loss: OnAgentLoss::default(),
        }
    }
}
