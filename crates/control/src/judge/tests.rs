use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use throng_plan::segment::SegmentTuple;
use throng_plan::{Functions, Layer, Plan, resolve};
use throng_stats::{Recorder, Registry, SourceId, TagSet, builtin};

use super::*;

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn plan(options: Value) -> Arc<Plan> {
    let functions = Functions { iterations: &["default".to_owned()], setups: &[] };
    let options = resolve(&[Layer::new("script", options)]).unwrap().options;
    Arc::new(Plan::new(options, functions, &Registry::new()).unwrap())
}

/// A judge of a run by agents of equal parts with a shard each.
fn judge(options: Value, names: &[&str]) -> Judge {
    let mut judge = Judge::new(&Arc::new(Registry::new()), &plan(options), false);
    for (index, name) in names.iter().enumerate() {
        let segment = SegmentTuple::equal(index as u32, names.len() as u32);
        let part = AgentPart { name: (*name).to_owned(), segment, first_source: SourceId(index as u32), through: 0 };
        judge.add_agent(part).unwrap();
    }
    judge
}

/// A shard that counts iterations, each of which took so many milliseconds.
struct Source(Recorder);

impl Source {
    fn new(number: u32) -> Self {
        Self(Recorder::new(Arc::new(Registry::new()), SourceId(number)))
    }

    fn window(&mut self, number: u64, iterations: u64, vus: u64) -> AgentWindow {
        let [done, took, active] = [builtin::ITERATIONS, builtin::ITERATION_DURATION, builtin::VUS]
            .map(|metric| self.0.series(metric, &TagSet::empty()));
        self.0.increment(done, iterations);
        (0..iterations).for_each(|n| self.0.record_ns(took, n * 1_000_000));
        self.0.set(active, vus as f64);
        let counts =
            ScenarioCounts { vus, begun: number * iterations, completed: number * iterations, ..Default::default() };
        AgentWindow {
            first: number,
            last: number,
            window: self.0.take(second(number)),
            vus: vec![VuCount { at: second(number), active: vus, initialized: vus }],
            standing: Standing {
                scenarios: vec![counts],
                vus_initialized: vus,
                shards: vec![ShardUsage { sockets: 3, sockets_max: 3, ..ShardUsage::default() }],
                sources: Vec::new(),
            },
        }
    }
}

fn iterations(judge: &Judge) -> f64 {
    match judge.totals().metric(builtin::ITERATIONS) {
        Some(throng_stats::Aggregate::Counter { .. }) => {
            let report = judge.report(second(10), ReportFacts::default());
            let metric = report.total.metrics.iter().find(|metric| metric.name == "iterations").unwrap();
            match metric.values {
                throng_stats::Values::Counter { count, .. } => count,
                ref other => panic!("{other:?}"),
            }
        }
        _ => 0.0,
    }
}

fn constant() -> Value {
    json!({ "scenarios": { "a": { "executor": "constant-vus", "vus": 4, "duration": "10s" } } })
}

#[test]
fn windows_of_all_agents_add_up_and_each_counts_once() {
    let mut judge = judge(constant(), &["a", "b"]);
    let (mut a, mut b) = (Source::new(0), Source::new(1));
    let first = a.window(1, 5, 2);
    judge.take("a", first.clone()).unwrap();
    let again = judge.take("a", first).unwrap_err();
    assert_eq!(again, NotTaken::Already { agent: "a".into(), through: 1 });
    judge.take("b", b.window(1, 7, 2)).unwrap();
    judge.take("a", a.window(2, 5, 2)).unwrap();
    assert_eq!(iterations(&judge), 17.0);
    let gap = judge.take("b", b.window(3, 7, 2)).unwrap_err();
    assert_eq!(gap, NotTaken::OutOfTurn { agent: "b".into(), first: 3, last: 3, expected: 2 });
    assert_eq!(judge.take("c", b.window(4, 7, 2)), Err(NotTaken::Unknown("c".into())));
    assert_eq!((iterations(&judge), judge.through("a"), judge.through("c")), (17.0, Some(2), None));
}

