//! A test packed for a cluster.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use throng_agent::{Inspection, RunConfig};
use throng_archive::Archive;
use throng_plan::segment::SegmentTuple;
use throng_protocol::run::{Metric, MetricContains, MetricKind, SubmitRunRequest};
use throng_vu::{MetricDefinition, MetricKind as VuKind};

use crate::exit::{Exit, Failure};

/// A test as a file that is removed when it isn't needed any more, and what the group has to be told of it.
pub(crate) struct PackedTest {
    file: TemporaryFile,
    /// What is asked for, but for the run's id, the archive's digest and who asks.
    pub(crate) request: SubmitRunRequest,
}

struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It is in the directory for what may be removed at any time.
        let _ = fs::remove_file(&self.0);
    }
}

impl PackedTest {
    /// Packs a test as `throng archive` does.
    pub(crate) fn new(config: RunConfig, inspection: &Inspection) -> Result<Self, Failure> {
        let versions = (env!("CARGO_PKG_VERSION"), throng_vu::CONTRACT_VERSION);
        let (options, files) = (inspection.options.clone(), inspection.files.by_path());
        let json = serde_json::to_vec(&options).map_err(|error| Failure::new(Exit::Other, error))?;
        let archive = Archive::new(versions, (&config.test, config.component), options, config.env, files)
            .map_err(|error| Failure::new(Exit::ScriptFailed, error))?;
        let file = TemporaryFile(std::env::temp_dir().join(format!("throng-{}.tar", super::random_id())));
        let written = create(&file.0).and_then(|out| archive.write(BufWriter::new(out)));
        let unwritten = || format!("the archive can't be written to {}", file.0.display());
        written.with_context(unwritten).map_err(|error| Failure::new(Exit::Other, error))?;
        let description = &inspection.description;
        let request = SubmitRunRequest {
            test: config.test.chars().take(60).collect(),
            options: json.into(),
            metrics: description.metrics.iter().map(metric).collect(),
            has_setup: description.has_setup,
            has_teardown: description.has_teardown,
            has_summary: description.has_summarize,
            machine_summary: config.machine_summary,
            ..SubmitRunRequest::default()
        };
        Ok(Self { file, request })
    }

    /// Where the archive is.
    pub(crate) fn path(&self) -> &Path {
        &self.file.0
    }
}

/// A new file, which only its owner reads: variables may be secret.
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// What a run in a cluster can't do, though one on this machine can. Nobody waits for the end of one that is detached.
pub(crate) fn check(inspection: &Inspection, is_detached: bool) -> Result<(), Failure> {
    let options = inspection.plan.options();
    let origin = |key: &str| inspection.origins.get(key).cloned().unwrap_or_else(|| "options".to_owned());
    let refuse = |key: &str, text: &str| {
        let error = anyhow!("{key} ({}): {text}", origin(key));
        Err(Failure::new(Exit::InvalidConfig, error))
    };
    if let Some(spec) = inspection.outputs.iter().find(|spec| !spec.is_report()) {
        let text = format!(
            "a cluster's samples stay with its agents, so that nothing of {} comes here: leave it out, and start agents \
             with --out {0}=FILE, or take --summary-export",
            spec.name()
        );
        return refuse("out", &text);
    }
    if is_detached && !inspection.outputs.is_empty() {
        return refuse("out", "with --detach nobody is here to write it at the end: leave one of both out");
    }
    if options.linger {
        return refuse("linger", "a run in a cluster ends by itself, and is told of by `throng summary`: leave it out");
    }
    if options.segment != SegmentTuple::whole() {
        return refuse(
            "executionSegment",
            "a cluster deals a run out to its agents by itself: leave it out, and give weights by --agents",
        );
    }
    Ok(())
}

fn metric(metric: &MetricDefinition) -> Metric {
    let kind = match metric.kind {
        VuKind::Counter => MetricKind::Counter,
        VuKind::Gauge => MetricKind::Gauge,
        VuKind::Rate => MetricKind::Rate,
        VuKind::Trend => MetricKind::Trend,
    };
    let contains = if metric.is_time { MetricContains::Time } else { MetricContains::Default };
    Metric { name: metric.name.clone(), kind: kind.into(), contains: contains.into() }
}
