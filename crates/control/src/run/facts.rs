//! What agents and the leader report of a run.

use super::ending::{Completeness, Loss, RunResult, cut};
use super::{AbortReason, Assignment, CallState, Failure, Progress, Run, RunState};
use crate::clock::Timestamp;
use crate::command::Scale;
use crate::id::AssignmentId;
use crate::limits::{RESULT_BYTES_MAX, SCENARIOS_MAX, SETUP_BYTES_MAX, START_AHEAD_MS_MAX};
use crate::refusal::Refusal;
use crate::reply::Accepted;
use crate::run::{FailureKind, Verdict};
use crate::state::Applied;

impl Run {
    /// An agent has come so far: its VUs are made, or ready for iterations.
    pub(crate) fn prepared(&mut self, id: &AssignmentId, progress: Progress) -> Applied {
        let can_be = (RunState::Preparing..=RunState::Running).contains(&self.state);
        let refusal = self.not_now("joined by one more agent");
        let assignment = self.assignment(id)?;
        match assignment.progress {
            known if known >= progress => Ok(Accepted::Already),
            _ if can_be => {
                assignment.progress = progress;
                Ok(Accepted::Done)
            }
            _ => Err(refusal),
        }
    }

    pub(crate) fn agent_failed(&mut self, id: &AssignmentId, failure: Failure) -> Applied {
        self.assignment(id)?;
        if self.state >= RunState::Teardown {
            return Err(self.not_now("failed by an agent"));
        }
        let is_first = self.abort(AbortReason::AgentFailed { agent: id.agent.clone(), failure });
        Ok(if is_first { Accepted::Done } else { Accepted::Already })
    }

    pub(crate) fn setup_done(
        &mut self,
        id: &AssignmentId,
        result: Result<Vec<u8>, Failure>,
        now: Timestamp,
    ) -> Applied {
        if !self.setup.was_given_to(id) {
            self.assignment(id)?;
        }
        if matches!(self.setup.state, CallState::Done | CallState::Failed(_)) {
            return Ok(Accepted::Already);
        }
        if self.state != RunState::Setup || !self.setup.was_given_to(id) {
            return Err(self.not_now("set up by this agent"));
        }
        let result = result.and_then(|data| match data.len() {
            0..=SETUP_BYTES_MAX => Ok(data),
            bytes => Err(too_large("setup returned", bytes, SETUP_BYTES_MAX)),
        });
        match result {
            Ok(data) => {
                self.setup_data = Some(data);
                self.setup.end(id, None, now);
                self.step_since = now;
            }
            Err(failure) => drop(self.setup.end(id, Some(failure.cut()), now)),
        }
        Ok(Accepted::Done)
    }

    pub(crate) fn start_at(&mut self, at: Timestamp, now: Timestamp) -> Applied {
        if self.start.is_some() {
            return Ok(Accepted::Already);
        }
        if !self.can_start() {
            return Err(self.not_now("started"));
        }
        if at.since(now) > START_AHEAD_MS_MAX {
            return Err(Refusal::Invalid(format!(
                "the start of the run is {} ms ahead; at most {START_AHEAD_MS_MAX} may be",
                at.since(now)
            )));
        }
        self.start = Some(at);
        self.began.get_or_insert(at);
        for assignment in self.assignments.values_mut() {
            if assignment.is_held() && assignment.progress == Progress::Ready {
                assignment.progress = Progress::Running;
            }
        }
        self.state = RunState::Running;
        self.since = now;
        self.step_since = now;
        Ok(Accepted::Done)
    }

    pub(crate) fn start_assignment(&mut self, id: &AssignmentId, from_ms: u64) -> Applied {
        let refusal = self.not_now("joined by one more agent");
        let is_running = self.state == RunState::Running;
        let assignment = self.assignment(id)?;
        match assignment.progress {
            Progress::Running => Ok(Accepted::Already),
            Progress::Ready if is_running => {
                assignment.from_ms = from_ms;
                assignment.progress = Progress::Running;
                Ok(Accepted::Done)
            }
            _ => Err(refusal),
        }
    }

    pub(crate) fn agent_done(&mut self, id: &AssignmentId, last_window: u64) -> Applied {
        let assignment = self.assignment(id)?;
        if assignment.progress == Progress::Done {
            return Ok(Accepted::Already);
        }
        assignment.progress = Progress::Done;
        assignment.last_window = Some(last_window.max(assignment.included));
        Ok(Accepted::Done)
    }

    pub(crate) fn teardown_done(
        &mut self,
        id: &AssignmentId,
        last_window: u64,
        failure: Option<Failure>,
        now: Timestamp,
    ) -> Applied {
        self.assignment(id)?;
        if self.state != RunState::Teardown || !self.teardown.was_given_to(id) {
            return Err(self.not_now("torn down by this agent"));
        }
        if matches!(self.teardown.state, CallState::Done | CallState::Failed(_)) {
            return Ok(Accepted::Already);
        }
        let assignment = self.assignment(id)?;
        let known = assignment.last_window.unwrap_or(0).max(assignment.included);
        assignment.last_window = Some(known.max(last_window));
        self.teardown.end(id, failure.map(Failure::cut), now);
        self.step_since = now;
        Ok(Accepted::Done)
    }

