//! A host that answers from memory and writes down what it was asked.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use throng_vu::{
    Connections, Failure, Host, InstanceInfo, LogLevel, RequestBody, RequestSpec, ScenarioInfo, SocketHost, TcpHost,
    TcpSpec, Timings, UdpHost, UdpSpec, VuInfo,
};

/// When a host call that may wait is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// At once.
    No,
    /// At its second poll, which it asks for itself.
    Once,
    /// Not before [`Journal::open`] is set.
    Gate,
}

/// What hosts were asked, shared with the test.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) prepared: Vec<RequestSpec>,
    pub(crate) sent: usize,
    pub(crate) bodies: Vec<RequestBody>,
    pub(crate) checks: Vec<(u32, bool)>,
    pub(crate) released: usize,
    /// How often the next iteration was asked for.
    pub(crate) asked: usize,
    /// Errors of iterations, and how often was asked before each.
    pub(crate) errors: Vec<(usize, String)>,
    /// There is no next iteration.
    pub(crate) over: bool,
    pub(crate) slept: Vec<Duration>,
    pub(crate) waits_dropped: usize,
    pub(crate) said: Vec<String>,
    pub(crate) messages: Vec<(LogLevel, usize)>,
    pub(crate) open: bool,
    pub(crate) parked: Vec<Waker>,
}

/// A host for one VU.
pub(crate) struct FakeHost {
    pub(crate) journal: Rc<RefCell<Journal>>,
    pub(crate) wait: Wait,
    /// Answers in order; a plain 200 when there is none.
    pub(crate) failures: VecDeque<Option<Failure>>,
    /// Whether a failure ends the iteration.
    pub(crate) throws: bool,
    /// Exchanges started so far.
    started: u32,
    /// Reads of streamed bodies so far.
    reads: u32,
    /// How many iterations a run has; one.
    pub(crate) iterations: usize,
    /// For how long the next iterations are waited for, in order; not at all when
    /// there is none.
    pub(crate) between: VecDeque<Wait>,
    /// Iterations of this run.
    begun: usize,
    began: Instant,
    random: u64,
    registered: u32,
    columns: [String; 1],
    /// Of event-driven instances.
    pub(crate) connections: Option<Box<dyn Connections>>,
}

pub(crate) struct FakeResponse {
    body: Vec<u8>,
    failure: Option<Failure>,
}

impl FakeHost {
    /// A host whose runs have one iteration.
    pub(crate) fn new(wait: Wait) -> FakeHost {
        FakeHost {
            journal: Rc::default(),
            wait,
            failures: VecDeque::new(),
            throws: false,
            started: 0,
            reads: 0,
            iterations: 1,
            between: VecDeque::new(),
            begun: 0,
            began: Instant::now(),
            random: 0,
            registered: 0,
            columns: ["vus".to_owned()],
            connections: None,
        }
    }

    /// A host whose runs have this many.
    pub(crate) fn with_iterations(wait: Wait, iterations: usize) -> FakeHost {
        FakeHost { iterations, ..FakeHost::new(wait) }
    }

    fn known(&self, exchange: u32) -> Result<(), String> {
        let is_known = (1..=self.started).contains(&exchange);
        is_known.then_some(()).ok_or_else(|| format!("no exchange has the number {exchange}"))
    }

    /// There is one file, of one column.
    fn file(&self, file: u32) -> Result<&'static [u8], String> {
        if file == 0 { Ok(b"vus\n3\n4\n") } else { Err(format!("there is no file {file}")) }
    }

    fn say(&self, text: impl Into<String>) {
        self.journal.borrow_mut().said.push(text.into());
    }
}

/// Notes when it is dropped before the wait is over.
struct Waiting {
    journal: Rc<RefCell<Journal>>,
    is_over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            self.journal.borrow_mut().waits_dropped += 1;
        }
    }
}

