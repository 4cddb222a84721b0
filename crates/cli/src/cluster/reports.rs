//! What is written here of a cluster's run beside its summary: outputs that need no samples.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use throng_agent::{Inspection, RunError};
use throng_output::junit::Verdicts;
use throng_output::{OutputReport, Outputs, RunHead};
use throng_protocol::run::{RunEnd, Summary};
use throng_stats::Check;

use super::ending::exit_of;
use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::printing;

/// The files of a run's reports, open before it begins.
pub(crate) struct Reports {
    outputs: Outputs,
    are_wanted: bool,
}

impl Reports {
    /// Opens those that were asked for.
    pub(crate) fn open(inspection: &Inspection) -> Result<Self, Failure> {
        let head = RunHead { metrics: Vec::new(), columns: Vec::new(), started: SystemTime::now() };
        let outputs = Outputs::start(&inspection.outputs, head);
        let outputs = outputs.map_err(|error| Failure::from(RunError::from(error)))?;
        Ok(Self { outputs, are_wanted: !inspection.outputs.is_empty() })
    }

    /// Writes them at the end; whether all are there. What isn't is told.
    pub(crate) fn write(&mut self, end: &RunEnd, global: &Global) -> bool {
        if !self.are_wanted {
            return true;
        }
        let Some(verdicts) = verdicts(end) else {
            let text = "the report isn't written: the group has no summary of the run, or one without its checks, which \
                        are more than it keeps";
            printing::error(text, global);
            return false;
        };
        let failed = self.outputs.write_reports(&verdicts);
        failed.iter().filter_map(OutputReport::trouble).for_each(|trouble| printing::error(&trouble, global));
        failed.is_empty()
    }
}

/// What a group has kept of a run's verdicts.
fn verdicts(end: &RunEnd) -> Option<Verdicts> {
    let summary: &Summary = end.summary.as_ref()?;
    let kept: Value = serde_json::from_str(&summary.handle_summary_json).ok()?;
    let (exit, ending) = exit_of(end);
    // The first has a case for each threshold, and what a script marks isn't the run's fault.
    let is_regular = matches!(exit, Exit::Success | Exit::ThresholdsFailed | Exit::MarkedFailed);
    let mut thresholds: Vec<throng_stats::Outcome> = summary.outcomes.iter().cloned().map(Into::into).collect();
    thresholds.sort_by(|one, other| one.metric.cmp(&other.metric));
    let mut checks = Vec::new();
    gather(&kept["root_group"], &mut checks);
    let status = end.run.as_ref().and_then(|run| run.status.as_ref());
    let duration_ms = kept["state"]["testRunDurationMs"].as_f64().unwrap_or_default();
    Some(Verdicts {
        test: status.map(|status| status.script.clone()).unwrap_or_default(),
        trouble: (!is_regular).then_some(ending.message),
        duration: Duration::try_from_secs_f64(duration_ms / 1_000.0).unwrap_or_default(),
        thresholds,
        checks,
    })
}

/// Adds the checks of a group in k6's shape, and of those in it.
fn gather(group: &Value, checks: &mut Vec<Check>) {
    let list = |key: &str| group[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checks.extend(list("checks").iter().map(|check| Check {
        group: text(&group["path"]),
        name: text(&check["name"]),
        passes: check["passes"].as_u64().unwrap_or_default(),
        fails: check["fails"].as_u64().unwrap_or_default(),
    }));
    list("groups").iter().for_each(|group| gather(group, checks));
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use throng_protocol::control::{Ending, RunStatus, ThresholdOutcome};
    use throng_protocol::run::Run;

    use super::*;

    fn end(exit_code: u32, message: &str) -> RunEnd {
        let check = |name: &str| json!({ "name": name, "passes": 3, "fails": 1 });
        let inner = json!({ "path": "::a::b", "groups": [], "checks": [check("in b")] });
        let outer = json!({ "path": "::a", "groups": [inner], "checks": [] });
        let root = json!({ "path": "", "groups": [outer], "checks": [check("plain")] });
        let outcome = |metric: &str| ThresholdOutcome { metric: metric.to_owned(), ..ThresholdOutcome::default() };
        let ending = Ending { exit_code, message: message.to_owned(), ..Ending::default() };
        let status = RunStatus { script: "shop".to_owned(), ending: Some(ending), ..RunStatus::default() };
        RunEnd {
            run: Some(Run { status: Some(status), ..Run::default() }),
            summary: Some(Summary {
                handle_summary_json: json!({ "root_group": root, "state": { "testRunDurationMs": 1500 } }).to_string(),
                outcomes: vec![outcome("http_reqs"), outcome("checks")],
                ..Summary::default()
            }),
        }
    }

    #[test]
    fn checks_of_all_groups_and_thresholds_are_found() {
        let verdicts = verdicts(&end(0, "")).unwrap();
        let places: Vec<_> = verdicts.checks.iter().map(|check| (check.group.as_str(), check.name.as_str())).collect();
        assert_eq!(places, [("", "plain"), ("::a::b", "in b")]);
        assert!(verdicts.checks.iter().all(|check| (check.passes, check.fails) == (3, 1)));
        let metrics: Vec<_> = verdicts.thresholds.iter().map(|outcome| outcome.metric.as_str()).collect();
        assert_eq!(metrics, ["checks", "http_reqs"]);
        assert_eq!((verdicts.test.as_str(), verdicts.duration), ("shop", Duration::from_millis(1_500)));
    }

    #[test]
    fn trouble_is_what_kept_the_run_from_its_end() {
        let trouble = |exit: Exit| verdicts(&end(exit as u32, "why")).unwrap().trouble;
        for exit in [Exit::Success, Exit::ThresholdsFailed, Exit::MarkedFailed] {
            assert_eq!(trouble(exit), None);
        }
        for exit in [Exit::Incomplete, Exit::AgentLost, Exit::SetupTimeout] {
            assert_eq!(trouble(exit).as_deref(), Some("why"));
        }
        assert!(verdicts(&RunEnd::default()).is_none());
    }
}
