//! A live run as its leader has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_plan::segment::{Segment, SegmentSequence, SegmentTuple};
use throng_plan::{Plan, SummaryMode};
use throng_stats::{Registry, SourceId, WindowMerger, failed_metrics};

use super::plan::{PlanError, plan_of};
use super::view::RunView;
use crate::clock::Timestamp;
use crate::command::{Checkpoint, WindowSpan};
use crate::id::{AssignmentId, Epoch, RunId};
use crate::judge::{AgentPart, AgentWindow, Judge, Memory, NotTaken, Standing, VuCount};
use crate::limits::{NOTES_BYTES_MAX, SOURCES_OF_PART};
use crate::run::{Assignment, Progress, Run, RunState, Verdict};
use crate::totals::MergedWindows;

/// Between two checkpoints of a run when not all agents have spoken since the last one.
const GAP_MS: u64 = 1_000;
/// Between two checkpoints when they have.
pub const WINDOWS_GAP_MS: u64 = 200;
/// How long the first checkpoint of a leader waits for further agents' windows: what was sent before comes again.
const FIRST_GAP_MS: u64 = 250;
/// Between two checkpoints when a part's last window is there.
const LAST_GAP_MS: u64 = 20;

/// What the leader has of a live run beside its replicated state.
#[derive(Debug)]
pub struct RunLead {
    run: RunId,
    registry: Arc<Registry>,
    pub(super) plan: Arc<Plan>,
    pub(super) judge: Judge,
    parts: BTreeMap<AssignmentId, Part>,
    /// Windows since the last checkpoint.
    delta: WindowMerger,
    spans: BTreeMap<AssignmentId, WindowSpan>,
    /// Since when there are some.
    waiting_since: Option<Timestamp>,
    proposed: Option<Checkpoint>,
    /// When the last checkpoint was made, or the lead began.
    checkpointed: Timestamp,
    has_checkpointed: bool,
    is_load_over: bool,
    /// Nobody will ever begin where a checkpoint of this one ends.
    is_alone: bool,
}

/// What is known of a part.
#[derive(Debug)]
struct Part {
    /// As the judge and the report call it.
    name: String,
    begun_before: Vec<u64>,
    is_lost: bool,
    is_done: bool,
}

/// What became of a checkpoint that was proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Its windows are in the state.
    Applied,
    /// They aren't: it is to be proposed again.
    Missing,
    /// Somebody else's are: what this lead has taken is of no use, and agents have to say it again.
    Overtaken,
}

impl RunLead {
    /// Begins where the last checkpoint ends.
    ///
    /// # Errors
    ///
    /// When the run's options or metrics can't be, or its merged windows are damaged.
    pub fn new(run: &Run, now: Timestamp) -> Result<Self, PlanError> {
        let mut lead = Self::begin(run, plan_of(run.submission())?, now);
        // Notes of another version are done without.
        if let Ok(memory) = postcard::from_bytes::<Memory>(run.notes()) {
            lead.judge.remember(memory);
        }
        // What the state has it has read itself.
        let merged = run.totals().decode(&lead.registry).unwrap_or_default();
        merged.iter().for_each(|window| lead.judge.restore(window));
        lead.observe(run, now);
        Ok(lead)
    }

    /// The only lead that a run ever has, by the metrics and the plan that its agent has too.
    #[must_use]
    pub fn alone(run: &Run, planned: (Arc<Registry>, Arc<Plan>), now: Timestamp) -> Self {
        let mut lead = Self { is_alone: true, ..Self::begin(run, planned, now) };
        lead.observe(run, now);
        lead
    }

    fn begin(run: &Run, (registry, plan): (Arc<Registry>, Arc<Plan>), now: Timestamp) -> Self {
        let detail = plan.options().summary_mode == SummaryMode::Full;
        let mut lead = Self {
            run: run.id().clone(),
            judge: Judge::new(&registry, &plan, detail),
            registry,
            plan,
            parts: BTreeMap::new(),
            delta: WindowMerger::new(SourceId::default()),
            spans: BTreeMap::new(),
            waiting_since: None,
            proposed: None,
            checkpointed: now,
            has_checkpointed: false,
            is_load_over: false,
            is_alone: false,
        };
        lead.add_parts(run);
        lead
    }

