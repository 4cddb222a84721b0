//! A group of nodes in this process whose script it is to lead one run and to fail at any point, and workers that only
//! count.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use throng_agent::link::{PartEvent, PartId};
use throng_agent::{SetupData, Step, WorkerEvent};
use throng_control::Order;
use throng_control::judge::{AgentWindow, Standing};
use throng_link::{Notes, PartNews, Workers};
use throng_protocol::agent::join_request::Message as Said;
use throng_protocol::agent::join_response::Message as Say;
use throng_protocol::agent::{self as proto, Agents, AgentsServer, JoinRequest, JoinResponse};
use throng_protocol::cluster::{self, Cluster, ClusterServer};
use throng_stats::{Recorder, Registry, SourceId, TagSet, Window, builtin};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

mod archive;

use archive::Services;

/// Iterations that the window of that number has.
pub(crate) fn iterations(number: u64) -> u64 {
    number * 7 + 1
}

/// What the group knows, whichever node leads.
pub(crate) struct State {
    /// How far the run is: prepare, setup, run, teardown, over.
    pub(crate) step: usize,
    /// The last window in a checkpoint.
    pub(crate) through: u64,
    /// Iterations of all windows, each counted once.
    pub(crate) iterations: u64,
    /// Windows that came again.
    pub(crate) again: u64,
    /// By name of the message, how often it came.
    pub(crate) said: BTreeMap<&'static str, u64>,
    /// Streams that were broken.
    pub(crate) broken: u64,
    /// The node that leads.
    pub(crate) leader: usize,
    /// Iterations that the last window says to be complete.
    pub(crate) completed: u64,
    /// How often parts of the archive were asked for.
    pub(crate) fetched: u64,
    /// What the archive is; empty where none is asked for.
    pub(crate) archive: Bytes,
    /// The last window of each.
    checkpoints: Vec<u64>,
    start_us: i64,
    last_window: Option<u64>,
    random: u64,
}

/// How the group behaves.
#[derive(Clone, Copy)]
pub(crate) struct Script {
    /// Of so many messages one breaks the stream; 0 for none.
    pub(crate) break_one_of: u64,
    /// Streams that are broken at most.
    pub(crate) breaks_max: u64,
    /// Whether messages of the leader's are said twice.
    pub(crate) says_twice: bool,
    /// How long after a stream was broken nobody leads.
    pub(crate) outage: Duration,
}

pub(crate) struct Group {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) nodes: Vec<String>,
}

#[derive(Clone)]
struct Node {
    number: usize,
    addresses: Arc<Vec<SocketAddr>>,
    state: Arc<Mutex<State>>,
    script: Script,
}

fn unix_us() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64
}

fn next_random(state: &mut State) -> u64 {
    state.random ^= state.random << 13;
    state.random ^= state.random >> 7;
    state.random ^= state.random << 17;
    state.random
}

/// The last window that was in a checkpoint so many checkpoints ago.
fn checkpoints_before(state: &State, behind: u64) -> u64 {
    state.checkpoints.iter().rev().nth(behind as usize).copied().unwrap_or_default()
}

/// The leader's number while there is none.
const NOBODY: usize = usize::MAX;

impl Group {
    /// Begins to serve on so many nodes, on a thread of their own.
    pub(crate) fn start(count: usize, seed: u64, script: Script) -> Self {
        let state = State {
            step: 0,
            through: 0,
            iterations: 0,
            again: 0,
            said: BTreeMap::new(),
            broken: 0,
            leader: count - 1,
            completed: 0,
            fetched: 0,
            archive: Bytes::new(),
            checkpoints: Vec::new(),
            start_us: 0,
            last_window: None,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        let state = Arc::new(Mutex::new(state));
        let listeners: Vec<_> = (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = Arc::new(listeners.iter().map(|one| one.local_addr().unwrap()).collect::<Vec<_>>());
        let nodes = addresses.iter().map(ToString::to_string).collect();
        let of_nodes = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut serving = tokio::task::JoinSet::new();
                for (number, listener) in listeners.into_iter().enumerate() {
                    listener.set_nonblocking(true).unwrap();
                    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                    let (addresses, state) = (Arc::clone(&addresses), Arc::clone(&of_nodes));
                    let node = Node { number, addresses, state, script };
                    let services =
                        Services { agents: AgentsServer::new(node.clone()), cluster: ClusterServer::new(node) };
                    serving.spawn(Server::builder().serve_with_incoming(services, TcpIncoming::from(listener)));
                }
                while serving.join_next().await.is_some() {}
            });
        });
        Self { state, nodes }
    }
}

