//! One layer's options, read; and layers laid over each other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use throng_stats::Thresholds;

use super::dns::PartialDns;
use super::error::OptionError;
use super::http::PartialHttp;
use super::members::Members;
use super::models::{self, NoDuration};
use super::part::PartialPart;
use super::reader::{Place, Reader, suggestion};
use super::results::PartialResults;
use super::rules::PartialRules;
use super::shortcuts::Shortcuts;
use super::tls::PartialTls;
use super::{Layer, Options, ThrongOptions, fields, scenarios, thresholds};
use crate::agent_rules::{AgentRule, OnAgentLoss};
use crate::duration;
use crate::load_model::Stage;
use crate::names::NamedFunctions;
use crate::scenario::Scenario;
use crate::size;
use crate::system_tags::{SystemTag, SystemTags};

/// The most VUs of a scenario (k6's limit).
pub(super) const MAX_VUS: u64 = 100_000_000;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// The least time that something may be given.
pub(super) const SMALLEST: Duration = Duration::from_nanos(1);
const MEMORY_LIMITS: std::ops::RangeInclusive<u64> = 1 << 20..=4 << 30;

/// A value and the layer it comes from.
#[derive(Debug, Clone)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) origin: String,
}

/// The options that a layer, or several laid over each other, give.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) vus: Option<Given<u64>>,
    pub(super) iterations: Option<Given<u64>>,
    pub(super) duration: Option<Given<Duration>>,
    pub(super) stages: Option<Given<Vec<Stage>>>,
    pub(super) scenarios: Option<Given<Vec<Scenario>>>,
    /// The functions that scenarios name.
    pub(super) functions: Option<Given<Vec<NamedFunctions>>>,
    thresholds: Option<Given<Thresholds>>,
    tags: Option<BTreeMap<String, String>>,
    http: PartialHttp,
    tls: PartialTls,
    dns: PartialDns,
    rules: PartialRules,
    min_iteration_duration: Option<Duration>,
    setup_timeout: Option<Duration>,
    teardown_timeout: Option<Duration>,
    no_setup: Option<bool>,
    no_teardown: Option<bool>,
    paused: Option<bool>,
    linger: Option<bool>,
    part: PartialPart,
    results: PartialResults,
    system_tags: Option<SystemTags>,
    memory_limit_bytes: Option<u64>,
    guest_time_limit: Option<Duration>,
    dead_peer_timeout: Option<Duration>,
    seed: Option<u64>,
    agents: Option<Vec<AgentRule>>,
    on_agent_loss: Option<OnAgentLoss>,
}

impl Partial {
    /// Reads a layer and notes everything in it that is wrong.
    pub(super) fn read(layer: &Layer, errors: &mut Vec<OptionError>) -> Self {
        errors.extend(layer.faults.iter().cloned());
        let mut reader = Reader { layer, errors };
        if layer.value.is_null() {
            return Self::default();
        }
        let Some(object) = reader.object(Place::new(&layer.value, "")) else {
            return Self::default();
        };
        let without_effect = fields::TOP_WITHOUT_EFFECT.map(|(key, _)| key);
        let known: Vec<_> = fields::TOP.into_iter().chain([fields::OWN]).chain(without_effect).collect();
        reader.check_keys(("", "the options"), object, &known, &fields::TOP_NOT_YET);
        let members = Members { object, path: "" };
        let mut partial = Self::default();
        partial.read_load(&members, &mut reader);
        partial.read_behaviour(&members, &mut reader);
        partial.http = PartialHttp::read(&members, &mut reader);
        partial.tls = PartialTls::read(&members, &mut reader);
        partial.dns = PartialDns::read(&members, &mut reader);
        partial.rules = PartialRules::read(&members, &mut reader);
        partial.part = PartialPart::read(&members, &mut reader);
        partial.results = PartialResults::read(&members, &mut reader);
        partial.read_own(&members, &mut reader);
        partial
    }

    fn read_load(&mut self, members: &Members<'_>, reader: &mut Reader<'_>) {
        // A ramp may begin with none.
        let least_vus = u64::from(members.object.get("stages").is_none_or(Value::is_null));
        let second = Duration::from_secs(1);
        self.vus = given(members, reader, "vus", |r, at| r.whole(at, least_vus, MAX_VUS));
        self.iterations = given(members, reader, "iterations", |r, at| r.whole(at, 1, u64::MAX));
        self.duration = given(members, reader, "duration", |r, at| r.duration(at, second));
        self.stages = given(members, reader, "stages", |r, at| models::stages(r, at, NoDuration::LeftOut));
        self.scenarios = given(members, reader, "scenarios", scenarios::read);
        self.functions = given(members, reader, "scenarios", |_, at| Some(scenarios::functions(at)));
        self.thresholds = given(members, reader, "thresholds", thresholds::read);
    }