fn wait(journal: Rc<RefCell<Journal>>, wait: Wait) -> impl Future<Output = ()> {
    let mut waiting = Waiting { journal, is_over: false };
    let mut polls = 0;
    poll_fn(move |cx| {
        polls += 1;
        let is_over = match wait {
            Wait::No => true,
            Wait::Once => polls > 1,
            Wait::Gate => waiting.journal.borrow().open,
        };
        if is_over {
            waiting.is_over = true;
            return Poll::Ready(());
        }
        match wait {
            Wait::Gate => waiting.journal.borrow_mut().parked.push(cx.waker().clone()),
            _ => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    })
}

impl SocketHost for FakeHost {}

/// There is one socket, of the number 7, that gets `heard`; a failure in place of it is the next of `failures`.
impl TcpHost for FakeHost {
    async fn connect_tcp(&mut self, spec: TcpSpec) -> Result<Result<u32, Failure>, String> {
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("{spec:?}"));
        Ok(self.failures.pop_front().flatten().map_or(Ok(7), Err))
    }

    async fn send_tcp(
        &mut self,
        socket: u32,
        bytes: Vec<u8>,
        limit: Option<Duration>,
    ) -> Result<Result<(), Failure>, String> {
        is_held(socket, 7)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("tcp {} within {limit:?}", String::from_utf8_lossy(&bytes)));
        Ok(Ok(()))
    }

    async fn receive_tcp(
        &mut self,
        socket: u32,
        bytes_max: u32,
        limit: Option<Duration>,
    ) -> Result<Result<Option<Vec<u8>>, Failure>, String> {
        is_held(socket, 7)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("tcp receives {bytes_max} within {limit:?}"));
        Ok(Ok(Some(b"heard".to_vec())))
    }

    async fn end_sending_tcp(&mut self, socket: u32, limit: Option<Duration>) -> Result<Result<(), Failure>, String> {
        is_held(socket, 7)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("tcp ends within {limit:?}"));
        Ok(Ok(()))
    }

    fn reset_tcp(&mut self, socket: u32) -> Result<(), String> {
        is_held(socket, 7)?;
        self.say("tcp reset");
        Ok(())
    }

    fn drop_tcp(&mut self, socket: u32) -> Result<(), String> {
        is_held(socket, 7)?;
        self.say("tcp dropped");
        Ok(())
    }
}

/// There is one socket, of the number 3, that gets `far`.
impl UdpHost for FakeHost {
    async fn connect_udp(&mut self, spec: UdpSpec) -> Result<Result<u32, Failure>, String> {
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("{spec:?}"));
        Ok(Ok(3))
    }

    async fn send_udp(&mut self, socket: u32, datagram: Vec<u8>) -> Result<Result<(), Failure>, String> {
        is_held(socket, 3)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("udp {}", String::from_utf8_lossy(&datagram)));
        Ok(Ok(()))
    }

    async fn receive_udp(
        &mut self,
        socket: u32,
        limit: Option<Duration>,
    ) -> Result<Result<Option<Vec<u8>>, Failure>, String> {
        is_held(socket, 3)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("udp receives within {limit:?}"));
        Ok(Ok(Some(b"far".to_vec())))
    }

    fn drop_udp(&mut self, socket: u32) -> Result<(), String> {
        is_held(socket, 3)?;
        self.say("udp dropped");
        Ok(())
    }
}

fn is_held(socket: u32, held: u32) -> Result<(), String> {
    if socket == held { Ok(()) } else { Err(format!("no socket has the number {socket}")) }
}

impl Host for FakeHost {
    type Request = RequestSpec;
    type Response = FakeResponse;

    fn prepare(&mut self, spec: RequestSpec) -> RequestSpec {
        self.journal.borrow_mut().prepared.push(spec.clone());
        spec
    }

    async fn send(&mut self, _request: &RequestSpec, body: Option<RequestBody>) -> Result<FakeResponse, String> {
        wait(Rc::clone(&self.journal), self.wait).await;
        let mut journal = self.journal.borrow_mut();
        journal.sent += 1;
        journal.bodies.extend(body);
        let failure = self.failures.pop_front().flatten();
        match failure {
            Some(failure) if self.throws => Err(failure.message),
            failure => Ok(FakeResponse { body: b"hello".to_vec(), failure }),
        }
    }

    fn start(&mut self, _request: &RequestSpec, body: Option<RequestBody>) -> Result<u32, String> {
        self.journal.borrow_mut().bodies.extend(body);
        self.started += 1;
        Ok(self.started)
    }