#[test]
fn windows_that_became_one_say_the_same() {
    let windows: Vec<AgentWindow> = {
        let mut source = Source::new(0);
        (1..=5).map(|number| source.window(number, number, 2)).collect()
    };
    let mut each = judge(constant(), &["a"]);
    windows.iter().for_each(|window| drop(each.take("a", window.clone()).unwrap()));
    let mut at_once = judge(constant(), &["a"]);
    let merged = windows.into_iter().reduce(AgentWindow::followed_by).unwrap();
    assert_eq!((merged.first, merged.last, merged.vus.len()), (1, 5, 5));
    at_once.take("a", merged.clone()).unwrap();
    let report = |judge: &mut Judge| {
        judge.judge(second(6), true);
        format!("{:?}", judge.report(second(6), ReportFacts::default()))
    };
    assert_eq!(report(&mut at_once), report(&mut each));
    // Nothing of it can be taken apart again.
    let mut later = judge(constant(), &["a"]);
    later.take("a", Source::new(0).window(1, 1, 2)).unwrap();
    let overlap = NotTaken::OutOfTurn { agent: "a".into(), first: 1, last: 5, expected: 2 };
    assert_eq!(later.take("a", merged), Err(overlap));
}

#[test]
fn a_judge_goes_on_from_a_checkpoint() {
    let (mut before, mut source) = (judge(constant(), &["a"]), Source::new(0));
    let (one, two) = (source.window(1, 5, 2), source.window(2, 6, 2));
    before.take("a", one.clone()).unwrap();
    before.take("a", two.clone()).unwrap();
    let mut after = Judge::new(&Arc::new(Registry::new()), &plan(constant()), false);
    let segment = SegmentTuple::whole();
    after.add_agent(AgentPart { name: "a".into(), segment, first_source: SourceId(0), through: 1 }).unwrap();
    after.restore(&one.window);
    assert!(matches!(after.take("a", one), Err(NotTaken::Already { .. })));
    after.take("a", two).unwrap();
    assert_eq!(iterations(&after), iterations(&before));
}

#[test]
fn thresholds_are_judged_on_all_agents_together() {
    let options = json!({
        "scenarios": { "a": { "executor": "constant-vus", "vus": 4, "duration": "10s" } },
        "thresholds": { "iterations": [{ "threshold": "count<10", "abortOnFail": true }] },
    });
    let mut judge = judge(options, &["a", "b"]);
    judge.take("a", Source::new(0).window(1, 6, 2)).unwrap();
    assert!(!judge.judge(second(1), false));
    assert_eq!(judge.outcomes().len(), 1);
    judge.take("b", Source::new(1).window(1, 6, 2)).unwrap();
    assert!(judge.judge(second(2), false));
}

#[test]
fn a_second_of_vus_is_counted_when_all_agents_that_run_have_spoken() {
    let mut judge = judge(constant(), &["a", "b"]);
    let (mut a, mut b) = (Source::new(0), Source::new(1));
    judge.take("a", a.window(1, 1, 2)).unwrap();
    assert_eq!(judge.take_counted_vus(), []);
    judge.take("b", b.window(1, 1, 2)).unwrap();
    assert_eq!(judge.take_counted_vus(), [VuCount { at: second(1), active: 4, initialized: 4 }]);
    judge.take("a", a.window(2, 1, 2)).unwrap();
    assert_eq!(judge.take_counted_vus(), []);
    judge.note_lost("b");
    assert_eq!(judge.take_counted_vus(), [VuCount { at: second(2), active: 2, initialized: 2 }]);
}

#[test]
fn an_agent_that_is_over_has_no_vus_while_others_go_on() {
    let mut judge = judge(constant(), &["a", "b"]);
    let gauge = |judge: &Judge| match judge.totals().metric(builtin::VUS) {
        Some(throng_stats::Aggregate::Gauge { last, max, .. }) => (*last, *max),
        other => panic!("{other:?}"),
    };
    judge.begin_load(Duration::ZERO);
    judge.take("a", Source::new(0).window(1, 1, 2)).unwrap();
    judge.take("b", Source::new(1).window(1, 1, 2)).unwrap();
    assert_eq!(gauge(&judge), (4.0, 4.0));
    judge.note_done("b");
    assert_eq!(judge.sample_ended(second(2)), None, "it may just have ended");
    let of_none = judge.sample_ended(second(3)).unwrap();
    assert_eq!((of_none.series.len(), gauge(&judge)), (1, (2.0, 4.0)));
    judge.end_load(second(4));
    assert_eq!(judge.sample_ended(second(5)), None);
}

