//! Leads of runs, beside the state that their checkpoints go into.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use throng_plan::OnAgentLoss;
use throng_stats::{Recorder, Registry, SourceId, TagSet, builtin};

use super::*;
use crate::judge::{AgentWindow, Ending, NotTaken, RunSummary, ScenarioCounts, ShardUsage, Standing, VuCount};
use crate::tests::{Group, agent, part, run_id, submission};
use crate::{Action, AssignmentId, Checkpoint, Epoch, Run, RunState, Submission, Timestamp, Verdict, Wants};

/// An agent's shard that counts iterations.
struct Shard {
    part: AssignmentId,
    recorder: Recorder,
    begun: u64,
}

impl Shard {
    fn new(name: &str, epoch: u32, number: u32) -> Self {
        let source = SourceId(number * crate::limits::SOURCES_OF_PART);
        Self { part: part(name, epoch), recorder: Recorder::new(Arc::new(Registry::new()), source), begun: 0 }
    }

    fn window(&mut self, number: u64, iterations: u64) -> AgentWindow {
        let at = Duration::from_secs(number);
        let [done, vus] = [builtin::ITERATIONS, builtin::VUS].map(|id| self.recorder.series(id, &TagSet::empty()));
        self.recorder.increment(done, iterations);
        self.recorder.set(vus, 2.0);
        self.begun += iterations;
        let counts = ScenarioCounts { vus: 2, begun: self.begun, completed: self.begun, ..ScenarioCounts::default() };
        AgentWindow {
            first: number,
            last: number,
            window: self.recorder.take(at),
            vus: vec![VuCount { at, active: 2, initialized: 2 }],
            standing: Standing {
                scenarios: vec![counts],
                vus_initialized: 2,
                shards: vec![ShardUsage { sockets: 3, ..ShardUsage::default() }],
                sources: Vec::new(),
            },
        }
    }
}

/// A group with a run under way, and its lead.
struct Led {
    group: Group,
    lead: RunLead,
}

fn options(thresholds: Value) -> Value {
    json!({
        "scenarios": { "s": { "executor": "constant-vus", "vus": 4, "duration": "10s" } },
        "thresholds": thresholds,
    })
}

impl Led {
    fn new(agents: &[&str], on_agent_loss: OnAgentLoss, thresholds: Value) -> Self {
        let mut group = Group::new(agents);
        let wants = Wants { on_agent_loss, test: "t".to_owned(), ..Wants::default() };
        let options = options(thresholds).to_string().into_bytes();
        group.ok(Action::SubmitRun(Box::new(Submission { options, ..submission(wants) })));
        let lead = RunLead::new(group.run(), Timestamp(group.now)).unwrap();
        agents.iter().for_each(|name| {
            group.ok(Action::AgentReady { run: run_id(), assignment: part(name, 1) });
        });
        group.ok(Action::StartRun { run: run_id(), at: Timestamp(group.now) });
        Self { group, lead }
    }

    fn run(&self) -> &Run {
        self.group.run()
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.group.now)
    }

    fn take(&mut self, shard: &mut Shard, number: u64, iterations: u64) -> Result<Vec<String>, NotTaken> {
        let (window, now) = (shard.window(number, iterations), self.now());
        self.give(&shard.part, window, now)
    }

    fn give(&mut self, part: &AssignmentId, window: AgentWindow, now: Timestamp) -> Result<Vec<String>, NotTaken> {
        self.lead.take(part, window, self.group.run(), now)
    }

    fn checkpoint(&mut self) -> Option<Checkpoint> {
        let now = self.now();
        self.lead.checkpoint(self.group.run(), now)
    }

    /// Makes a checkpoint that comes into the state.
    fn commit(&mut self) {
        let checkpoint = self.checkpoint().unwrap();
        self.group.ok(Action::Checkpoint(Box::new(checkpoint)));
        assert_eq!(self.lead.settle(self.group.run()), Settled::Applied);
        self.lead.observe(self.group.run(), Timestamp(self.group.now));
    }

    /// Another leader comes.
    fn replace(&mut self) {
        self.group.ok(Action::TakeOver { leader: 2 });
        self.lead = RunLead::new(self.group.run(), self.now()).unwrap();
    }

    fn conclude(&mut self) -> (Verdict, RunSummary) {
        let (version, generated_at) = ("0.1.0".to_owned(), self.now().rfc3339());
        let facts = ResultFacts { version, generated_at, histograms: true, ..ResultFacts::default() };
        let concluded = self.lead.conclude(self.group.run(), facts);
        let (verdict, summary) = (concluded.verdict(), concluded.encode());
        (verdict, RunSummary::decode(&summary).unwrap())
    }
}

