//! The judge of a run.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use throng_plan::segment::SegmentTuple;
use throng_plan::{Arrivals, Plan, PortionError, Shard};
use throng_stats::{
    Aggregate, Outcome, Registry, SourceId, Stamp, TagSet, Thresholds, Totals, TotalsMemory, Window, WindowSeries,
    builtin,
};

use super::progress::{Progress, Rate, ScenarioProgress};
use super::vus::VusAt;
use super::window::{AgentWindow, ScenarioCounts, ShardUsage, Standing, VuCount};

/// An agent with a part of the run.
#[derive(Debug, Clone)]
pub struct AgentPart {
    /// What it is called; unique within the run.
    pub name: String,
    /// What it does of the run.
    pub segment: SegmentTuple,
    /// The source of its first shard's windows; those of the others follow it.
    pub first_source: SourceId,
    /// The last of its windows that the totals have already; 0 for none.
    pub through: u64,
}

/// Why a window isn't taken in. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It is in the totals already, as happens when it is sent again.
    #[error("the windows through {through} of agent `{agent}` are in the totals already")]
    Already {
        /// Whose it is.
        agent: String,
        /// The last that they have.
        through: u64,
    },
    /// Others that come before it are missing, or it has some that the totals have.
    #[error("agent `{agent}` sent the windows {first} to {last} where those from {expected} on were to come")]
    OutOfTurn {
        /// Whose it is.
        agent: String,
        /// Its first number.
        first: u64,
        /// Its last number.
        last: u64,
        /// The next one that is wanted.
        expected: u64,
    },
    /// Nobody of that name has a part.
    #[error("agent `{0}` has no part in the run")]
    Unknown(String),
}

/// What is known of one agent.
#[derive(Debug)]
pub(super) struct AgentState {
    /// How much of the run is its.
    part: f64,
    first_source: u32,
    /// Its iterations by scenario, where they are fixed.
    planned: Vec<Option<u64>>,
    pub(super) standing: Standing,
    /// What its shards had used when they were ready.
    pub(super) before: Vec<ShardUsage>,
    /// Iterations begun a second, by scenario, between its last two windows.
    rates: Vec<f64>,
    /// The time of the last window.
    reported_at: Duration,
    /// The number of the last window.
    through: u64,
    /// Whether its load is over, or it is lost.
    has_ended: bool,
    /// Whether that was so a second ago.
    had_ended: bool,
    /// Whether all that it recorded is there, as far as anyone knows.
    pub(super) is_complete: bool,
}

/// What a judge knows that isn't in the totals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    agents: BTreeMap<String, AgentMemory>,
    peak_sockets: u32,
    load_began: Option<Duration>,
    load_ended: Option<Duration>,
    /// See [`TotalsMemory`].
    spans: Vec<Vec<Vec<u8>>>,
    counts: Vec<(usize, u64, f64, f64)>,
}

impl Memory {
    /// The same without the last whiles of thresholds, which may be large.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.spans = Vec::new();
        self
    }
}

/// That of one agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct AgentMemory {
    before: Vec<ShardUsage>,
    standing: Standing,
    reported_at: Duration,
}

/// The merged run so far, and what the thresholds say of it.
#[derive(Debug)]
pub struct Judge {
    pub(super) plan: Arc<Plan>,
    pub(super) totals: Totals,
    thresholds: Thresholds,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) agents: BTreeMap<String, AgentState>,
    /// By scenario; none where no rate is planned.
    arrivals: Vec<Option<Arrivals>>,
    vus_at: VusAt<String>,
    pub(super) peak_sockets: u32,
    load_began: Option<Duration>,
    load_ended: Option<Duration>,
}

