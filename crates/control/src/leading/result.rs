//! What a run came to, once all that belongs to it is there.

use std::time::Duration;

use serde_json::{Value, json};
use throng_plan::SummaryMode;
use throng_stats::{Aggregate, Outcome, Report, builtin, failed_metrics, json};

use super::lead::RunLead;
use super::returned::{OwnSummary, SetupReturned};
use crate::judge::{Ending, IterationCounts, ReportFacts, RunSummary};
use crate::limits::RESULT_BYTES_MAX;
use crate::run::{AbortReason, CallState, Failure, FailureKind, Loss, Run, Verdict};

/// What a result says that neither the run nor its lead knows.
#[derive(Debug, Clone, Default)]
pub struct ResultFacts {
    /// The version of the program.
    pub version: String,
    /// When it is made, as RFC 3339.
    pub generated_at: String,
    /// Whether trends come with their distributions.
    pub histograms: bool,
    /// What became of outputs, as the JSON shows it.
    pub outputs: Vec<Value>,
    /// What is to be known of them.
    pub remarks: Vec<String>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Concluded {
    /// The summary.
    pub report: Report,
    /// How much of it is shown.
    pub mode: SummaryMode,
    /// Why the run ended.
    pub ending: Ending,
    /// How many iterations there were.
    pub iterations: IterationCounts,
    /// What the thresholds say at last.
    pub outcomes: Vec<Outcome>,
    /// The script's first message by which it marked the run as failed.
    pub marked_failed: Option<String>,
    /// What the script made of the summary, by destination; none if it left it as it is.
    pub own: Option<Vec<(String, String)>>,
    /// Why that failed, if it did.
    pub own_failure: Option<String>,
}

impl Concluded {
    /// Whether all thresholds hold.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if failed_metrics(&self.outcomes).is_empty() { Verdict::Pass } else { Verdict::Fail }
    }

    /// Its bytes for the log.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut summary = RunSummary::new(&self.report, self.mode, self.ending, self.outcomes);
        summary.iterations = Some(self.iterations);
        (summary.marked_failed, summary.own, summary.own_failure) = (self.marked_failed, self.own, self.own_failure);
        summary.encode(RESULT_BYTES_MAX)
    }
}

impl RunLead {
    /// What the script's own summary is to be made of, as JSON.
    pub fn summary_data(&mut self, run: &Run, facts: ResultFacts) -> String {
        let is_machine = run.submission().wants.machine_summary;
        let report = self.report(run, facts);
        if is_machine { json::machine(&report) } else { json::handle_summary(&report) }.to_string()
    }

    /// What the run came to, by all that is in the state.
    pub fn conclude(&mut self, run: &Run, facts: ResultFacts) -> Concluded {
        let report = self.report(run, facts);
        let own_failure = match &run.summarize().state {
            CallState::Failed(failure) => Some(failure.message.clone()),
            _ => None,
        };
        Concluded {
            report,
            mode: self.plan.options().summary_mode,
            ending: self.ending(run),
            iterations: self.iterations(),
            outcomes: self.judge.outcomes().to_vec(),
            marked_failed: run.marked_failed().map(str::to_owned),
            own: run.own_summary().and_then(OwnSummary::decode).and_then(|own| own.0),
            own_failure,
        }
    }

    /// How many iterations there were: what the summary has of them, as it has it.
    fn iterations(&self) -> IterationCounts {
        let count = |metric| match self.judge.totals().metric(metric) {
            Some(Aggregate::Counter { sum_millionths, .. }) => {
                u64::try_from(sum_millionths / 1_000_000).unwrap_or_default()
            }
            _ => 0,
        };
        IterationCounts {
            completed: count(builtin::ITERATIONS),
            interrupted: self.judge.progress(Duration::ZERO).interrupted,
            dropped: count(builtin::DROPPED_ITERATIONS),
        }
    }

