//! Runs under way on a cluster, to which something happens, and which have to be counted exactly nevertheless.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use throng_tests::{Cluster, Finished, Process, Summary, Target, until};

use crate::SCRIPTS;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A run under way, whose iterations make a request and a check each; its setup and its teardown make a request too.
pub(crate) struct Live {
    pub(crate) cluster: Cluster,
    pub(crate) target: Target,
    client: Option<Process>,
    iterations: u64,
}

/// So many iterations a second for so many seconds.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
}

impl Live {
    /// Starts it on all agents, and waits until the load has gone on for a second.
    pub(crate) fn start(cluster: Cluster, target: Target, on_agent_loss: &str, load: Load) -> Result<Self> {
        let options = json!({
            "scenarios": { "all": {
                "executor": "constant-arrival-rate", "rate": load.rate, "duration": format!("{}s", load.seconds),
                "preAllocatedVUs": 90, "maxVUs": 300,
            } },
            "throng": { "onAgentLoss": on_agent_loss },
        });
        let run = cluster.run(&SCRIPTS.component("whole")?)?.options(&options).variable("TARGET", target.url(""));
        let client = run.args(["--run-id", "run"]).start()?;
        let live = Self { cluster, target, client: Some(client), iterations: load.rate * load.seconds };
        live.target.await_served(load.rate)?;
        Ok(live)
    }

    /// Waits for the end.
    pub(crate) fn finish(&mut self) -> Result<(Finished, Summary)> {
        let finished = self.client.take().context("it has ended")?.wait(PATIENCE * 2)?;
        let summary = finished.summary()?;
        Ok((finished, summary))
    }

    /// All iterations that were planned took place, and each is in the summary once; setup and teardown ran once.
    pub(crate) fn end_with_all(mut self) -> Result<()> {
        let (finished, summary) = self.finish()?;
        let finished = finished.expect_code(0)?;
        self.counts_are_equal(&summary).with_context(|| finished.stderr.clone())?;
        let started = summary.count("iterations") + summary.count("dropped_iterations");
        ensure!(started == self.iterations, "{started} of {} iterations: {}", self.iterations, finished.stderr);
        Ok(())
    }

    fn counts_are_equal(&self, summary: &Summary) -> Result<()> {
        let (served, statistics) = (self.target.served()?, self.target.statistics()?);
        let by_status = &statistics["requests"]["by_status"];
        ensure!((&by_status["201"], &by_status["202"]) == (&json!(1), &json!(1)), "setup, teardown: {by_status}");
        let iterations = served - 2;
        let counted = (summary.count("http_reqs"), summary.count("iterations"), summary.rate_counts("checks"));
        let wanted = (served, iterations, (iterations, 0));
        ensure!(counted == wanted, "requests, iterations and checks are {counted:?}, and the target's {wanted:?}");
        Ok(())
    }

    /// Who was started with the cluster and doesn't lead.
    pub(crate) fn others(leader: u64) -> Vec<u64> {
        (1..=3).filter(|id| *id != leader).collect()
    }

    /// Waits until one of these nodes has windows of the run that it took over; how long that took.
    pub(crate) fn until_led_by(&mut self, nodes: &[u64]) -> Result<Duration> {
        let began = Instant::now();
        until("another node has windows of the run", PATIENCE, || {
            for id in nodes {
                if self.cluster.group.process(*id)?.has_said("goes on with the run run") {
                    return Ok(Some(began.elapsed()));
                }
            }
            Ok(None)
        })
    }

    /// `throng summary` of it, for machines.
    pub(crate) fn machine_readable(&self) -> Result<Value> {
        let arguments = ["summary", "run", "--summary-export", "m.json", "--new-machine-readable-summary"];
        Ok(serde_json::from_str(&self.cluster.ask(&arguments)?.file("m.json")?)?)
    }
}