#[tonic::async_trait]
impl Agents for Node {
    type JoinStream = ReceiverStream<Result<JoinResponse, Status>>;

    async fn join(&self, request: Request<Streaming<JoinRequest>>) -> Result<Response<Self::JoinStream>, Status> {
        let mut requests = request.into_inner();
        let (sender, receiver) = mpsc::channel(64);
        let node = self.clone();
        tokio::spawn(async move {
            if let Err(status) = node.serve(&mut requests, &sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl Node {
    async fn serve(
        &self,
        requests: &mut Streaming<JoinRequest>,
        sender: &mpsc::Sender<Result<JoinResponse, Status>>,
    ) -> Result<(), Status> {
        let Some(Said::Register(register)) = requests.message().await?.and_then(|first| first.message) else {
            return Err(Status::failed_precondition("it doesn't register"));
        };
        let leader = self.state.lock().unwrap().leader;
        if leader != self.number {
            let leader = self.addresses.get(leader).map(ToString::to_string).unwrap_or_default();
            return self.say(sender, Say::Redirect(proto::Redirect { leader })).await;
        }
        if register.version != "0.1.0" {
            let message = format!("the agent runs throng {}, and the coordinators run 0.1.0", register.version);
            let reason = proto::RefusalReason::Version.into();
            return self.say(sender, Say::Refused(proto::Refused { reason, message })).await;
        }
        let registered = proto::Registered {
            lease_ms: 3_000,
            heartbeat_ms: 100,
            version: "0.1.0".to_owned(),
            nodes: self.addresses.iter().map(ToString::to_string).collect(),
            clock: register.clock.map(answer),
            allowed_targets: None,
        };
        self.say(sender, Say::Registered(registered)).await?;
        self.order(sender).await?;
        while let Some(request) = requests.message().await? {
            let Some(message) = request.message else { continue };
            self.take(message, sender).await?;
            if self.state.lock().unwrap().leader != self.number {
                return Err(Status::unavailable("it doesn't lead any more"));
            }
        }
        Ok(())
    }

    /// Says something, and perhaps breaks the stream before or after it.
    async fn say(&self, sender: &mpsc::Sender<Result<JoinResponse, Status>>, message: Say) -> Result<(), Status> {
        self.perhaps_break()?;
        let is_first = matches!(message, Say::Registered(_) | Say::Redirect(_) | Say::Refused(_));
        let times = if self.script.says_twice && !is_first { 2 } else { 1 };
        for _ in 0..times {
            let response = JoinResponse { message: Some(message.clone()) };
            sender.send(Ok(response)).await.map_err(|_| Status::cancelled("it is gone"))?;
        }
        self.perhaps_break()
    }

    fn perhaps_break(&self) -> Result<(), Status> {
        let mut state = self.state.lock().unwrap();
        if self.script.break_one_of == 0 || state.broken >= self.script.breaks_max {
            return Ok(());
        }
        if !next_random(&mut state).is_multiple_of(self.script.break_one_of) {
            return Ok(());
        }
        state.broken += 1;
        let next = next_random(&mut state) as usize % self.addresses.len();
        state.leader = NOBODY;
        drop(state);
        let (state, outage) = (Arc::clone(&self.state), self.script.outage);
        tokio::spawn(async move {
            tokio::time::sleep(outage).await;
            state.lock().unwrap().leader = next;
        });
        Err(Status::unavailable("broken by the script"))
    }

    fn part() -> Option<proto::Part> {
        Some(proto::Part { run_id: "run-1".to_owned(), epoch: 1 })
    }

    async fn order(&self, sender: &mpsc::Sender<Result<JoinResponse, Status>>) -> Result<(), Status> {
        use proto::order::Task;
        let (step, committed, start_unix_us, archive) = {
            let mut state = self.state.lock().unwrap();
            // What it says of checkpoints may be old.
            let behind = if self.script.break_one_of > 0 { next_random(&mut state) % 3 } else { 0 };
            let archive = Sha256::digest(&state.archive).to_vec();
            (state.step, checkpoints_before(&state, behind), state.start_us, archive)
        };
        if step == 2 {
            let result = Some(proto::SetupResult { run: Some("{}".to_owned()), ..Default::default() });
            self.say(sender, Say::SetupData(proto::SetupData { part: Self::part(), result })).await?;
        }
        let task = match step {
            0 => Task::Prepare(proto::Prepare {}),
            1 => Task::Setup(proto::Setup {}),
            2 => Task::Run(proto::Run { start_unix_us, has_setup_data: true, ..Default::default() }),
            _ => Task::Teardown(proto::Teardown::default()),
        };
        let order = proto::Order {
            part: Self::part(),
            archive: archive.into(),
            segment: "0:1".to_owned(),
            sequence: "0,1".to_owned(),
            committed,
            task: Some(task),
            ..Default::default()
        };
        let parts = if step < 4 { vec![order] } else { Vec::new() };
        self.say(sender, Say::Orders(proto::Orders { parts, leave: step >= 4 })).await
    }

    async fn take(&self, message: Said, sender: &mpsc::Sender<Result<JoinResponse, Status>>) -> Result<(), Status> {
        let (step, name) = match &message {
            Said::Heartbeat(heartbeat) => {
                return match heartbeat.clock {
                    Some(reading) => self.say(sender, Say::Clock(answer(reading))).await,
                    None => Ok(()),
                };
            }
            Said::Ready(_) => (Some(0), "ready"),
            Said::SetupDone(_) => (Some(1), "setup done"),
            Said::Done(_) => (None, "done"),
            Said::TeardownDone(_) => (Some(3), "teardown done"),
            Said::Window(_) => (None, "window"),
            Said::Drain(_) => (None, "drain"),
            Said::Failed(failed) => panic!("{failed:?}"),
            other => panic!("{other:?}"),
        };
        self.perhaps_break()?;
        *self.state.lock().unwrap().said.entry(name).or_default() += 1;
        match message {
            Said::Window(window) => self.checkpoint(&window, sender).await?,
            Said::Done(done) => self.state.lock().unwrap().last_window = Some(done.last_window),
            _ => {}
        }
        let has_moved = {
            let mut state = self.state.lock().unwrap();
            let is_done = state.step == 2 && state.last_window == Some(state.through);
            let has_moved = is_done || step == Some(state.step);
            state.step += usize::from(has_moved);
            if has_moved && state.step == 2 {
                state.start_us = unix_us() + 50_000;
            }
            has_moved
        };
        if has_moved { self.order(sender).await } else { Ok(()) }
    }

    /// Takes a window once.
    async fn checkpoint(
        &self,
        window: &proto::Window,
        sender: &mpsc::Sender<Result<JoinResponse, Status>>,
    ) -> Result<(), Status> {
        let through = {
            let mut state = self.state.lock().unwrap();
            if window.last <= state.through {
                state.again += 1;
            } else {
                assert_eq!(window.first, state.through + 1, "windows come in order, and are cut where they were");
                let decoded = Window::decode(&window.window, &Registry::new()).unwrap();
                state.iterations += decoded.series.iter().map(count).sum::<u64>();
                state.through = window.last;
                state.checkpoints.push(window.last);
                let standing = window.standing.iter().flat_map(|standing| &standing.scenarios);
                state.completed = standing.map(|scenario| scenario.completed).sum();
            }
            state.through
        };
        // It is in the log, and the agent may never hear of that.
        self.say(sender, Say::Committed(proto::Committed { part: Self::part(), through })).await
    }
}

fn count(series: &throng_stats::WindowSeries) -> u64 {
    match series.delta {
        _ if series.metric != builtin::ITERATIONS => 0,
        throng_stats::Aggregate::Counter { sum_millionths, .. } => (sum_millionths / 1_000_000) as u64,
        _ => 0,
    }
}

fn answer(reading: proto::ClockReading) -> proto::ClockAnswer {
    let now = unix_us();
    proto::ClockAnswer { sent_ns: reading.sent_ns, received_unix_us: now, answered_unix_us: now }
}

/// Workers that give so many windows, and count what they are told.
pub(crate) struct Counting {
    pub(crate) told: Arc<Mutex<BTreeMap<String, u64>>>,
    news: mpsc::Sender<PartNews>,
    windows: u64,
    every: Duration,
    left: Arc<AtomicU64>,
}

impl Counting {
    pub(crate) fn new(windows: u64, every: Duration) -> (Self, mpsc::Receiver<PartNews>) {
        let (news, heard) = mpsc::channel(16);
        (Self { told: Arc::default(), news, windows, every, left: Arc::default() }, heard)
    }

    fn told(&self, what: &str) {
        *self.told.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    fn say(&self, part: &PartId, events: impl FnOnce(&dyn Fn(PartEvent)) + Send + 'static) {
        let (news, part) = (self.news.clone(), part.clone());
        std::thread::spawn(move || events(&|event| drop(news.blocking_send((part.clone(), event)))));
    }
}

fn window(number: u64) -> WorkerEvent {
    let mut recorder = Recorder::new(Arc::new(Registry::new()), SourceId(0));
    let series = recorder.series(builtin::ITERATIONS, &TagSet::empty());
    recorder.increment(series, iterations(number));
    let window = recorder.take(Duration::from_secs(number));
    let (first, last, standing) = (number, number, Standing::default());
    WorkerEvent::Window(Box::new(AgentWindow { first, last, window, vus: Vec::new(), standing }))
}

impl Workers for Counting {
    fn begin(&mut self, order: Order, nodes: Vec<String>) {
        assert!(!nodes.is_empty());
        self.told("begin");
        let registry = Arc::new(Registry::new());
        self.say(&PartId::from(&order), |say| say(PartEvent::Begun { registry, has_vu_init: false }));
    }

    fn tell(&mut self, part: &PartId, step: Step) {
        let worker = PartEvent::Worker;
        match step {
            Step::Prepare => {
                self.told("prepare");
                self.say(part, move |say| say(worker(WorkerEvent::Ready(Ok(Standing::default())))));
            }
            Step::Setup { .. } => {
                self.told("set up");
                self.say(part, move |say| say(worker(WorkerEvent::SetupDone(Ok(SetupData::default())))));
            }
            Step::Start { began, at, .. } => {
                assert_eq!(began, at, "the run begins with its load if the group says nothing else");
                self.told("start");
                let (windows, every, left) = (self.windows, self.every, Arc::clone(&self.left));
                self.say(part, move |say| {
                    for number in 1..=windows {
                        std::thread::sleep(every);
                        left.fetch_add(1, Ordering::SeqCst);
                        say(worker(window(number)));
                    }
                    say(worker(WorkerEvent::Done { last_window: windows, unstarted: Vec::new() }));
                });
            }
            Step::Teardown => {
                self.told("tear down");
                let last_window = self.windows;
                self.say(part, move |say| say(worker(WorkerEvent::TeardownDone { result: Ok(()), last_window })));
            }
            other => panic!("{other:?}"),
        }
    }

    fn window_taken(&mut self, _part: &PartId) {
        self.left.fetch_sub(1, Ordering::SeqCst);
    }

    fn release(&mut self, _part: &PartId) {
        self.told("release");
    }

    fn is_idle(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

/// Keeps what it is told.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<String>);

impl Notes for Kept {
    fn note(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    fn warn(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}