    /// Why the run ended.
    fn ending(&self, run: &Run) -> Ending {
        let options = self.plan.options();
        let Some(reason) = run.reason() else {
            return match &run.teardown().state {
                CallState::Failed(Failure { kind: FailureKind::TimedOut, .. }) => {
                    Ending::TeardownTimeout(options.teardown_timeout)
                }
                CallState::Failed(failure) => Ending::TeardownFailed(failure.message.clone()),
                _ => Ending::Finished,
            };
        };
        match reason {
            AbortReason::Stopped { .. } => Ending::Stopped,
            AbortReason::Interrupted { .. } => Ending::Interrupted,
            AbortReason::Threshold { .. } => Ending::ThresholdAbort,
            AbortReason::Script { message } => Ending::ScriptAbort(message.clone()),
            AbortReason::Setup(failure) if failure.kind == FailureKind::TimedOut => {
                Ending::SetupTimeout { scenario: failure.scenario.clone(), limit: options.setup_timeout }
            }
            AbortReason::Setup(failure) => Ending::SetupFailed(failure.to_string()),
            AbortReason::AgentLost { .. } => Ending::AgentLost(reason.to_string()),
            AbortReason::AgentFailed { .. } => Ending::AgentFailed(reason.to_string()),
            AbortReason::NoAgents { message } => Ending::NoAgents(message.clone()),
            AbortReason::Overdue { .. } | AbortReason::TotalsTooLarge | AbortReason::Unled { .. } => {
                Ending::Failed(reason.to_string())
            }
        }
    }

    /// The run is over: it is judged for the last time, and summed up. It lasted until teardown's end, so that another
    /// leader says the same.
    fn report(&mut self, run: &Run, facts: ResultFacts) -> Report {
        let elapsed = self.judge.lasted(super::lead::elapsed(run, run.teardown().since));
        self.judge.judge(elapsed, true);
        let setup_data = run.setup_data().and_then(SetupReturned::decode).and_then(|returned| returned.run);
        let facts = ReportFacts {
            test: run.submission().wants.test.clone(),
            version: facts.version,
            generated_at: facts.generated_at,
            histograms: facts.histograms,
            setup_data: setup_data.and_then(|text| serde_json::from_str(&text).ok()),
            outputs: facts.outputs,
            losses: run.completeness().losses.iter().map(|loss| loss_json(run, loss)).collect(),
            remarks: remarks(run).into_iter().chain(facts.remarks).collect(),
        };
        self.judge.report(elapsed, facts)
    }
}

/// What is to be known of a run beside its numbers.
fn remarks(run: &Run) -> Vec<String> {
    let completeness = run.completeness();
    let mut remarks: Vec<String> = completeness.losses.iter().map(|loss| of_loss(run, loss)).collect();
    if completeness.left_out > 0 {
        let count = completeness.left_out;
        remarks.push(format!("{count} checkpoints found no room in the merged windows: their samples are missing"));
    }
    let calls = [("setup", run.setup()), ("teardown", run.teardown()), ("the script's own summary", run.summarize())];
    for (what, call) in calls {
        remarks.extend(call.cut_short.iter().map(|id| {
            let done_by = call.by.as_ref().filter(|by| *by != id && call.is_over() && call.state != CallState::Skipped);
            let then =
                done_by.map_or_else(|| "nobody made it again".to_owned(), |by| format!("{} made it again", by.agent));
            format!("the agent `{}` was lost while it was at {what}; {then}", id.agent)
        }));
    }
    remarks
}

/// A loss for machines: times in milliseconds after the start.
fn loss_json(run: &Run, loss: &Loss) -> Value {
    json!({
        "agent": loss.assignment.agent.as_str(),
        "epoch": loss.assignment.epoch.0,
        "lostMs": run.start().map(|start| loss.at.since(start)),
        "lastWindow": loss.last_window,
        "coveredMs": loss.covered_ms,
        "takenOverBy": loss.taken_over_by.as_ref().map(|heir| heir.agent.as_str()),
    })
}

fn of_loss(run: &Run, loss: &Loss) -> String {
    let agent = &loss.assignment.agent;
    let at = run.start().map(|start| loss.at.since(start) as f64 / 1_000.0);
    let at = at.map(|seconds| format!(" {seconds:.1} s after the start")).unwrap_or_default();
    let until = loss.covered_ms as f64 / 1_000.0;
    let missing = match loss.last_window {
        0 => "nothing that it did is in the result".to_owned(),
        last => format!("what it did after its window {last}, {until:.1} s after the start, isn't in the result"),
    };
    let heir = loss.taken_over_by.as_ref().map(|heir| format!("; `{}` took over its part", heir.agent));
    format!("the agent `{agent}` was lost{at}: {missing}{}", heir.unwrap_or_default())
}