    fn read_behaviour(&mut self, members: &Members<'_>, reader: &mut Reader<'_>) {
        self.tags = members.read(reader, "tags", |r, at| r.strings(at, false));
        self.no_setup = members.bool(reader, "noSetup");
        self.no_teardown = members.bool(reader, "noTeardown");
        self.min_iteration_duration = members.duration(reader, "minIterationDuration", Duration::ZERO);
        self.setup_timeout = members.duration(reader, "setupTimeout", SMALLEST);
        self.teardown_timeout = members.duration(reader, "teardownTimeout", SMALLEST);
        self.paused = members.bool(reader, "paused");
        self.linger = members.bool(reader, "linger");
        self.system_tags = members.read(reader, "systemTags", |r, at| {
            let tags = r.list(at, system_tag)?;
            Some(tags.into_iter().fold(SystemTags::NONE, SystemTags::with))
        });
    }

    fn read_own(&mut self, members: &Members<'_>, reader: &mut Reader<'_>) {
        let own = members.read(reader, fields::OWN, |r, at| r.object(at).cloned());
        let Some(object) = own else {
            return;
        };
        reader.check_keys((fields::OWN, "`throng`"), &object, &fields::THRONG, &[]);
        let members = Members { object: &object, path: fields::OWN };
        self.tls.read_own(&members, reader);
        self.memory_limit_bytes = members.read(reader, "memoryLimit", memory_limit);
        self.guest_time_limit = members.duration(reader, "guestTimeLimit", Duration::from_millis(1));
        self.dead_peer_timeout = members.read(reader, "deadPeerTimeout", dead_peer_timeout);
        self.seed = members.read(reader, "seed", |r, at| r.whole(at, 0, u64::MAX));
        self.agents = members.read(reader, "agents", agents);
        self.on_agent_loss = members.read(reader, "onAgentLoss", |r, at| r.word(at, &OnAgentLoss::WORDS));
    }

    /// Lays a higher layer over this one.
    pub(super) fn overlaid(self, upper: Self, warnings: &mut Vec<String>) -> Self {
        let replaces_load = upper.iterations.is_some()
            || upper.duration.is_some()
            || upper.stages.is_some()
            || upper.scenarios.is_some();
        if replaces_load && let Some(lower) = &self.scenarios {
            let by = [
                upper.scenarios.as_ref().map(|given| &given.origin),
                upper.duration.as_ref().map(|given| &given.origin),
                upper.stages.as_ref().map(|given| &given.origin),
                upper.iterations.as_ref().map(|given| &given.origin),
            ];
            let by = by.into_iter().flatten().next();
            warnings.push(format!(
                "the scenarios from {} are replaced by those from {}",
                lower.origin,
                by.map_or("a higher layer", String::as_str)
            ));
        }
        let lower_load = (!replaces_load).then_some(());
        Self {
            vus: upper.vus.or(self.vus),
            iterations: upper.iterations.or(lower_load.and(self.iterations)),
            duration: upper.duration.or(lower_load.and(self.duration)),
            stages: upper.stages.or(lower_load.and(self.stages)),
            scenarios: upper.scenarios.or(lower_load.and(self.scenarios)),
            functions: upper.functions.or(lower_load.and(self.functions)),
            thresholds: upper.thresholds.or(self.thresholds),
            tags: upper.tags.or(self.tags),
            http: self.http.overlaid(upper.http),
            tls: self.tls.overlaid(upper.tls),
            dns: self.dns.overlaid(upper.dns),
            rules: self.rules.overlaid(upper.rules),
            min_iteration_duration: upper.min_iteration_duration.or(self.min_iteration_duration),
            setup_timeout: upper.setup_timeout.or(self.setup_timeout),
            teardown_timeout: upper.teardown_timeout.or(self.teardown_timeout),
            no_setup: upper.no_setup.or(self.no_setup),
            no_teardown: upper.no_teardown.or(self.no_teardown),
            paused: upper.paused.or(self.paused),
            linger: upper.linger.or(self.linger),
            part: self.part.overlaid(upper.part),
            results: self.results.overlaid(upper.results),
            system_tags: upper.system_tags.or(self.system_tags),
            memory_limit_bytes: upper.memory_limit_bytes.or(self.memory_limit_bytes),
            guest_time_limit: upper.guest_time_limit.or(self.guest_time_limit),
            dead_peer_timeout: upper.dead_peer_timeout.or(self.dead_peer_timeout),
            seed: upper.seed.or(self.seed),
            agents: upper.agents.or(self.agents),
            on_agent_loss: upper.on_agent_loss.or(self.on_agent_loss),
        }
    }

