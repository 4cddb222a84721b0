//! Options: layers of what was typed, and what they mean together.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_stats::{Thresholds, TimeUnit, TrendStat};

use crate::agent_rules::{AgentRule, OnAgentLoss};
use crate::scenario::Scenario;
use crate::segment::SegmentTuple;
use crate::system_tags::SystemTags;

pub use dns::{DnsOptions, DnsPolicy, DnsSelect};
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
            seed: None,
            agents: Vec::new(),
            on_agent_loss: OnAgentLoss::default(),
        }
    }
}

/// Options that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The options.
    pub options: Options,
    /// What the user should know, each a sentence.
    pub warnings: Vec<String>,
    /// The layer that each option comes from, by its key; those under `throng` as `throng.seed`. What isn't given
    /// anywhere isn't here.
    pub origins: BTreeMap<String, String>,
}

/// Lays options over each other, the lowest layer first, and reads what they mean.
///
/// A key in a higher layer replaces that of a lower one, maps included. A layer that sets
/// `duration`, `iterations`, `stages` or `scenarios` drops all four of lower layers (k6's
/// rule). Of what is left, the first that is given decides: `iterations`
/// (shared-iterations), `duration` (constant-vus), `stages` (ramping-vus), `vus` alone (as many
/// shared iterations as VUs, instead of scenarios), `scenarios`, or one iteration of one VU.
///
/// # Errors
///
/// Everything that is wrong in any layer, even where a higher layer replaces it: unknown keys,
/// wrong types, values out of range, options of k6 that aren't supported yet, short forms
/// that exclude each other.
pub fn resolve(layers: &[Layer]) -> Result<Resolved, OptionErrors> {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let mut merged = partial::Partial::default();
    for layer in layers {
        let upper = partial::Partial::read(layer, &mut errors);
        merged = merged.overlaid(upper, &mut warnings);
        warnings.extend(without_effect(layer));
    }
    let options = merged.into_options(&mut errors, &mut warnings);
    if !errors.is_empty() {
        return Err(OptionErrors(errors));
    }
    Ok(Resolved { options, warnings, origins: origins::of(layers) })
}

/// A sentence on each option that is read for k6's sake only.
fn without_effect(layer: &Layer) -> impl Iterator<Item = String> {
    let given =
        fields::TOP_WITHOUT_EFFECT.into_iter().filter(|(key, _)| layer.value.get(key).is_some_and(|at| !at.is_null()));
    given.filter_map(|(key, why)| Some(format!("`{key}` from {} is of no effect: {}", layer.origin_of(key), why?)))
}
