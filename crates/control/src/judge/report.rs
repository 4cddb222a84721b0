//! What a run came to.

use std::time::Duration;

use serde_json::{Value, json};
use throng_stats::{AgentReport, Report, Settings};

use super::health::{self, RunShard};
use super::judging::Judge;
use super::sources;

/// What a report says that isn't the judge's to know.
#[derive(Debug, Clone, Default)]
pub struct ReportFacts {
    /// What was run.
    pub test: String,
    /// The version of the program.
    pub version: String,
    /// When it is made, as RFC 3339.
    pub generated_at: String,
    /// Whether trends come with their distributions.
    pub histograms: bool,
    /// What setup returned.
    pub setup_data: Option<Value>,
    /// What became of the outputs, as the JSON shows it.
    pub outputs: Vec<Value>,
    /// What is missing of it by agent, as the JSON shows it.
    pub losses: Vec<Value>,
    /// What is to be known beside the judge's own remarks.
    pub remarks: Vec<String>,
}

impl Judge {
    /// Sums up the run, after the thresholds were judged for the last time.
    #[must_use]
    pub fn report(&self, elapsed: Duration, facts: ReportFacts) -> Report {
        let shards = self.shards();
        let health = health::report(&shards, self.load_time(elapsed), self.peak_sockets, &self.totals);
        let overflows = self.totals.overflows().map(|(name, overflow)| overflow.message(name));
        let remarks: Vec<String> = health.bottleneck.into_iter().chain(overflows).chain(facts.remarks).collect();
        let agents = self.agents.iter().map(|(name, state)| AgentReport {
            name: name.clone(),
            shards: state.standing.shards.len(),
            complete: state.is_complete,
        });
        let agents: Vec<AgentReport> = agents.collect();
        let complete = facts.losses.is_empty() && agents.iter().all(|agent| agent.complete);
        let named = agents
            .iter()
            .map(|agent| json!({ "name": agent.name, "shards": agent.shards, "complete": agent.complete }));
        let sources = self.agents.values().flat_map(|state| state.standing.sources.iter().cloned());
        let throng = json!({
            "version": facts.version,
            "generator": health.json,
            "sources": sources::report(sources),
            "outputs": facts.outputs,
            "agents": named.collect::<Vec<_>>(),
            "completeness": { "complete": complete, "losses": facts.losses },
            "remarks": remarks,
        });
        let options = self.plan.options();
        let settings = Settings {
            run_duration: elapsed,
            histograms: facts.histograms,
            generated_at: facts.generated_at,
            test: Some(facts.test),
            agents,
            remarks: remarks.clone(),
            setup_data: facts.setup_data,
            trend_stats: options.summary_trend_stats.clone(),
            time_unit: options.summary_time_unit,
            throng,
            ..Settings::default()
        };
        Report::new(&self.totals, &self.outcomes, settings)
    }

    fn shards(&self) -> Vec<RunShard> {
        let is_one = self.agents.len() == 1;
        let shards = self.agents.iter().flat_map(|(agent, state)| {
            state.standing.shards.iter().enumerate().map(move |(number, after)| RunShard {
                name: if is_one { number.to_string() } else { format!("{agent}/{number}") },
                agent: (!is_one).then(|| agent.clone()),
                before: state.before.get(number).copied().unwrap_or_default(),
                after: *after,
            })
        });
        shards.collect()
    }
}
