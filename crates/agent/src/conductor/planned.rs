//! From a component and layers of options to a plan: all that is known before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use throng_archive::{Declaration, FileFormat as DataFormat, TestFiles};
use throng_plan::{Functions, Layer, Options, Plan, merge, resolve};
use throng_stats::{Contains, Definition, Kind, MetricId, Registry, Thresholds};
use throng_transport::tls::TlsClient;
use throng_vu::{Description, Engine, EngineConfig, FileFormat, LogLevel, MetricKind, Script, Ticker};

use super::RunError;
use super::config::RunConfig;
use crate::describer::{Describer, describe};
use crate::host::VuHost;
use crate::network::tls_client;
use crate::observer::{LogRecord, Observer};

/// A script that is compiled, has said what it consists of, has a plan, and has its data files in memory.
pub(super) struct Planned {
    pub(super) script: Script<VuHost>,
    /// Interrupts the script's calls as long as it lives.
    pub(super) _ticker: Ticker,
    pub(super) tls: TlsClient,
    pub(super) description: Description,
    pub(super) registry: Registry,
    /// The script's metrics in its own order.
    pub(super) metrics: Arc<[MetricId]>,
    pub(super) plan: Arc<Plan>,
    /// All layers of options as one.
    pub(super) merged: Map<String, Value>,
    /// The layer of each option that is given.
    pub(super) origins: BTreeMap<String, String>,
    pub(super) files: Arc<TestFiles>,
}

impl Planned {
    pub(super) fn new(config: &RunConfig, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let usual = EngineConfig { cache_dir: config.cache_dir.clone(), ..EngineConfig::default() };
        let mut engine = Engine::new(usual)?;
        let mut ticker = engine.ticker().map_err(RunError::Thread)?;
        let mut script = Script::<VuHost>::compile(&engine, &config.component)?;
        let (description, messages) = describe(&script.for_host::<Describer>()?, Arc::new(config.env.clone()));
        messages.into_iter().for_each(|message| observer.log(message));
        let description = description.map_err(RunError::Init)?;
        let (registry, metrics) = register_metrics(&description)?;
        let layers = layers(config, &description);
        let resolved = resolve(&layers)?;
        for message in resolved.warnings {
            observer.log(LogRecord { level: LogLevel::Warn, message, source: String::new() });
        }
        let (mut options, mut merged) = (resolved.options, merge(&layers));
        if config.no_thresholds {
            options.thresholds = Thresholds::new();
            merged.remove("thresholds");
        }
        // Limits come with the options, and the options from a script that has to run for it: an engine with other
        // limits takes its place, and the compiled code from the cache.
        if let Some(other) = other_limits(&options, config) {
            engine = Engine::new(other)?;
            ticker = engine.ticker().map_err(RunError::Thread)?;
            script = Script::compile(&engine, &config.component)?;
        }
        let functions = Functions { iterations: &description.functions, setups: &description.scenario_setups };
        let plan = Arc::new(Plan::new(options, functions, &registry)?);
        let tls = tls_client(&plan.options().tls, config.tls_key_log.clone())?;
        // What may take long comes last.
        let files = Arc::new(TestFiles::load(&declarations(&description), &config.files)?);
        let origins = resolved.origins;
        Ok(Self { script, _ticker: ticker, tls, description, registry, metrics, plan, merged, origins, files })
    }
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
