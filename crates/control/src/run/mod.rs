//! One run, from its submission to its result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::command::Scale;
use crate::id::{AssignmentId, Digest, Epoch, RunId};
use crate::totals::MergedWindows;

mod advance;
mod assignment;
mod call;
mod checkpoint;
mod deadline;
mod ending;
mod exit;
mod facts;
mod loss;
mod place;
mod selection;
mod shared;
mod submission;
mod table;

pub use assignment::{Assignment, Progress};
pub use call::{CallState, OnceCall};
pub use ending::{AbortReason, Completeness, Failure, FailureKind, Loss, RunResult, RunState, Verdict};
pub use exit::ExitCode;
pub(crate) use shared::SharedRun;
pub use submission::{CustomMetric, MetricContains, MetricKind, Submission, Wants};

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The number of its submission in the group's life.
    pub(crate) number: u64,
    pub(crate) submission: Submission,
    pub(crate) submitted: Timestamp,
    pub(crate) state: RunState,
    /// Since when it is in that state.
    pub(crate) since: Timestamp,
    /// Since when it waits for what it waits for now.
    pub(crate) step_since: Timestamp,
    /// Lengths of the segments, as shares of their sum.
    pub(crate) weights: Vec<u32>,
    pub(crate) epoch: Epoch,
    pub(crate) assignments: BTreeMap<AssignmentId, Assignment>,
    pub(crate) began: Option<Timestamp>,
    pub(crate) start: Option<Timestamp>,
    pub(crate) paused: bool,
    /// VUs of externally-controlled scenarios that were changed, by the scenario's place in the plan.
    pub(crate) scales: BTreeMap<u32, Scale>,
    pub(crate) setup: OnceCall,
    pub(crate) setup_data: Option<Vec<u8>>,
    pub(crate) teardown: OnceCall,
    pub(crate) summarize: OnceCall,
    pub(crate) own_summary: Option<Vec<u8>>,
    pub(crate) totals: MergedWindows,
    /// Checkpoints whose windows found no room there.
    pub(crate) left_out: u64,
    pub(crate) elapsed_ms: u64,
    pub(crate) notes: Vec<u8>,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<AbortReason>,
    pub(crate) marked_failed: Option<String>,
    pub(crate) result: Option<RunResult>,
}

impl Run {
    pub(crate) fn new(submission: Submission, number: u64, now: Timestamp) -> Self {
        let wants = &submission.wants;
        Self {
            number,
            submitted: now,
            state: RunState::Submitted,
            since: now,
            step_since: now,
            weights: Vec::new(),
            epoch: Epoch::FIRST,
            assignments: BTreeMap::new(),
            began: None,
            start: None,
            paused: wants.paused,
            scales: BTreeMap::new(),
            setup: OnceCall::new(wants.setup_ms),
            setup_data: None,
            teardown: OnceCall::new(wants.teardown_ms),
            summarize: OnceCall::new(wants.summary_ms),
            own_summary: None,
            totals: MergedWindows::default(),
            left_out: 0,
            elapsed_ms: 0,
            notes: Vec::new(),
            verdict: Verdict::Pass,
            reason: None,
            marked_failed: None,
            result: None,
            submission,
        }
    }

    /// Its id.
    pub fn id(&self) -> &RunId {
        &self.submission.run
    }

    /// The test.
    pub fn archive(&self) -> Digest {
        self.submission.archive
    }

    /// What was submitted. Of a run that has ended, without the options.
    pub fn submission(&self) -> &Submission {
        &self.submission
    }

    /// When it was submitted.
    pub fn submitted(&self) -> Timestamp {
        self.submitted
    }

    /// Runs that were submitted later have a larger number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where it is.
    pub fn state(&self) -> RunState {
        self.state
    }

    /// Since when it is there.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The version of the segment table.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The parts, each with who has or had it, in the order in which they were made.
    pub fn assignments(&self) -> &BTreeMap<AssignmentId, Assignment> {
        &self.assignments
    }

    /// The number of a part among all that the run has had, in the order in which they were made, from 0.
    pub fn number_of(&self, assignment: &AssignmentId) -> Option<u32> {
        // None is ever taken out, and later ones have later epochs.
        let number = self.assignments.keys().position(|one| one == assignment)?;
        u32::try_from(number).ok()
    }

    /// When it began: with setup, or without one with the load; none before that.
    pub fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// When the load starts or started, in the group's time.
    pub fn start(&self) -> Option<Timestamp> {
        self.start
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// VUs of its externally-controlled scenarios that were changed, by the scenario's place in the plan.
    pub fn scales(&self) -> &BTreeMap<u32, Scale> {
        &self.scales
    }

    /// Its setup.
    pub fn setup(&self) -> &OnceCall {
        &self.setup
    }

    /// What setup returned.
    pub fn setup_data(&self) -> Option<&[u8]> {
        self.setup_data.as_deref()
    }

    /// Its teardown.
    pub fn teardown(&self) -> &OnceCall {
        &self.teardown
    }

    /// The script's own summary.
    pub fn summarize(&self) -> &OnceCall {
        &self.summarize
    }

    /// What that returned.
    pub fn own_summary(&self) -> Option<&[u8]> {
        self.own_summary.as_deref()
    }

    /// All windows of all checkpoints, merged. Empty once it has ended.
    pub fn totals(&self) -> &MergedWindows {
        &self.totals
    }

    /// How far the last checkpoint was, in milliseconds since the start.
    pub fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    /// What the leader noted in the last checkpoint for its successor.
    pub fn notes(&self) -> &[u8] {
        &self.notes
    }

    /// What the thresholds said in the last checkpoint.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why it ends or ended early.
    pub fn reason(&self) -> Option<&AbortReason> {
        self.reason.as_ref()
    }

    /// The first message by which the script marked it as failed.
    pub fn marked_failed(&self) -> Option<&str> {
        self.marked_failed.as_deref()
    }

    /// What came of it, once it has ended.
    pub fn result(&self) -> Option<&RunResult> {
        self.result.as_ref()
    }
}