    /// Fills in defaults and turns short forms into scenarios.
    pub(super) fn into_options(self, errors: &mut Vec<OptionError>, warnings: &mut Vec<String>) -> Options {
        let shortcuts = Shortcuts {
            vus: self.vus,
            iterations: self.iterations,
            duration: self.duration,
            stages: self.stages,
            scenarios: self.scenarios,
        };
        let scenarios = shortcuts.into_scenarios(errors, warnings);
        let thresholds =
            self.thresholds.unwrap_or_else(|| Given { value: Thresholds::new(), origin: "defaults".to_owned() });
        thresholds::warn_of_tags(&thresholds.value, self.system_tags.unwrap_or_default(), warnings);
        let own = ThrongOptions::default();
        let results = self.results.into_options();
        let (segment, given_part) = self.part.into_options(errors);
        Options {
            scenarios: scenarios.value,
            thresholds: thresholds.value,
            tags: self.tags.unwrap_or_default(),
            http: self.http.into_options(),
            tls: self.tls.into_options(errors),
            dns: self.dns.into_options(),
            rules: self.rules.into_options(),
            min_iteration_duration: self.min_iteration_duration.unwrap_or_default(),
            setup_timeout: self.setup_timeout.unwrap_or(DEFAULT_TIMEOUT),
            teardown_timeout: self.teardown_timeout.unwrap_or(DEFAULT_TIMEOUT),
            no_setup: self.no_setup.unwrap_or(false),
            no_teardown: self.no_teardown.unwrap_or(false),
            segment,
            paused: self.paused.unwrap_or(false),
            linger: self.linger.unwrap_or(false),
            summary_mode: results.summary_mode,
            handle_summary_timeout: results.handle_summary_timeout,
            outputs: results.outputs,
            summary_trend_stats: results.summary_trend_stats,
            summary_time_unit: results.summary_time_unit,
            system_tags: self.system_tags.unwrap_or_default(),
            throng: ThrongOptions {
                memory_limit_bytes: self.memory_limit_bytes.unwrap_or(own.memory_limit_bytes),
                guest_time_limit: self.guest_time_limit.unwrap_or(own.guest_time_limit),
                dead_peer_timeout: self.dead_peer_timeout.unwrap_or(own.dead_peer_timeout),
                seed: self.seed,
                agents: self.agents.unwrap_or(own.agents),
                on_agent_loss: self.on_agent_loss.unwrap_or(own.on_agent_loss),
            },
            scenarios_origin: scenarios.origin,
            thresholds_origin: thresholds.origin,
            given_part,
        }
    }
}

/// A member with the place that it comes from.
fn given<T>(
    members: &Members<'_>,
    reader: &mut Reader<'_>,
    key: &str,
    read: impl FnOnce(&mut Reader<'_>, Place<'_>) -> Option<T>,
) -> Option<Given<T>> {
    members.read(reader, key, read).map(|value| reader.given(key, value))
}

fn system_tag(reader: &mut Reader<'_>, place: Place<'_>) -> Option<SystemTag> {
    let key = reader.string(place)?;
    let tag = SystemTag::parse(&key);
    if tag.is_none() {
        let keys = SystemTag::ALL.map(SystemTag::as_str);
        let hint = suggestion(&key, keys.into_iter()).unwrap_or_else(|| format!("; there are {}", keys.join(", ")));
        reader.fault(place.path(), format!("there is no system tag `{key}`{hint}"));
    }
    tag
}

/// Rules as a text, or a number of agents.
fn agents(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Vec<AgentRule>> {
    let text = match place.value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return reader.wrong_type(place, "a number of agents, or which ones, such as \"zone=eu:2\""),
    };
    AgentRule::parse_all(&text).map_err(|error| reader.fault(place.path(), error.to_string())).ok()
}

/// Whole seconds are what TCP counts in.
fn dead_peer_timeout(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Duration> {
    let path = place.path().to_owned();
    let time = reader.duration(place, Duration::ZERO)?;
    if !time.is_zero() && time < Duration::from_secs(1) {
        reader.fault(&path, format!("must be 0 or at least 1s, not {}", duration::format(time)));
        return None;
    }
    Some(time)
}

fn memory_limit(reader: &mut Reader<'_>, place: Place<'_>) -> Option<u64> {
    let bytes = match place.value {
        Value::String(text) => match size::parse(text) {
            Ok(bytes) => bytes,
            Err(error) => {
                reader.fault(place.path(), error.to_string());
                return None;
            }
        },
        Value::Number(_) => reader.whole(place, 0, u64::MAX)?,
        _ => return reader.wrong_type(place, "a size such as \"64MiB\", or a number of bytes"),
    };
    if !MEMORY_LIMITS.contains(&bytes) {
        let message = format!("must be 1MiB to 4GiB, not {}", size::format(bytes));
        reader.fault(place.path(), message);
        return None;
    }
    Some(bytes)
}
