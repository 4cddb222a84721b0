//! Workers as a cluster's agents have them: several parts of a run at once, and one judge of all.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod guest;

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use throng_agent::{Assignment, Late, Planned, SetupData, Step, Worker, WorkerEvent, machine_share};
use throng_control::judge::{AgentPart, Judge, ReportFacts};
use throng_plan::segment::SegmentTuple;
use throng_stats::{Aggregate, builtin};
use throng_transport::{Clock, Nanos};

use guest::{Silent, config};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Several workers in this process, each with an equal part.
struct Group {
    planned: Arc<Planned>,
    workers: Vec<Worker>,
    events: mpsc::Receiver<(usize, WorkerEvent)>,
    judge: Judge,
}

fn name(index: usize) -> String {
    format!("agent-{index}")
}

impl Group {
    fn start(count: usize, options: Value) -> Self {
        let planned = Arc::new(Planned::new(&config(options), &mut Silent).unwrap());
        let mut judge = Judge::new(planned.registry(), planned.plan(), false);
        let (sender, events) = mpsc::channel();
        let workers = (0..count).map(|index| {
            let segment = SegmentTuple::equal(index as u32, count as u32);
            let first_source = Assignment::sources(index as u32);
            let part = AgentPart { name: name(index), segment: segment.clone(), first_source, through: 0 };
            judge.add_agent(part).unwrap();
            let shards = machine_share(index as u16, count as u16, &Arc::default());
            let (assignment, sender) =
                (Assignment { segment, first_source, shards, outlets: Vec::new() }, sender.clone());
            Worker::start(&planned, assignment, move |event| drop(sender.send((index, event)))).unwrap()
        });
        Self { workers: workers.collect(), planned, events, judge }
    }

    fn tell(&self, step: &Step) {
        self.workers.iter().for_each(|worker| worker.tell(step.clone()));
    }