impl Judge {
    /// A judge of a run that nobody has a part in yet. `detail`: the summary is to have groups and scenarios apart.
    #[must_use]
    pub fn new(registry: &Arc<Registry>, plan: &Arc<Plan>, detail: bool) -> Self {
        let thresholds = plan.options().thresholds.clone();
        let totals = Totals::new(Arc::clone(registry), &thresholds.selectors()).with_spans(&thresholds.spans());
        // Options whose scenarios have no schedule were refused.
        let arrivals = plan.scenarios().iter().map(|planned| planned.scenario().model.arrivals().ok().flatten());
        Self {
            totals: if detail { totals.with_detail() } else { totals },
            thresholds,
            outcomes: Vec::new(),
            agents: BTreeMap::new(),
            arrivals: arrivals.collect(),
            vus_at: VusAt::default(),
            peak_sockets: 0,
            load_began: None,
            load_ended: None,
            plan: Arc::clone(plan),
        }
    }

    /// Somebody has a part in the run.
    ///
    /// # Errors
    ///
    /// When its scenarios can't be divided so.
    pub fn add_agent(&mut self, part: AgentPart) -> Result<(), PortionError> {
        // What all its shards do is what a single one would.
        let portion = self.plan.portion(&part.segment, Shard::new(0, 1))?;
        let scenarios = portion.scenarios();
        let counts =
            scenarios.iter().map(|own| ScenarioCounts { vus_max: own.planned_vus(), ..ScenarioCounts::default() });
        let length = part.segment.length();
        let state = AgentState {
            part: length.numerator() as f64 / length.denominator() as f64,
            first_source: part.first_source.0,
            planned: scenarios.iter().map(|own| own.planned_iterations()).collect(),
            standing: Standing { scenarios: counts.collect(), ..Standing::default() },
            before: Vec::new(),
            rates: vec![0.0; scenarios.len()],
            reported_at: Duration::ZERO,
            through: part.through,
            has_ended: false,
            had_ended: false,
            is_complete: true,
        };
        self.agents.insert(part.name, state);
        Ok(())
    }

    /// Takes in what somebody else has merged, as a checkpoint has it. The agents' [`AgentPart::through`] say what is in it.
    pub fn restore(&mut self, merged: &Window) {
        self.totals.restore(merged);
    }

    /// An agent has made its VUs, and stands like this before anything is run.
    pub fn note_ready(&mut self, agent: &str, standing: Standing) {
        if let Some(state) = self.agents.get_mut(agent) {
            state.before.clone_from(&standing.shards);
            state.standing = standing;
        }
    }

    /// Takes in what an agent says of a second. Returns what the person who runs the test should know of it.
    ///
    /// # Errors
    ///
    /// When it isn't the agent's next one; nothing changes then.
    pub fn take(&mut self, agent: &str, report: impl Borrow<AgentWindow>) -> Result<Vec<String>, NotTaken> {
        let state = self.agents.get_mut(agent).ok_or_else(|| NotTaken::Unknown(agent.to_owned()))?;
        let AgentWindow { first, last, window, vus, standing } = report.borrow();
        let (first, last) = (*first, *last);
        if last <= state.through {
            return Err(NotTaken::Already { agent: agent.to_owned(), through: state.through });
        }
        if first != state.through + 1 {
            return Err(NotTaken::OutOfTurn { agent: agent.to_owned(), first, last, expected: state.through + 1 });
        }
        state.through = last;
        state.take(window, standing.clone());
        vus.iter().for_each(|said| self.vus_at.note(agent.to_owned(), *said));
        self.totals.merge(window);
        let sockets = self.agents.values().flat_map(|state| &state.standing.shards).map(|shard| shard.sockets).sum();
        self.peak_sockets = self.peak_sockets.max(sockets);
        let registry = self.totals.registry();
        let overflows = window.overflows.iter();
        Ok(overflows.map(|overflow| overflow.message(&registry.get(overflow.metric).name)).collect())
    }

    /// The last of an agent's windows that the totals have; none if it has no part.
    #[must_use]
    pub fn through(&self, agent: &str) -> Option<u64> {
        self.agents.get(agent).map(|state| state.through)
    }

    /// The seconds of which all agents that still run have said how many VUs they had, each once.
    pub fn take_counted_vus(&mut self) -> Vec<VuCount> {
        let agents = &self.agents;
        self.vus_at.take_complete(|said| agents.iter().all(|(name, state)| said.contains_key(name) || state.is_over()))
    }