fn iterations(summary: &RunSummary) -> &Value {
    &summary.export["metrics"]["iterations"]["count"]
}

#[test]
fn a_new_lead_goes_on_from_the_last_checkpoint_and_counts_each_window_once() {
    let mut led = Led::new(&["a", "b"], OnAgentLoss::Fail, json!({}));
    let (mut a, mut b) = (Shard::new("a", 1, 0), Shard::new("b", 1, 1));
    let first = a.window(1, 5);
    led.give(&a.part, first.clone(), led.now()).unwrap();
    led.take(&mut b, 1, 7).unwrap();
    led.group.now += 1_000;
    led.commit();
    // What came after it is lost with the leader, and comes again.
    let second = a.window(2, 11);
    led.give(&a.part, second.clone(), led.now()).unwrap();
    led.replace();
    let again = led.give(&a.part, first, led.now());
    assert!(matches!(again, Err(NotTaken::Already { through: 1, .. })), "{again:?}");
    led.give(&a.part, second, led.now()).unwrap();
    assert_eq!((led.lead.through(&a.part), led.lead.through(&b.part)), (Some(2), Some(1)));
    let progress = led.lead.view(led.run(), led.now()).progress;
    assert_eq!((progress.completed, progress.vus_active), (23, 4), "b's standing is remembered");
    led.take(&mut b, 2, 13).unwrap();
    led.commit();
    led.group.done("a", 1, 2);
    led.group.done("b", 1, 2);
    led.lead.observe(led.group.run(), led.now());
    assert_eq!(led.run().state(), RunState::Teardown);
    let (verdict, summary) = led.conclude();
    assert_eq!((iterations(&summary), verdict, &summary.ending), (&json!(36), Verdict::Pass, &Ending::Finished));
    // Whoever leads then says the same.
    led.group.now += 5_000;
    led.replace();
    let mut other = led.conclude().1;
    other.machine["metadata"] = summary.machine["metadata"].clone();
    assert_eq!(other, summary);
}

#[test]
fn a_checkpoint_that_is_lost_is_proposed_again_and_others_are_noticed() {
    let mut led = Led::new(&["a"], OnAgentLoss::Fail, json!({}));
    let mut a = Shard::new("a", 1, 0);
    led.take(&mut a, 1, 5).unwrap();
    let checkpoint = led.checkpoint().unwrap();
    led.take(&mut a, 2, 5).unwrap();
    assert_eq!(led.checkpoint(), None, "one at a time");
    assert_eq!(led.lead.settle(led.group.run()), Settled::Missing);
    assert_eq!(led.lead.proposed(), Some(&checkpoint));
    led.group.ok(Action::Checkpoint(Box::new(checkpoint)));
    assert_eq!(led.lead.settle(led.group.run()), Settled::Applied);
    let mut checkpoint = led.checkpoint().unwrap();
    assert_eq!(checkpoint.windows[&a.part].after, 1);
    checkpoint.windows.get_mut(&a.part).unwrap().last = 7;
    led.group.ok(Action::Checkpoint(Box::new(checkpoint)));
    assert_eq!(led.lead.settle(led.group.run()), Settled::Overtaken);
}