    /// The metrics by which windows are read.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Takes note of what the state says of the run.
    pub fn observe(&mut self, run: &Run, now: Timestamp) {
        self.add_parts(run);
        if let (Some(began), Some(start)) = (run.began(), run.start()) {
            self.judge.begin_load(Duration::from_millis(start.since(began)));
        }
        for (id, assignment) in run.assignments() {
            let Some(part) = self.parts.get_mut(id) else { continue };
            let is_complete = assignment.is_complete();
            let is_lost = !assignment.is_held() && !is_complete;
            if is_lost != std::mem::replace(&mut part.is_lost, is_lost) {
                if is_lost { self.judge.note_lost(&part.name) } else { self.judge.note_back(&part.name) }
            }
            if is_complete && !std::mem::replace(&mut part.is_done, true) {
                self.judge.note_done(&part.name);
            }
        }
        if run.state() >= RunState::Draining && !std::mem::replace(&mut self.is_load_over, true) {
            self.judge.end_load(elapsed(run, now));
        }
    }

    fn add_parts(&mut self, run: &Run) {
        if self.parts.len() == run.assignments().len() {
            return;
        }
        for (number, (id, assignment)) in (0_u32..).zip(run.assignments()) {
            if self.parts.contains_key(id) {
                continue;
            }
            // The first one of an agent, as a rule its only one, has its name.
            let name = if id.epoch == Epoch::FIRST { id.agent.to_string() } else { id.to_string() };
            let part = AgentPart {
                name: name.clone(),
                segment: segment(run, assignment).within(&self.plan.options().segment),
                first_source: SourceId(number.saturating_mul(SOURCES_OF_PART)),
                through: assignment.included,
            };
            // Agents find out whether a scenario can be divided so, and say it.
            if self.judge.add_agent(part).is_ok() {
                let begun_before = assignment.begun_before.clone();
                self.parts.insert(id.clone(), Part { name, begun_before, is_lost: false, is_done: false });
            }
        }
    }

    /// An agent has made the VUs of its part, and stands like this before anything is run.
    pub fn note_ready(&mut self, id: &AssignmentId, standing: Standing) {
        if let Some(part) = self.parts.get(id) {
            self.judge.note_ready(&part.name, standing);
        }
    }

    /// Takes in a window. Returns what the person who runs the test should know of it.
    ///
    /// # Errors
    ///
    /// When it isn't the part's next one; nothing changes then.
    pub fn take(
        &mut self,
        id: &AssignmentId,
        window: AgentWindow,
        run: &Run,
        now: Timestamp,
    ) -> Result<Vec<String>, NotTaken> {
        let part = self.parts.get(id).ok_or_else(|| NotTaken::Unknown(id.to_string()))?;
        let messages = self.judge.take(&part.name, &window)?;
        let load_began = run.began().zip(run.start()).map_or(0, |(began, start)| start.since(began));
        let covered_ms = u64::try_from(window.window.at.as_millis()).unwrap_or(u64::MAX).saturating_sub(load_began);
        let before = |scenario: usize| part.begun_before.get(scenario).copied().unwrap_or(0);
        let begun = window.standing.scenarios.iter().enumerate();
        let begun = begun.map(|(scenario, counts)| before(scenario).saturating_add(counts.begun)).collect();
        let span = self.spans.entry(id.clone());
        let span = span.or_insert_with(|| WindowSpan { after: window.first - 1, ..WindowSpan::default() });
        (span.last, span.covered_ms, span.begun) = (window.last, covered_ms, begun);
        if !self.is_alone {
            self.delta.add(window.window);
        }
        self.waiting_since.get_or_insert(now);
        Ok(messages)
    }

    /// The last window of a part that was taken, checkpointed or not; none if there is no such part.
    #[must_use]
    pub fn through(&self, id: &AssignmentId) -> Option<u64> {
        self.judge.through(&self.parts.get(id)?.name)
    }

    /// When the next checkpoint is due, as things stand.
    #[must_use]
    pub fn due(&self, run: &Run) -> Timestamp {
        let regular = self.checkpointed.plus(GAP_MS);
        let Some(since) = self.waiting_since else { return regular };
        if self.is_alone {
            // No log has to be spared.
            return since;
        }
        let is_last = |(id, one): (&AssignmentId, &Assignment)| {
            one.progress == Progress::Done
                && one.last_window.is_some_and(|last| self.spans.get(id).is_some_and(|span| span.last >= last))
        };
        if run.state() == RunState::Teardown || run.assignments().iter().any(is_last) {
            return self.checkpointed.plus(LAST_GAP_MS).min(regular);
        }
        let mut open = run.assignments().iter().filter(|(_, one)| one.is_held() && !one.is_complete());
        if open.all(|(id, _)| self.spans.contains_key(id)) {
            return self.checkpointed.plus(if self.has_checkpointed { WINDOWS_GAP_MS } else { 0 });
        }
        if self.has_checkpointed { regular } else { regular.min(since.plus(FIRST_GAP_MS)) }
    }