#[test]
fn progress_is_that_of_all_agents() {
    let rate = json!({ "scenarios": { "a": {
        "executor": "constant-arrival-rate", "rate": 100, "duration": "10s", "preAllocatedVUs": 4
    } } });
    let mut judge = judge(rate, &["a", "b"]);
    judge.begin_load(second(1));
    let (mut a, mut b) = (Source::new(0), Source::new(1));
    for number in 1..=2 {
        judge.take("a", a.window(number, 50, 2)).unwrap();
        judge.take("b", b.window(number, 40, 1)).unwrap();
    }
    let progress = judge.progress(second(3));
    let scenario = &progress.scenarios[0];
    assert_eq!((progress.elapsed, progress.vus_active, progress.completed), (second(2), 3, 180));
    assert_eq!(scenario.rate.map(|rate| (rate.planned, rate.actual)), Some((100.0, 90.0)));
    assert!(!scenario.ended);
    judge.note_lost("b");
    let scenario = judge.progress(second(3)).scenarios.remove(0);
    assert_eq!(scenario.rate.map(|rate| (rate.planned, rate.actual)), Some((50.0, 50.0)));
    assert_eq!((scenario.vus, scenario.iterations), (2, 180), "what it did stays");
}

#[test]
fn a_run_lasts_until_its_last_window_at_least() {
    let mut judge = judge(constant(), &["a", "b"]);
    assert_eq!(judge.lasted(second(3)), second(3));
    let mut source = Source::new(0);
    drop(judge.take("a", source.window(1, 5, 1)).unwrap());
    assert_eq!((judge.lasted(Duration::ZERO), judge.lasted(second(3))), (second(1), second(3)));
    judge.begin_load(Duration::ZERO);
    judge.end_load(Duration::ZERO);
    assert_eq!(judge.progress(second(3)).elapsed, second(1));
    drop(judge.take("a", source.window(2, 5, 1)).unwrap());
    judge.note_done("a");
    drop(judge.take("a", source.window(3, 5, 1)).unwrap());
    assert_eq!(judge.progress(second(3)).elapsed, second(2), "what comes later is no load");
}

#[test]
fn planned_iterations_are_those_of_all_parts() {
    for executor in ["shared-iterations", "per-vu-iterations"] {
        let options = json!({ "scenarios": { "a": { "executor": executor, "vus": 5, "iterations": 7 } } });
        let all = if executor == "shared-iterations" { 7 } else { 35 };
        for names in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
            let planned = judge(options.clone(), names).progress(Duration::ZERO).scenarios[0].planned;
            assert_eq!(planned, Some(all), "{executor} {names:?}");
        }
    }
}

#[test]
fn a_report_names_agents_and_says_whose_part_is_missing() {
    let mut judge = judge(constant(), &["a", "b"]);
    judge.begin_load(Duration::ZERO);
    judge.take("a", Source::new(0).window(1, 5, 2)).unwrap();
    judge.take("b", Source::new(1).window(1, 5, 2)).unwrap();
    judge.note_lost("b");
    judge.end_load(second(2));
    judge.judge(second(2), true);
    let facts = ReportFacts { remarks: vec!["mind".to_owned()], test: "t".to_owned(), ..ReportFacts::default() };
    let report = judge.report(second(2), facts);
    let agents = report.settings.agents.iter().map(|agent| (agent.name.as_str(), agent.shards, agent.complete));
    assert_eq!(agents.collect::<Vec<_>>(), [("a", 1, true), ("b", 1, false)]);
    assert_eq!(report.settings.remarks, ["mind"]);
    let shards = &report.settings.throng["generator"]["shards"];
    assert_eq!((&shards[1]["agent"], &report.settings.throng["generator"]["socketsPeak"]), (&json!("b"), &json!(6)));
}