#[test]
fn a_checkpoint_is_due_once_all_have_spoken_or_a_second_has_gone_by() {
    let mut led = Led::new(&["a", "b"], OnAgentLoss::Fail, json!({}));
    let (mut a, mut b) = (Shard::new("a", 1, 0), Shard::new("b", 1, 1));
    let began = led.now();
    led.take(&mut a, 1, 1).unwrap();
    assert_eq!(led.lead.due(led.run()), began.plus(250), "a new leader waits for others that say it again");
    led.take(&mut b, 1, 1).unwrap();
    assert_eq!(led.lead.due(led.run()), began);
    led.commit();
    led.take(&mut a, 2, 1).unwrap();
    assert_eq!(led.lead.due(led.run()), began.plus(1_000));
    led.take(&mut b, 2, 1).unwrap();
    assert_eq!(led.lead.due(led.run()), began.plus(WINDOWS_GAP_MS));
    led.commit();
    led.group.done("a", 1, 3);
    led.take(&mut a, 3, 1).unwrap();
    assert!(led.lead.due(led.run()) < began.plus(100), "the last window of a part");
}

#[test]
fn a_lead_that_is_alone_makes_a_checkpoint_of_each_window_at_once_and_notes_nothing() {
    let mut led = Led::new(&["a"], OnAgentLoss::Fail, json!({}));
    let (registry, plan) = plan_of(led.run().submission()).unwrap();
    led.lead = RunLead::alone(led.run(), (registry, plan), led.now());
    let mut shard = Shard::new("a", 1, 0);
    for number in 1..=3 {
        led.take(&mut shard, number, 5).unwrap();
        assert!(led.lead.due(led.run()) <= led.now(), "window {number}");
        let checkpoint = led.checkpoint().unwrap();
        assert!(checkpoint.delta.is_empty() && checkpoint.notes.is_none());
        assert_eq!(checkpoint.windows[&shard.part].last, number);
        led.group.ok(Action::Checkpoint(Box::new(checkpoint)));
        assert_eq!(led.lead.settle(led.group.run()), Settled::Applied);
    }
    assert_eq!(led.run().assignments()[&shard.part].included, 3);
    assert_eq!(led.lead.view(led.run(), led.now()).progress.completed, 15);
}

#[test]
fn a_threshold_on_all_agents_together_ends_the_run_with_the_windows_that_it_comes_from() {
    let thresholds = json!({ "iterations": [{ "threshold": "count<10", "abortOnFail": true }] });
    let mut led = Led::new(&["a", "b"], OnAgentLoss::Fail, thresholds);
    let (mut a, mut b) = (Shard::new("a", 1, 0), Shard::new("b", 1, 1));
    led.take(&mut a, 1, 6).unwrap();
    let checkpoint = led.checkpoint().unwrap();
    assert_eq!(checkpoint.verdict, Verdict::Pass);
    led.group.ok(Action::Checkpoint(Box::new(checkpoint)));
    led.lead.settle(led.group.run());
    led.take(&mut b, 1, 6).unwrap();
    let checkpoint = led.checkpoint().unwrap();
    assert_eq!((checkpoint.verdict, checkpoint.failed_metric.as_deref()), (Verdict::Abort, Some("iterations")));
    led.group.ok(Action::Checkpoint(Box::new(checkpoint)));
    led.lead.settle(led.group.run());
    assert_eq!(led.run().state(), RunState::Draining);
    led.group.done("a", 1, 1);
    led.group.done("b", 1, 1);
    let (_, summary) = led.conclude();
    assert_eq!((&summary.ending, iterations(&summary)), (&Ending::ThresholdAbort, &json!(12)));
    assert!(!summary.outcomes[0].ok);
}

