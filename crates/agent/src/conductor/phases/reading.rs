//! From a script and the layers of its options to what a run goes by.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use throng_archive::{Declaration, FileFormat as DataFormat, TestFiles};
use throng_plan::{Layer, Plan, merge, resolve};
use throng_stats::{Contains, Definition, Kind, MetricId, Registry, Thresholds};
use throng_vu::{Description, FileFormat, LogLevel, MetricKind};

use super::Conductor;
use crate::command::{Command, Event};
use crate::conductor::{Inspection, RunError};
use crate::network::tls_client;

/// A test, read and found to be valid.
pub(super) struct Test {
    pub(super) description: Description,
    pub(super) registry: Arc<Registry>,
    /// The script's metrics in its own order.
    pub(super) metrics: Arc<[MetricId]>,
    /// All layers of options as one.
    options: Map<String, Value>,
    pub(super) plan: Arc<Plan>,
    pub(super) files: Arc<TestFiles>,
}

impl Conductor<'_> {
    /// What the test consists of, and nothing run of it.
    pub(in crate::conductor) fn inspect(mut self) -> Result<Inspection, RunError> {
        let Test { options, files, plan, .. } = self.read_test()?;
        // Certificates and keys are read where connections are to be made; here to find mistakes in them.
        tls_client(&plan.options().tls, None)?;
        self.finish()?;
        Ok(Inspection { options, files })
    }

    /// Asks the script what it consists of, makes the plan, and takes the data files into memory.
    pub(super) fn read_test(&mut self) -> Result<Test, RunError> {
        let description = self.describe()?;
        let (registry, metrics) = register_metrics(&description)?;
        let layers = self.layers(&description)?;
        let resolved = resolve(&layers)?;
        for warning in resolved.warnings {
            self.log(LogLevel::Warn, warning);
        }
        let mut options = resolved.options;
        if self.config.no_thresholds {
            options.thresholds = Thresholds::new();
        }
        let plan = Plan::new(options, &description.functions, &registry)?;
        let files = TestFiles::load(&declarations(&description), &self.config.files)?;
        Ok(Test {
            description,
            registry: Arc::new(registry),
            metrics,
            options: merge(&layers),
            plan: Arc::new(plan),
            files: Arc::new(files),
        })
    }

    fn describe(&mut self) -> Result<Description, RunError> {
        let env = Arc::new(self.config.env.clone());
        self.shards[0].sender.send(Command::Describe(self.script.clone(), env));
        loop {
            match self.events.recv().map_err(|_| RunError::ShardLost)?.1 {
                Event::Described(result) => return result.map(|description| *description).map_err(RunError::Init),
                event => self.minor(0, event)?,
            }
        }
    }

    fn layers(&self, description: &Description) -> Result<Vec<Layer>, RunError> {
        let script = match (&self.config.options, description.options.as_str()) {
            (Some(instead), _) => instead.clone(),
            (None, "") => Layer::new("script", json!({})),
            (None, text) => Layer::new("script", serde_json::from_str(text).map_err(RunError::OptionsJson)?),
        };
        let mut layers = self.config.layers_below.clone();
        layers.push(script);
        layers.extend(self.config.layers_above.iter().cloned());
        Ok(layers)
    }
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