    /// Judges all that has been taken, and makes a checkpoint of what came since the last one. None if there is nothing new,
    /// or what became of the last one isn't known yet.
    pub fn checkpoint(&mut self, run: &Run, now: Timestamp) -> Option<Checkpoint> {
        if self.proposed.is_some() {
            return None;
        }
        self.checkpointed = now;
        let elapsed = elapsed(run, now);
        if let Some(window) = self.judge.sample_ended(elapsed) {
            // It goes with the next windows of those who still run.
            if !self.is_alone {
                self.delta.add(window);
            }
        }
        let aborts = run.state() < RunState::Draining && self.judge.judge(elapsed, false);
        let failed = failed_metrics(self.judge.outcomes());
        let verdict = match (aborts, failed.is_empty()) {
            (true, _) => Verdict::Abort,
            (false, false) => Verdict::Fail,
            (false, true) => Verdict::Pass,
        };
        let is_news = run.verdict() != Verdict::Abort && run.verdict() != verdict;
        if self.spans.is_empty() && !is_news {
            return None;
        }
        let failed_metric = self.failed_metric(aborts);
        let spans = std::mem::take(&mut self.spans);
        let is_noted = !spans.is_empty() && !self.is_alone;
        let delta = if is_noted { MergedWindows::of(self.delta.take()) } else { MergedWindows::default() };
        self.waiting_since = None;
        self.has_checkpointed = true;
        let since_start = run.start().map_or(0, |start| now.since(start));
        let checkpoint = Checkpoint {
            run: self.run.clone(),
            windows: spans,
            delta,
            elapsed_ms: since_start,
            verdict,
            failed_metric,
            notes: self.notes(),
        };
        self.proposed = Some(checkpoint.clone());
        Some(checkpoint)
    }

    /// The first metric whose threshold fails; if the run is to end, of those that end it.
    fn failed_metric(&self, aborts: bool) -> Option<String> {
        let mut failed = self.judge.outcomes().iter().filter(|outcome| !outcome.ok && outcome.abort == aborts);
        failed.next().map(|outcome| outcome.metric.clone())
    }

    fn notes(&self) -> Option<Vec<u8>> {
        if self.is_alone {
            return None;
        }
        // What doesn't fit the next leader does without: it is sent the standing of all who still run.
        let encoded = |memory: &Memory| {
            let notes = postcard::to_stdvec(memory).ok();
            notes.filter(|notes| notes.len() <= NOTES_BYTES_MAX)
        };
        let memory = self.judge.memory();
        encoded(&memory).or_else(|| encoded(&memory.without_spans()))
    }

    /// The checkpoint that was proposed, until it is settled.
    #[must_use]
    pub fn proposed(&self) -> Option<&Checkpoint> {
        self.proposed.as_ref()
    }

    /// Whether it has windows that aren't in the state, as far as it knows.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.proposed.is_some() || !self.spans.is_empty()
    }

    /// Looks in the state what became of the checkpoint that was proposed. One that is missing stays.
    pub fn settle(&mut self, run: &Run) -> Settled {
        let Some(proposed) = &self.proposed else { return Settled::Applied };
        let included = |id: &AssignmentId| run.assignments().get(id).map(|assignment| assignment.included);
        let mut spans = proposed.windows.iter();
        // A run that has ended has let go of its parts; a checkpoint without windows may be said again with the next.
        let settled = if run.state().has_ended() || spans.clone().all(|(id, span)| included(id) == Some(span.last)) {
            Settled::Applied
        } else if spans.all(|(id, span)| included(id) == Some(span.after)) {
            return Settled::Missing;
        } else {
            Settled::Overtaken
        };
        self.proposed = None;
        settled
    }

    /// The seconds of which all agents that still run have said how many VUs they had, each once.
    pub fn take_counted_vus(&mut self) -> Vec<VuCount> {
        self.judge.take_counted_vus()
    }

    /// How the run goes on.
    #[must_use]
    pub fn view(&self, run: &Run, now: Timestamp) -> RunView {
        let elapsed = elapsed(run, now);
        RunView { progress: self.judge.progress(elapsed), outcomes: self.judge.outcomes().to_vec(), elapsed }
    }
}

/// Since the run began, which is before setup.
pub(super) fn elapsed(run: &Run, now: Timestamp) -> Duration {
    Duration::from_millis(run.began().map_or(0, |began| now.since(began)))
}

/// What a part does of the run; its segment is one that the state has made.
fn segment(run: &Run, assignment: &Assignment) -> SegmentTuple {
    let (own, all) = run.segment(assignment.part);
    let tuple = || SegmentTuple::new(Some(&Segment::parse(&own).ok()?), Some(&SegmentSequence::parse(&all).ok()?)).ok();
    tuple().unwrap_or_else(SegmentTuple::whole)
}
