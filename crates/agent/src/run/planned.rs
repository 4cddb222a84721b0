//! From a component and layers of options to a plan: all that is known before anything runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use throng_archive::{Declaration, FileFormat as DataFormat, TestFiles};
use throng_output::{CsvDefaults, OutputSpec, SpecError};
use throng_plan::{Draft, Functions, Layer, OptionError, Options, Plan, Resolved, SummaryMode, merge};
use throng_stats::{Contains, Definition, Kind, MetricId, Registry};
use throng_transport::tls::TlsClient;
use throng_vu::{Description, Engine, EngineConfig, FileFormat, LogLevel, MetricKind, Script, Ticker};

use super::RunError;
use super::config::RunConfig;
use crate::describer::{Describer, describe};
use crate::host::{Environment, VuHost};
use crate::network::{Allowance, tls_client};
use crate::observer::{LogRecord, Observer};

/// A test that can be run: its script is compiled and has said what it consists of, it has a plan, and its data files are
/// in memory.
pub struct Planned {
    pub(crate) script: Script<VuHost>,
    /// Interrupts the script's calls as long as it lives.
    pub(super) _ticker: Ticker,
    pub(crate) tls: TlsClient,
    pub(crate) description: Description,
    pub(crate) registry: Arc<Registry>,
    /// The script's metrics in its own order.
    pub(crate) metrics: Arc<[MetricId]>,
    pub(crate) plan: Arc<Plan>,
    /// All layers of options as one.
    pub(super) merged: Map<String, Value>,
    /// The layer of each option that is given.
    pub(super) origins: BTreeMap<String, String>,
    pub(super) outputs: Vec<OutputSpec>,
    pub(crate) files: Arc<TestFiles>,
    /// Variables for the script.
    pub(crate) env: Arc<Environment>,
    /// The version that `User-Agent` names.
    pub(crate) version: String,
    /// Where connections may go, whatever the options say.
    pub(crate) allowances: Arc<[Allowance]>,
}

impl fmt::Debug for Planned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Planned").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Planned {
    /// Reads a test, and runs nothing of it: the script only says what it consists of.
    ///
    /// # Errors
    /// When it isn't one, or its options or its data files are wrong.
    pub fn new(config: &RunConfig, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let env = Arc::new(config.env.clone());
        let usual = EngineConfig { cache_dir: config.cache_dir.clone(), ..EngineConfig::default() };
        let mut engine = Engine::new(usual)?;
        let mut ticker = engine.ticker().map_err(RunError::Thread)?;
        let mut script = Script::<VuHost>::compile(&engine, &config.component)?;
        let (description, messages) = describe(&script.for_host::<Describer>()?, Arc::clone(&env));
        messages.into_iter().for_each(|message| observer.log(message));
        let description = description.map_err(RunError::Init)?;
        let (registry, metrics) = register_metrics(&description)?;
        let layers = layers(config, &description);
        let mut draft = Draft::read(&layers);
        if config.no_thresholds {
            draft.drop_thresholds();
        }
        let functions = Functions { iterations: &description.functions, setups: &description.scenario_setups };
        draft.check_names(functions, &registry);
        if script.is_event_driven() {
            refuse_open_models(&mut draft);
        }
        let outputs = outputs(&mut draft, &config.csv);
        let Resolved { options, warnings, origins } = draft.finish()?;
        for message in warnings {
            observer.log(LogRecord { level: LogLevel::Warn, message, source: String::new() });
        }
        let mut merged = merge(&layers);
        if config.no_thresholds {
            merged.remove("thresholds");
        }
        // Limits come with the options, and the options from a script that has to run for it: an engine with other
        // limits takes its place, and the compiled code from the cache.
        if let Some(other) = other_limits(&options, config) {
            engine = Engine::new(other)?;
            ticker = engine.ticker().map_err(RunError::Thread)?;
            script = Script::compile(&engine, &config.component)?;
        }
        let plan = Arc::new(Plan::new(options, functions, &registry)?);
        let tls = tls_client(&plan.options().tls, config.tls_key_log.clone())?;
        // What may take long comes last.
        let files = Arc::new(TestFiles::load(&declarations(&description), &config.files)?);
        let (registry, version) = (Arc::new(registry), config.version.clone());
        Ok(Self {
            script,
            _ticker: ticker,
            tls,
            description,
            registry,
            metrics,
            plan,
            merged,
            origins,
            outputs,
            files,
            env,
            version,
            allowances: config.allowances.clone().into(),
        })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// All metrics, by which windows are read.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What the script says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Whether there is a setup to be run, be it a scenario's.
    #[must_use]
    pub fn has_setup(&self) -> bool {
        let of_scenario = self.plan.scenarios().iter().any(|planned| planned.setup().is_some());
        !self.plan.options().no_setup && (self.description.has_setup || of_scenario)
    }

    /// Whether there is a teardown to be run.
    #[must_use]
    pub fn has_teardown(&self) -> bool {
        !self.plan.options().no_teardown && self.description.has_teardown
    }

    /// Whether the summary is to have groups and scenarios apart.
    #[must_use]
    pub fn has_detail(&self) -> bool {
        self.plan.options().summary_mode == SummaryMode::Full
    }
}