    /// The exchange started last ends first.
    async fn wait_any(&mut self, exchanges: Vec<u32>, limit: Option<Duration>) -> Result<Option<u32>, String> {
        wait(Rc::clone(&self.journal), self.wait).await;
        self.say(format!("wait for {exchanges:?} {limit:?}"));
        Ok(exchanges.iter().position(|exchange| *exchange == self.started).map(|place| place as u32))
    }

    /// A body of one piece.
    async fn read(&mut self, exchange: u32) -> Result<Option<Vec<u8>>, String> {
        self.known(exchange)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        self.reads += 1;
        Ok((self.reads == 1).then(|| b"hello".to_vec()))
    }

    async fn finish(&mut self, exchange: u32) -> Result<FakeResponse, String> {
        self.known(exchange)?;
        wait(Rc::clone(&self.journal), self.wait).await;
        Ok(FakeResponse { body: format!("{exchange}").into_bytes(), failure: None })
    }

    fn cancel(&mut self, exchange: u32) -> Result<(), String> {
        self.known(exchange)?;
        self.say(format!("cancel {exchange}"));
        Ok(())
    }

    fn status(&self, response: &FakeResponse) -> u16 {
        if response.failure.is_some() { 0 } else { 200 }
    }

    fn failure(&self, response: &FakeResponse) -> Option<Failure> {
        response.failure.clone()
    }

    fn url(&self, _response: &FakeResponse) -> String {
        "http://elsewhere/".to_owned()
    }

    fn redirects(&self, _response: &FakeResponse) -> u32 {
        2
    }

    fn body_size(&self, response: &FakeResponse) -> u64 {
        response.body.len() as u64
    }

    fn duration_ns(&self, _response: &FakeResponse) -> u64 {
        1234
    }

    fn new_jar(&mut self) -> Result<u32, String> {
        Ok(3)
    }

    fn drop_jar(&mut self, jar: u32) -> Result<(), String> {
        self.say(format!("drop jar {jar}"));
        Ok(())
    }

    fn cookies(&mut self, jar: u32, url: &str) -> Result<Vec<(String, String)>, String> {
        self.say(format!("cookies {jar} {url}"));
        Ok(vec![("a".to_owned(), "b".to_owned())])
    }

    fn set_cookie(&mut self, jar: u32, url: &str, cookie: &str) -> Result<(), String> {
        self.say(format!("set {jar} {url} {cookie}"));
        Err("no cookie".to_owned())
    }

    fn delete_cookies(&mut self, jar: u32, url: &str, name: Option<&str>) -> Result<(), String> {
        self.say(format!("delete {jar} {url} {name:?}"));
        Ok(())
    }

    fn resolve_url(&self, base: &str, reference: &str) -> Result<String, String> {
        self.say(format!("resolve {reference} against {base}"));
        Ok(format!("{base}{reference}"))
    }

    fn body<'a>(&'a mut self, response: &'a FakeResponse) -> &'a [u8] {
        &response.body
    }

    fn header(&mut self, _response: &FakeResponse, name: &str) -> Option<String> {
        (name == "x-kind").then(|| "fake".to_owned())
    }

    fn headers(&mut self, _response: &FakeResponse) -> Vec<(String, String)> {
        vec![("x-kind".to_owned(), "fake".to_owned())]
    }

    fn timings(&mut self, _response: &FakeResponse) -> Timings {
        Timings {
            blocked_ns: 1,
            looking_up_ns: 2,
            connecting_ns: 3,
            tls_handshaking_ns: 4,
            sending_ns: 5,
            waiting_ns: 6,
            receiving_ns: 7,
        }
    }

    fn release(&mut self, _response: FakeResponse) {
        self.journal.borrow_mut().released += 1;
    }

    async fn next_iteration(&mut self, outcome: Result<(), String>) -> bool {
        let waits = self.between.pop_front().unwrap_or(Wait::No);
        wait(Rc::clone(&self.journal), waits).await;
        let mut journal = self.journal.borrow_mut();
        if let Err(error) = outcome {
            let asked = journal.asked;
            journal.errors.push((asked, error));
        }
        journal.asked += 1;
        let goes_on = self.begun < self.iterations && !journal.over;
        self.begun = if goes_on { self.begun + 1 } else { 0 };
        goes_on
    }