#[test]
fn whose_part_is_missing_stands_in_the_result() {
    let mut led = Led::new(&["a", "b"], OnAgentLoss::Continue, json!({}));
    let (mut a, mut b) = (Shard::new("a", 1, 0), Shard::new("b", 1, 1));
    led.take(&mut a, 1, 5).unwrap();
    led.take(&mut b, 1, 5).unwrap();
    led.commit();
    led.group.pass(4_000, &["a"]);
    led.lead.observe(led.group.run(), led.now());
    assert_eq!(led.lead.view(led.run(), led.now()).progress.vus_active, 2);
    led.take(&mut a, 2, 5).unwrap();
    led.commit();
    led.group.done("a", 1, 2);
    led.lead.observe(led.group.run(), led.now());
    let (_, summary) = led.conclude();
    assert_eq!((&summary.ending, iterations(&summary)), (&Ending::Finished, &json!(15)));
    let agents = summary.machine["agents"].as_array().unwrap();
    assert_eq!((&agents[0]["complete"], &agents[1]["complete"]), (&json!(true), &json!(false)));
    let text = summary.text.unwrap().plain;
    assert!(text.contains("the agent `b` was lost 4.0 s after the start") && text.contains("window 1"), "{text}");
}

#[test]
fn who_takes_over_counts_on_from_what_was_begun() {
    let mut led = Led::new(&["a", "b"], OnAgentLoss::Reassign, json!({}));
    let (mut a, mut b) = (Shard::new("a", 1, 0), Shard::new("b", 1, 1));
    led.take(&mut a, 1, 5).unwrap();
    led.take(&mut b, 1, 7).unwrap();
    led.commit();
    led.group.pass(4_000, &["a"]);
    led.lead.observe(led.group.run(), led.now());
    let heir = AssignmentId { epoch: Epoch(2), agent: agent("a") };
    assert_eq!(led.run().assignments()[&heir].begun_before, [7]);
    led.group.ok(Action::AgentReady { run: run_id(), assignment: heir.clone() });
    led.group.ok(Action::StartAssignment { run: run_id(), assignment: heir, from_ms: 4_100 });
    let mut own = Shard::new("a", 2, 2);
    led.take(&mut own, 1, 3).unwrap();
    let checkpoint = led.checkpoint().unwrap();
    assert_eq!(checkpoint.windows[&own.part].begun, [10]);
}

#[test]
fn the_last_while_of_a_threshold_and_the_bounds_of_counts_outlive_a_leader() {
    let thresholds = json!({ "iterations": [{ "threshold": "count<100", "window": "10s" }] });
    let mut led = Led::new(&["a"], OnAgentLoss::Fail, thresholds);
    let mut a = Shard::new("a", 1, 0);
    let mut value = |led: &mut Led, number| {
        led.take(&mut a, number, number).unwrap();
        led.group.now += 1_000;
        led.commit();
        led.lead.view(led.run(), led.now()).outcomes[0].value
    };
    for number in 1..=30 {
        value(&mut led, number);
    }
    led.replace();
    assert_eq!(value(&mut led, 31), Some((22..=31).sum::<u64>() as f64));
    // However few of the values of counts the state keeps, their bounds are there.
    let window = Shard { recorder: Recorder::new(Arc::new(Registry::new()), SourceId(0)), ..a }.window(32, 1);
    led.give(&part("a", 1), window, led.now()).unwrap();
    led.commit();
    led.group.done("a", 1, 32);
    led.replace();
    let vus = led.conclude().1.export["metrics"]["vus"].clone();
    assert_eq!((&vus["min"], &vus["max"]), (&json!(2), &json!(2)));
}

#[test]
fn a_run_that_cannot_be_planned_is_told() {
    let mut group = Group::new(&["a"]);
    let options = json!({ "thresholds": { "nothing": ["count<1"] } }).to_string().into_bytes();
    group.ok(Action::SubmitRun(Box::new(Submission { options, ..submission(Wants::default()) })));
    let error = RunLead::new(group.run(), Timestamp(0)).unwrap_err().to_string();
    assert!(error.contains("no metric `nothing`"), "{error}");
}