    /// Waits until each has said what is wanted, and judges windows meanwhile.
    fn wait<T>(&mut self, mut wanted: impl FnMut(WorkerEvent) -> Result<T, WorkerEvent>) -> Vec<(usize, T)> {
        let mut all = Vec::new();
        while all.len() < self.workers.len() {
            let (index, event) = self.events.recv_timeout(PATIENCE).unwrap();
            match wanted(event) {
                Ok(one) => all.push((index, one)),
                Err(WorkerEvent::Window(window)) => {
                    self.workers[index].window_taken();
                    assert_eq!(self.judge.take(&name(index), *window), Ok(Vec::new()), "without gaps");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        all
    }

    fn prepare(&mut self) {
        self.tell(&Step::Prepare);
        for (index, standing) in self.wait(|event| match event {
            WorkerEvent::Ready(standing) => Ok(standing.unwrap()),
            other => Err(other),
        }) {
            self.judge.note_ready(&name(index), standing);
        }
    }

    fn load(&mut self) {
        let lead = self.workers.iter().map(Worker::lead_time).max().unwrap();
        let began = Clock::now();
        self.judge.begin_load(lead);
        self.tell_start(began, began.after(lead), Late::default());
    }

    fn tell_start(&self, began: Nanos, at: Nanos, late: Late) {
        self.tell(&Step::Start { began, at, late, setup_data: SetupData::default() });
    }

    /// The numbers of the last windows, in the order of the workers.
    fn done(&mut self) -> Vec<u64> {
        let mut done = self.wait(|event| match event {
            WorkerEvent::Done { last_window, .. } => Ok(last_window),
            other => Err(other),
        });
        done.sort_unstable();
        (0..self.workers.len()).for_each(|index| self.judge.note_done(&name(index)));
        done.into_iter().map(|(_, last)| last).collect()
    }

    fn finish(mut self) {
        self.tell(&Step::Finish);
        self.wait(|event| match event {
            WorkerEvent::Finished(result) => {
                result.unwrap();
                Ok(())
            }
            other => Err(other),
        });
        self.workers.into_iter().for_each(Worker::join);
    }
}

#[test]
fn workers_with_a_part_each_do_together_what_one_alone_does() {
    let options = json!({ "scenarios": {
        "shared": { "executor": "shared-iterations", "vus": 6, "iterations": 401 },
        "each": { "executor": "per-vu-iterations", "vus": 5, "iterations": 31 },
        "rate": { "executor": "constant-arrival-rate", "rate": 97, "duration": "2s", "preAllocatedVUs": 20 },
    } });
    for count in [1, 2, 3] {
        let mut group = Group::start(count, options.clone());
        group.prepare();
        let began = Instant::now();
        group.load();
        let last = group.done();
        let seconds_max = began.elapsed().as_secs() + 2;
        let through: Vec<u64> = (0..count).map(|index| group.judge.through(&name(index)).unwrap()).collect();
        assert_eq!(last, through, "all windows are there when a worker says that it is done");
        assert!(last.iter().all(|last| (2..=seconds_max).contains(last)), "one a second: {last:?} of {seconds_max}");
        let progress = group.judge.progress(Duration::from_secs(3));
        let by_name = |wanted: &str| {
            let scenario = progress.scenarios.iter().find(|scenario| scenario.name == wanted).unwrap();
            assert!(scenario.ended, "{wanted}");
            (scenario.iterations, scenario.planned, scenario.dropped)
        };
        assert_eq!(by_name("shared"), (401, Some(401), 0));
        assert_eq!(by_name("each"), (155, Some(155), 0));
        let (done, _, dropped) = by_name("rate");
        assert!((193..=194).contains(&(done + dropped)), "{done} and {dropped}");
        let recorded = match group.judge.totals().metric(builtin::ITERATION_DURATION) {
            Some(Aggregate::Trend(trend)) => trend.count(),
            other => panic!("{other:?}"),
        };
        assert_eq!(recorded, 401 + 155 + done);
        let seconds: u64 = group.judge.take_counted_vus().iter().map(|second| second.active).max().unwrap();
        assert!(seconds >= 11, "{seconds} VUs at most");
        let report = group.judge.report(Duration::from_secs(3), ReportFacts::default());
        assert_eq!(report.settings.agents.len(), count);
        group.finish();
    }
}

#[test]
fn a_worker_that_is_stopped_says_its_last_window_and_what_was_not_begun() {
    let options = json!({ "scenarios": {
        "shared": { "executor": "shared-iterations", "vus": 2, "iterations": 100_000, "maxDuration": "1h" },
    } });
    let mut group = Group::start(2, options);
    group.prepare();
    group.load();
    let mut windows = 0;
    while windows < 2 {
        let (index, event) = group.events.recv_timeout(PATIENCE).unwrap();
        let WorkerEvent::Window(window) = event else { panic!("{event:?}") };
        group.workers[index].window_taken();
        group.judge.take(&name(index), *window).unwrap();
        windows += 1;
    }
    group.tell(&Step::Stop);
    group.done();
    let scenario = group.judge.progress(Duration::ZERO).scenarios.remove(0);
    let cut = group.judge.progress(Duration::ZERO).interrupted;
    assert_eq!(scenario.iterations + cut + scenario.dropped, 100_000);
    assert!(scenario.dropped > 90_000, "{}", scenario.dropped);
    group.finish();
}

#[test]
fn a_worker_that_nobody_wants_any_more_ends_by_itself() {
    let options = json!({ "scenarios": { "a": { "executor": "constant-vus", "vus": 2, "duration": "1h" } } });
    let mut group = Group::start(1, options);
    group.prepare();
    group.load();
    let (_, event) = group.events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(event, WorkerEvent::Window(_)), "{event:?}");
    let began = Instant::now();
    drop(std::mem::take(&mut group.workers));
    let finished = std::iter::from_fn(|| group.events.recv_timeout(PATIENCE).ok());
    let is_finished = finished.map(|(_, event)| event).any(|event| matches!(event, WorkerEvent::Finished(Ok(()))));
    assert!(is_finished && began.elapsed() < PATIENCE);
    assert_eq!(group.planned.plan().scenarios().len(), 1);
}

#[test]
fn a_worker_whose_windows_nobody_takes_makes_one_of_them() {
    let options = json!({ "scenarios": { "a": { "executor": "constant-vus", "vus": 1, "duration": "10500ms" } } });
    let mut group = Group::start(1, options);
    group.prepare();
    group.load();
    let mut windows = Vec::new();
    let last = loop {
        match group.events.recv_timeout(PATIENCE).unwrap().1 {
            WorkerEvent::Window(window) => windows.push(*window),
            WorkerEvent::Done { last_window, .. } => break last_window,
            other => panic!("{other:?}"),
        }
    };
    // Eight that wait, and the last one with all that followed.
    assert_eq!((windows.len(), last), (9, 9));
    let vus: usize = windows.iter().map(|window| window.vus.len()).sum();
    assert_eq!(vus, 11, "no second of VUs is lost");
    let done = windows[8].standing.scenarios[0].completed;
    for window in windows {
        group.judge.take(&name(0), window).unwrap();
    }
    let recorded = match group.judge.totals().metric(builtin::ITERATION_DURATION) {
        Some(Aggregate::Trend(trend)) => trend.count(),
        other => panic!("{other:?}"),
    };
    // All of them are in the windows, and as many as a machine that does other things too can make.
    assert!(recorded == done && done >= 200, "{recorded} of {done}");
    group.finish();
}

#[test]
fn a_worker_that_takes_over_repeats_no_ticks_and_no_shared_iterations() {
    let options = json!({ "scenarios": {
        // As many VUs as there are ticks, so that none is dropped by a machine that is late.
        "rate": { "executor": "constant-arrival-rate", "rate": 100, "duration": "3s", "preAllocatedVUs": 150 },
        "shared": { "executor": "shared-iterations", "vus": 6, "iterations": 401 },
        "looping": { "executor": "constant-vus", "vus": 2, "duration": "7s" },
        "over": { "executor": "constant-arrival-rate", "rate": 9, "duration": "1s", "preAllocatedVUs": 1 },
    } });
    let mut group = Group::start(1, options);
    group.prepare();
    // Half of the ticks were before. The plan has scenarios by their names.
    let (from, told) = (Duration::from_millis(1_500), Instant::now());
    let began = Nanos(Clock::now().0 - from.as_nanos() as u64);
    group.judge.begin_load(Duration::ZERO);
    group.tell_start(began, began, Late { from, begun_before: vec![0, 9, 150, 300] });
    let last = group.done();
    let seconds_max = told.elapsed().as_secs() + 2;
    assert!((1..=seconds_max).contains(&last[0]), "one a second, and none for those before: {last:?} of {seconds_max}");
    let progress = group.judge.progress(Duration::from_secs(7));
    let of = |wanted: &str| progress.scenarios.iter().find(|scenario| scenario.name == wanted).unwrap();
    assert_eq!((of("rate").iterations, of("rate").dropped), (150, 0), "from the tick at 1.5 s on");
    assert_eq!((of("shared").iterations, of("over").iterations, of("over").dropped), (101, 0, 0));
    // Until its end, 5.5 s later: at most one in 10 ms for each VU.
    assert!((200..=1100).contains(&of("looping").iterations), "{}", of("looping").iterations);
    group.finish();
}