    async fn sleep(&mut self, duration: Duration) {
        wait(Rc::clone(&self.journal), self.wait).await;
        self.journal.borrow_mut().slept.push(duration);
    }

    fn intern_tags(&mut self, pairs: Vec<(String, String)>) -> Result<u32, String> {
        self.say(format!("intern {pairs:?}"));
        Ok(7)
    }

    fn register_check(&mut self, name: String, tags: u32) -> Result<u32, String> {
        self.say(format!("register {name} {tags}"));
        self.registered += 1;
        Ok(self.registered - 1)
    }

    fn record_check(&mut self, check: u32, passed: bool) -> Result<(), String> {
        if check >= self.registered {
            return Err(format!("no check has the number {check}"));
        }
        self.journal.borrow_mut().checks.push((check, passed));
        Ok(())
    }

    fn enter_group(&mut self, name: String) -> Result<(), String> {
        if name.contains("::") {
            return Err("a group's name can't have `::`".to_owned());
        }
        self.say(format!("enter {name}"));
        Ok(())
    }

    fn leave_group(&mut self) {
        self.say("leave");
    }

    fn add_metric(&mut self, metric: u32, value: f64, tags: u32) -> Result<(), String> {
        if metric > 0 {
            return Err(format!("no metric has the number {metric}"));
        }
        self.say(format!("add {metric} {value} {tags}"));
        Ok(())
    }

    fn file_size(&self, file: u32) -> Result<u64, String> {
        self.file(file).map(|bytes| bytes.len() as u64)
    }

    fn read_file(&self, file: u32, offset: u64, length: u32) -> Result<&[u8], String> {
        let part = offset as usize..offset as usize + length as usize;
        self.file(file)?.get(part).ok_or_else(|| "no such part".to_owned())
    }

    fn file_rows(&self, file: u32) -> Result<u64, String> {
        self.file(file).map(|_| 2)
    }

    fn file_header(&self, file: u32) -> Result<&[String], String> {
        self.file(file).map(|_| &self.columns[..])
    }

    fn file_row(&self, file: u32, index: u64) -> Result<&[u8], String> {
        let rows: [&[u8]; 2] = [b"3", b"4"];
        self.file(file)?;
        rows.get(index as usize).copied().ok_or_else(|| format!("there is no row {index}"))
    }

    fn vu_info(&self) -> VuInfo {
        VuInfo { id_in_instance: 11, id_in_test: 12, iteration_in_instance: 13, iteration_in_scenario: 14 }
    }

    fn scenario_info(&self) -> Option<ScenarioInfo> {
        Some(ScenarioInfo {
            name: "main".to_owned(),
            executor: "constant-vus".to_owned(),
            start_time_ms: 21,
            progress: 0.5,
            iteration_in_instance: 22,
            iteration_in_test: 23,
        })
    }

    fn instance_info(&self) -> InstanceInfo {
        InstanceInfo {
            current_test_run_duration_ns: 21,
            iterations_completed: 22,
            iterations_interrupted: 23,
            vus_active: 24,
            vus_initialized: 25,
        }
    }

    fn set_tag(&mut self, key: String, value: Option<String>) {
        self.say(format!("tag {key} {value:?}"));
    }

    fn abort(&mut self, message: &str) {
        self.say(format!("abort {message}"));
    }

    fn fail(&mut self, message: String) {
        self.say(format!("fail {message}"));
    }

    fn env(&self, name: &str) -> Option<String> {
        Some(format!("value of {name}"))
    }

    fn setup_data(&self) -> Option<String> {
        Some("{}".to_owned())
    }

    fn run_setup_data(&self) -> Option<String> {
        None
    }

    fn connections(&mut self) -> Option<&mut (dyn Connections + '_)> {
        match &mut self.connections {
            Some(connections) => Some(&mut **connections),
            None => None,
        }
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn unix_ms(&self) -> u64 {
        1_700_000_000_000
    }

    fn random_next(&mut self) -> u64 {
        self.random += 1;
        self.random
    }

    fn random_seed(&mut self, seed: u64) {
        self.random = seed;
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.journal.borrow_mut().messages.push((level, message.len()));
    }
}