    pub(crate) fn summarized(
        &mut self,
        id: &AssignmentId,
        result: Result<Vec<u8>, Failure>,
        now: Timestamp,
    ) -> Applied {
        self.assignment(id)?;
        if self.state != RunState::Teardown || !self.summarize.was_given_to(id) {
            return Err(self.not_now("summarized by this agent"));
        }
        let result = result.and_then(|summary| match summary.len() {
            0..=RESULT_BYTES_MAX => Ok(summary),
            bytes => Err(too_large("the script's own summary", bytes, RESULT_BYTES_MAX)),
        });
        let (summary, failure) = match result {
            Ok(summary) => (Some(summary), None),
            Err(failure) => (None, Some(failure.cut())),
        };
        if !self.summarize.end(id, failure, now) {
            return Ok(Accepted::Already);
        }
        self.own_summary = summary;
        self.step_since = now;
        Ok(Accepted::Done)
    }

    pub(crate) fn abort_by(&mut self, reason: AbortReason) -> Applied {
        // Of a run whose load is over there is teardown that can be cut.
        if self.state > RunState::Teardown || self.state == RunState::Teardown && !self.teardown.cut() {
            return Err(self.not_now("stopped"));
        }
        let is_first = self.abort(reason);
        Ok(if is_first { Accepted::Done } else { Accepted::Already })
    }

    pub(crate) fn mark_failed(&mut self, mut message: String) -> Applied {
        if self.marked_failed.is_some() {
            return Ok(Accepted::Already);
        }
        cut(&mut message);
        self.marked_failed = Some(message);
        Ok(Accepted::Done)
    }

    pub(crate) fn pause(&mut self, paused: bool) -> Applied {
        if self.state >= RunState::Draining {
            return Err(self.not_now("paused or resumed"));
        }
        let is_new = std::mem::replace(&mut self.paused, paused) != paused;
        Ok(if is_new { Accepted::Done } else { Accepted::Already })
    }

    pub(crate) fn scale(&mut self, scenario: u32, Scale { vus, max_vus }: Scale) -> Applied {
        if self.state >= RunState::Draining {
            return Err(self.not_now("scaled"));
        }
        if scenario as usize >= SCENARIOS_MAX {
            return Err(Refusal::TooMany { what: "scenarios".to_owned(), limit: SCENARIOS_MAX as u64 });
        }
        let scale = self.scales.entry(scenario).or_default();
        let new = Scale { vus: vus.or(scale.vus), max_vus: max_vus.or(scale.max_vus) };
        let is_new = std::mem::replace(scale, new) != new;
        Ok(if is_new { Accepted::Done } else { Accepted::Already })
    }

    pub(crate) fn conclude(&mut self, verdict: Verdict, summary: Vec<u8>, now: Timestamp) -> Applied {
        if self.state.has_ended() {
            return Ok(Accepted::Already);
        }
        if !self.can_conclude() {
            return Err(self.not_now("concluded"));
        }
        if summary.len() > RESULT_BYTES_MAX {
            return Err(Refusal::TooLarge { what: "the summary".to_owned(), limit: RESULT_BYTES_MAX as u64 });
        }
        self.judge(verdict);
        let completeness = self.completeness();
        let reason = self.reason.clone();
        self.result = Some(RunResult { at: now, reason, verdict: self.verdict, completeness, summary });
        self.state = self.ending();
        self.since = now;
        self.shed();
        Ok(Accepted::Done)
    }

    /// What is missing as things stand.
    pub fn completeness(&self) -> Completeness {
        if let Some(result) = &self.result {
            return result.completeness.clone();
        }
        let missing = |id: &AssignmentId, one: &Assignment| {
            let has_begun = one.progress >= Progress::Running || self.setup.was_given_to(id);
            let is_lost = !one.is_held() && !one.is_complete() && (has_begun || one.taken_over_by.is_none());
            // What it did of teardown it has never told, even if it is back.
            is_lost || self.teardown.cut_short.contains(id)
        };
        let lost = self.assignments.iter().filter(|(id, one)| missing(id, one));
        let losses = lost.map(|(id, one)| Loss {
            assignment: id.clone(),
            at: one.lost_since.unwrap_or(self.teardown.since),
            last_window: one.included,
            covered_ms: one.covered_ms,
            taken_over_by: one.taken_over_by.clone(),
        });
        Completeness { assignments: self.assignments.len() as u32, losses: losses.collect(), left_out: self.left_out }
    }

    /// Lets go of what nobody needs of a run that has ended.
    fn shed(&mut self) {
        self.submission.options = Vec::new();
        self.submission.metrics = Vec::new();
        self.assignments.clear();
        self.weights = Vec::new();
        self.scales.clear();
        self.setup_data = None;
        self.own_summary = None;
        self.totals = Default::default();
        self.notes = Vec::new();
        for call in [&mut self.setup, &mut self.teardown, &mut self.summarize] {
            call.cut_short.truncate(crate::limits::CUT_SHORT_MAX);
        }
    }

    pub(super) fn assignment(&mut self, id: &AssignmentId) -> Result<&mut Assignment, Refusal> {
        let run = &self.submission.run;
        let known = self.assignments.get_mut(id);
        known.ok_or_else(|| Refusal::UnknownAssignment { run: run.clone(), assignment: id.clone() })
    }

    pub(crate) fn not_now(&self, what: &str) -> Refusal {
        Refusal::NotNow { run: self.submission.run.clone(), state: self.state, what: what.to_owned() }
    }
}

fn too_large(what: &str, bytes: usize, limit: usize) -> Failure {
    Failure::new(FailureKind::Script, format!("{what} has {bytes} bytes; at most {limit} may be"))
}