/// Notes scenarios whose load model event-driven scripts can't follow: their VUs are connections, which last.
fn refuse_open_models(draft: &mut Draft) {
    let origin = draft.origin_of("scenarios").to_owned();
    let open: Vec<_> = draft.options().scenarios.iter().filter(|scenario| scenario.model.is_open()).collect();
    let errors: Vec<_> = open
        .into_iter()
        .map(|scenario| OptionError {
            path: format!("scenarios.{}.executor", scenario.name),
            origin: origin.clone(),
            message: format!(
                "{} can't open connections of an event-driven script: use ramping-vus, whose stages say how many \
                 connections there are when",
                scenario.model.executor_name()
            ),
        })
        .collect();
    draft.note(errors);
}

/// What `out` asks for. What is wrong with it is noted.
fn outputs(draft: &mut Draft, csv: &CsvDefaults) -> Vec<OutputSpec> {
    let faults = match OutputSpec::parse_all(&draft.options().outputs, csv) {
        Ok(specs) => return specs,
        Err(faults) => faults,
    };
    let errors: Vec<_> = faults
        .into_iter()
        .map(|(place, error)| OptionError {
            path: format!("out[{place}]"),
            origin: match &error {
                SpecError::Variable { name, .. } => (*name).to_owned(),
                _ => draft.origin_of("out").to_owned(),
            },
            message: error.to_string(),
        })
        .collect();
    draft.note(errors);
    Vec::new()
}

fn layers(config: &RunConfig, description: &Description) -> Vec<Layer> {
    let script = match (&config.options, description.options.as_str()) {
        (Some(instead), _) => instead.clone(),
        (None, "") => Layer::new("script", json!({})),
        (None, text) => Layer::of_json("script", text),
    };
    let mut layers = config.layers_below.clone();
    layers.push(script);
    layers.extend(config.layers_above.iter().cloned());
    layers
}

fn other_limits(options: &Options, config: &RunConfig) -> Option<EngineConfig> {
    let usual = EngineConfig::default();
    let memory_limit_bytes = options.throng.memory_limit_bytes as usize;
    let guest_time_limit = options.throng.guest_time_limit;
    let is_usual = (memory_limit_bytes, guest_time_limit) == (usual.memory_limit_bytes, usual.guest_time_limit);
    (!is_usual).then(|| EngineConfig { cache_dir: config.cache_dir.clone(), memory_limit_bytes, guest_time_limit })
}

fn declarations(description: &Description) -> Vec<Declaration> {
    let files = description.files.iter().map(|file| Declaration {
        path: file.path.clone(),
        format: match file.format {
            FileFormat::Raw => DataFormat::Raw,
            FileFormat::Csv => DataFormat::Csv,
            FileFormat::Json => DataFormat::Json,
        },
    });
    files.collect()
}

fn register_metrics(description: &Description) -> Result<(Registry, Arc<[MetricId]>), RunError> {
    let mut registry = Registry::new();
    let mut ids = Vec::new();
    for metric in &description.metrics {
        let kind = match metric.kind {
            MetricKind::Counter => Kind::Counter,
            MetricKind::Gauge => Kind::Gauge,
            MetricKind::Rate => Kind::Rate,
            MetricKind::Trend => Kind::Trend,
        };
        let contains = if metric.is_time { Contains::Time } else { Contains::Default };
        ids.push(registry.register(Definition::new(metric.name.clone(), kind, contains))?);
    }
    Ok((registry, ids.into()))
}
