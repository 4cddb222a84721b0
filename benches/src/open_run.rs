//! Runs of one scenario at a constant rate, by throng.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;

/// What a run is to do beside its script.
#[derive(Clone, Copy, Debug)]
pub struct OpenRun {
    /// Iterations a second.
    pub rate: u64,
    /// How many seconds.
    pub seconds: u64,
    /// Virtual users, all made before.
    pub vus: u64,
}

/// A run under way.
#[derive(Debug)]
pub struct OpenRunning {
    process: Process,
    directory: TempDir,
}

/// The figures of a run's summary.
#[derive(Debug)]
pub struct OpenFigures(Value);

impl OpenRun {
    /// Iterations that are planned.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.rate * self.seconds
    }

    /// Starts a component, on one core alone if `core` is given. It takes its options from the variable OPTIONS.
    ///
    /// # Errors
    /// When throng can't be started.
    pub fn start(
        &self,
        throng: &Path,
        component: &Path,
        variables: &[(&str, &str)],
        core: Option<usize>,
    ) -> Result<OpenRunning> {
        let directory = tempfile::tempdir()?;
        let options = json!({
            "scenarios": { "open": {
                "executor": "constant-arrival-rate", "rate": self.rate, "duration": format!("{}s", self.seconds),
                "preAllocatedVUs": self.vus,
            } },
            "summaryTrendStats": ["med", "p(99)", "p(99.9)", "max", "count"],
        });
        let mut arguments = vec!["run".to_owned(), "-q".to_owned(), component.to_string_lossy().into_owned()];
        arguments.extend(["--summary-export".to_owned(), summary(&directory)]);
        arguments.extend(["-e".to_owned(), format!("OPTIONS={options}")]);
        for (name, value) in variables {
            arguments.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        Ok(OpenRunning { process: Process::start(throng, arguments, core)?, directory })
    }
}

fn summary(directory: &TempDir) -> String {
    directory.path().join("summary.json").to_string_lossy().into_owned()
}

impl OpenRunning {
    /// Waits for its end.
    ///
    /// # Errors
    /// When it takes longer than `limit`, or fails.
    pub fn finish(mut self, limit: Duration) -> Result<OpenFigures> {
        self.process.wait(limit)?;
        let text = std::fs::read_to_string(summary(&self.directory)).context("throng wrote no summary")?;
        Ok(OpenFigures(serde_json::from_str(&text)?))
    }
}

impl OpenFigures {
    /// A value of a metric; 0 for one without samples.
    #[must_use]
    pub fn value(&self, metric: &str, value: &str) -> f64 {
        self.0["metrics"][metric][value].as_f64().unwrap_or(0.0)
    }

    /// Iterations that were started and ended.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        self.value("iterations", "count") as u64
    }

    /// Iterations that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.value("dropped_iterations", "count") as u64
    }

    /// That each planned iteration was started or dropped.
    ///
    /// # Errors
    /// When some are lost, or ran twice.
    pub fn check_accounts(&self, run: &OpenRun) -> Result<()> {
        let (started, dropped) = (self.iterations(), self.dropped());
        ensure!(started + dropped == run.planned(), "{started} and {dropped} dropped of {} planned", run.planned());
        Ok(())
    }
}
