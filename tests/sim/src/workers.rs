//! Workers that run nothing: they say windows with counts that are written down as well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use throng_agent::link::{PartEvent, PartId};
use throng_agent::{SetupData, Step, WorkerEvent};
use throng_control::Order;
use throng_control::judge::{AgentWindow, ScenarioCounts, Standing, VuCount};
use throng_control::limits::SOURCES_OF_PART;
use throng_link::{PartNews, Workers};
use throng_stats::{Recorder, Registry, SourceId, TagSet, builtin};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::dice::Dice;
use crate::invariants::Invariants;

/// VUs that a part has.
const VUS: u64 = 2;

/// The workers of one life of an agent.
pub(crate) struct FakeWorkers {
    news: mpsc::Sender<PartNews>,
    dice: Dice,
    invariants: Invariants,
    parts: BTreeMap<PartId, (mpsc::UnboundedSender<Step>, JoinHandle<()>)>,
}

impl FakeWorkers {
    pub(crate) fn new(news: mpsc::Sender<PartNews>, dice: Dice, invariants: Invariants) -> Self {
        Self { news, dice, invariants, parts: BTreeMap::new() }
    }
}

impl Workers for FakeWorkers {
    fn begin(&mut self, order: Order, _nodes: Vec<String>) {
        let id = PartId::from(&order);
        let (words, told) = mpsc::unbounded_channel();
        let part = Part {
            id: id.clone(),
            news: self.news.clone(),
            told,
            dice: Dice::new(self.dice.number(), "part"),
            invariants: self.invariants.clone(),
            recorder: Recorder::new(Arc::new(Registry::new()), SourceId(order.number.saturating_mul(SOURCES_OF_PART))),
            windows: 0,
            begun: 0,
            began: Instant::now(),
        };
        self.parts.insert(id, (words, tokio::task::spawn_local(part.run())));
    }

    fn tell(&mut self, part: &PartId, step: Step) {
        if let Some((steps, _)) = self.parts.get(part) {
            // One that has come to its end needs no step.
            let _ = steps.send(step);
        }
    }

    fn window_taken(&mut self, _part: &PartId) {}

    fn release(&mut self, part: &PartId) {
        if let Some((_, task)) = self.parts.remove(part) {
            task.abort();
        }
    }

    fn is_idle(&self) -> bool {
        self.parts.is_empty()
    }
}

impl Drop for FakeWorkers {
    fn drop(&mut self) {
        for (part, (_, task)) in &self.parts {
            task.abort();
            self.invariants.ask(|all| all.runs.abandoned(part));
        }
    }
}

/// The worker of one part.
struct Part {
    id: PartId,
    news: mpsc::Sender<PartNews>,
    told: mpsc::UnboundedReceiver<Step>,
    dice: Dice,
    invariants: Invariants,
    recorder: Recorder,
    windows: u64,
    begun: u64,
    began: Instant,
}

impl Part {
    async fn run(mut self) {
        sleep(self.dice.ms(1..=400)).await;
        self.say(PartEvent::Begun { registry: Arc::new(Registry::new()), has_vu_init: false }).await;
        while let Some(step) = self.told.recv().await {
            match step {
                Step::Prepare => {
                    sleep(self.dice.ms(1..=300)).await;
                    self.tell(WorkerEvent::Ready(Ok(self.standing(false)))).await;
                }
                Step::Setup { .. } => {
                    self.invariants.check(|all| all.runs.sets_up(&self.id));
                    sleep(self.dice.ms(1..=800)).await;
                    self.window(false).await;
                    let data = SetupData { run: Some("{}".into()), scenarios: Vec::new() };
                    self.tell(WorkerEvent::SetupDone(Ok(data))).await;
                }
                Step::Start { late, .. } => self.load(late.from).await,
                Step::Teardown => {
                    self.invariants.check(|all| all.runs.tears_down(&self.id));
                    sleep(self.dice.ms(1..=800)).await;
                    self.window(true).await;
                    self.tell(WorkerEvent::TeardownDone { result: Ok(()), last_window: self.windows }).await;
                }
                Step::Stop | Step::Control(_) | Step::InitVus { .. } | Step::Summarize(_) | Step::Finish => {}
            }
        }
    }

    /// One window after another until the load is over, or is to stop: more than one a second, so that some are always
    /// under way.
    async fn load(&mut self, from: Duration) {
        let length = self.invariants.ask(|all| all.runs.load_ms(&self.id.run));
        let over = Instant::now() + Duration::from_millis(length).saturating_sub(from);
        let every = self.dice.ms(100..=600);
        let mut next = Instant::now();
        loop {
            next = (next + every).min(over);
            let step = loop {
                match timeout_at(next, self.told.recv()).await {
                    Ok(Some(Step::Control(_))) => {}
                    Ok(step) => break Some(step),
                    Err(_) => break None,
                }
            };
            match step {
                None if next < over => self.window(false).await,
                // The link is gone.
                Some(None) => return,
                _ => break,
            }
        }
        self.window(true).await;
        self.tell(WorkerEvent::Done { last_window: self.windows, unstarted: Vec::new() }).await;
    }

    fn standing(&self, ended: bool) -> Standing {
        let counts = ScenarioCounts {
            vus: if ended { 0 } else { VUS },
            vus_max: VUS,
            begun: self.begun,
            completed: self.begun,
            ended,
            ..ScenarioCounts::default()
        };
        Standing { scenarios: vec![counts], vus_initialized: VUS, shards: Vec::new(), sources: Vec::new() }
    }

    /// What was measured since the last one.
    async fn window(&mut self, ended: bool) {
        let iterations = self.dice.within(0..=40);
        let done = self.recorder.series(builtin::ITERATIONS, &TagSet::empty());
        self.recorder.increment(done, iterations);
        self.windows += 1;
        self.begun += iterations;
        let at = self.began.elapsed();
        let window = AgentWindow {
            first: self.windows,
            last: self.windows,
            window: self.recorder.take(at),
            vus: vec![VuCount { at, active: VUS, initialized: VUS }],
            standing: self.standing(ended),
        };
        self.invariants.ask(|all| all.runs.measured(&self.id, iterations));
        self.tell(WorkerEvent::Window(Box::new(window))).await;
    }

    async fn tell(&self, event: WorkerEvent) {
        self.say(PartEvent::Worker(event)).await;
    }

    async fn say(&self, event: PartEvent) {
        // Whoever is gone needs no news.
        let _ = self.news.send((self.id.clone(), event)).await;
    }
}