    /// The load begins, or began, at that time.
    pub fn begin_load(&mut self, at: Duration) {
        self.load_began = Some(at);
    }

    /// The load is over, but for last windows that are still to come.
    pub fn end_load(&mut self, at: Duration) {
        self.load_ended = Some(self.lasted(at));
    }

    /// An agent that was lost is back, with all that it had.
    pub fn note_back(&mut self, agent: &str) {
        if let Some(state) = self.agents.get_mut(agent) {
            (state.has_ended, state.is_complete) = (false, true);
        }
    }

    /// What a judge that goes on from a checkpoint has to know beside the totals.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let agents = self.agents.iter().map(|(name, state)| {
            let (before, standing) = (state.before.clone(), state.standing.clone());
            (name.clone(), AgentMemory { before, standing, reported_at: state.reported_at })
        });
        let Self { peak_sockets, load_began, load_ended, .. } = *self;
        let TotalsMemory { spans, counts } = self.totals.memory();
        Memory { agents: agents.collect(), peak_sockets, load_began, load_ended, spans, counts }
    }

    /// Takes over from another judge, once all have their parts that had one there, and before [`Judge::restore`].
    pub fn remember(&mut self, memory: Memory) {
        // What another version kept there is done without: thresholds on the last while begin anew.
        let of_totals = TotalsMemory { spans: memory.spans, counts: memory.counts };
        let _ = self.totals.remember(&of_totals);
        self.peak_sockets = self.peak_sockets.max(memory.peak_sockets);
        self.load_began = self.load_began.or(memory.load_began);
        self.load_ended = self.load_ended.or(memory.load_ended);
        for (name, AgentMemory { before, standing, reported_at }) in memory.agents {
            if let Some(state) = self.agents.get_mut(&name)
                && (standing.scenarios.is_empty() || standing.scenarios.len() == state.planned.len())
            {
                (state.before, state.reported_at) = (before, reported_at);
                if !standing.scenarios.is_empty() {
                    state.standing = standing;
                }
            }
        }
    }

    /// An agent's load is over, and its last window is there.
    pub fn note_done(&mut self, agent: &str) {
        if let Some(state) = self.agents.get_mut(agent) {
            state.has_ended = true;
            self.load_ended = self.load_ended.map(|ended| ended.max(state.reported_at));
        }
    }

    /// An agent is lost: what it hasn't said isn't in the result.
    pub fn note_lost(&mut self, agent: &str) {
        if let Some(state) = self.agents.get_mut(agent) {
            (state.has_ended, state.is_complete) = (true, false);
            state.standing.scenarios.iter_mut().for_each(|counts| (counts.vus, counts.ended) = (0, true));
            state.standing.vus_initialized = 0;
            state.rates.fill(0.0);
        }
    }

    /// Once a second. An agent whose load is over says nothing more of its VUs: while others go on, it has none. Returns
    /// what was taken into the totals for that, which belongs to no agent's windows.
    pub fn sample_ended(&mut self, elapsed: Duration) -> Option<Window> {
        if self.load_began.is_none() || self.load_ended.is_some() {
            return None;
        }
        let mut series = Vec::new();
        for state in self.agents.values_mut() {
            if std::mem::replace(&mut state.had_ended, state.has_ended) && state.has_ended {
                let sources = (0..state.standing.shards.len() as u32).map(|shard| state.first_source + shard);
                series.extend(sources.map(|source| no_vus(SourceId(source), elapsed)));
            }
        }
        let window = Window { source: SourceId(u32::MAX), at: elapsed, series, overflows: Vec::new() };
        (!window.is_empty()).then(|| {
            self.totals.merge(&window);
            window
        })
    }

    /// Judges the thresholds; true if the run is to be aborted.
    pub fn judge(&mut self, elapsed: Duration, last: bool) -> bool {
        self.outcomes = self.thresholds.evaluate(&mut self.totals, elapsed, last);
        self.outcomes.iter().any(|outcome| outcome.abort)
    }

    /// What each threshold said when they were judged last.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// The totals.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How long the run has lasted, if the group's clock says so long: that goes by whole milliseconds, in which a run can
    /// begin and end, and windows by the agents' own clocks, which are finer.
    #[must_use]
    pub fn lasted(&self, elapsed: Duration) -> Duration {
        self.agents.values().map(|state| state.reported_at).fold(elapsed, Duration::max)
    }

    /// Between the load's beginning and its end, or now.
    pub(super) fn load_time(&self, elapsed: Duration) -> Duration {
        let Some(began) = self.load_began else { return Duration::ZERO };
        self.load_ended.unwrap_or(elapsed).saturating_sub(began)
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self, elapsed: Duration) -> Progress {
        let load = self.load_time(elapsed);
        let count = self.plan.scenarios().len();
        let counts: Vec<ScenarioCounts> = (0..count).map(|index| self.counts(index)).collect();
        let standings = || self.agents.values().map(|state| &state.standing);
        Progress {
            elapsed: load,
            vus_active: standings().map(Standing::vus).sum(),
            vus_initialized: standings().map(|standing| standing.vus_initialized).sum(),
            completed: counts.iter().map(|counts| counts.completed).sum(),
            interrupted: counts.iter().map(|counts| counts.interrupted).sum(),
            dropped: counts.iter().map(|counts| counts.dropped).sum(),
            scenarios: counts.iter().enumerate().map(|(index, counts)| self.scenario(index, counts, load)).collect(),
        }
    }

    /// One scenario's counts over all agents.
    fn counts(&self, index: usize) -> ScenarioCounts {
        let mut sum = ScenarioCounts::none();
        let counts = self.agents.values().filter_map(|state| state.standing.scenarios.get(index));
        counts.for_each(|counts| sum.add(counts));
        sum
    }

    fn scenario(&self, index: usize, counts: &ScenarioCounts, load: Duration) -> ScenarioProgress {
        let scenario = self.plan.scenarios()[index].scenario();
        let elapsed = load.saturating_sub(scenario.start);
        let rate = self.arrivals[index].as_ref().map(|arrivals| {
            let part: f64 = self.agents.values().filter(|state| state.is_complete).map(|state| state.part).sum();
            let actual = self.agents.values().filter_map(|state| state.rates.get(index)).sum();
            Rate { planned: arrivals.rate_at(elapsed) * part, actual: if counts.ended { 0.0 } else { actual } }
        });
        let planned = self.agents.values().map(|state| state.planned.get(index).copied().flatten());
        ScenarioProgress {
            name: scenario.name.clone(),
            elapsed,
            duration: scenario.model.regular_duration(),
            vus: counts.vus,
            vus_max: counts.vus_max,
            iterations: counts.completed,
            dropped: counts.dropped,
            planned: planned.reduce(|sum, own| Some(sum?.saturating_add(own?))).flatten(),
            rate,
            ended: counts.ended,
            executor: scenario.model.executor_name(),
        }
    }
}

impl AgentState {
    fn take(&mut self, window: &Window, standing: Standing) {
        let seconds = window.at.saturating_sub(self.reported_at).as_secs_f64();
        if seconds > 0.0 {
            let both = standing.scenarios.iter().zip(&self.standing.scenarios);
            self.rates = both.map(|(now, then)| now.begun.saturating_sub(then.begun) as f64 / seconds).collect();
            self.reported_at = window.at;
        }
        self.standing = standing;
    }

    /// Whether it says nothing more of its VUs.
    fn is_over(&self) -> bool {
        self.has_ended || self.standing.has_ended()
    }
}

/// A shard's word that it has no active VU.
fn no_vus(source: SourceId, at: Duration) -> WindowSeries {
    let stamp = Stamp { at, source, order: 0 };
    let delta = Aggregate::Gauge { last: 0.0, min: 0.0, max: 0.0, stamp };
    WindowSeries { metric: builtin::VUS, tags: TagSet::empty(), delta }
}
