//! The service and its client over real sockets, with a run that is played.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use throng_protocol::control::{
    ControlClient, Ending, Event, LogLevel, LogRecord, RunEnd, RunState, RunStatus, ScaleRequest, Scaled, Scaling,
    StatusRequest, StatusResponse, ThresholdOutcome, WatchRequest,
};
use throng_protocol::{ControlError, ErrorKind};
use throng_remote::{
    Board, CLIENTS_MAX, Client, MESSAGES_MAX, Place, REQUEST_BYTES_MAX, RunControl, RunDirectory, RunId, Server,
    ServerConfig, ServerError, WATCHERS_MAX,
};

const DEADLINE: Duration = Duration::from_secs(30);

/// A run that does as it is told.
#[derive(Debug, Default)]
struct Played {
    status: Mutex<RunStatus>,
    /// Whether it takes for ever to pause.
    hangs: bool,
}

impl Played {
    fn set(&self, change: impl FnOnce(&mut RunStatus)) {
        change(&mut self.status.lock().unwrap());
    }
}

impl RunControl for Played {
    fn status(&self) -> RunStatus {
        self.status.lock().unwrap().clone()
    }

    fn scale(&self, scaling: Scaling) -> Result<Scaled, ControlError> {
        let Scaling { scenario: Some(scenario), vus: Some(vus), max_vus } = scaling else {
            return Err(ControlError::new(ErrorKind::Refused, "no scenario is externally controlled"));
        };
        self.set(|status| status.vus = vus);
        Ok(Scaled { scenario, vus, max_vus })
    }

    fn pause(&self) -> Result<(), ControlError> {
        if self.hangs {
            loop {
                std::thread::park();
            }
        }
        self.set(|status| status.set_state(RunState::Paused));
        Ok(())
    }

    fn resume(&self) -> Result<(), ControlError> {
        self.set(|status| status.set_state(RunState::Running));
        Ok(())
    }

    fn stop(&self) -> Result<(), ControlError> {
        self.set(|status| status.stopping = true);
        Ok(())
    }
}

/// A run that is served.
struct Stage {
    server: Server,
    board: Board,
    run: Arc<Played>,
    directory: RunDirectory,
    _parent: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::playing(Played::default())
    }

    fn playing(played: Played) -> Self {
        played.set(|status| {
            status.run_id = "run-1".to_owned();
            status.set_state(RunState::Running);
        });
        let parent = tempfile::tempdir().unwrap();
        let directory = RunDirectory::new(parent.path().join("throng"));
        let (board, run) = (Board::new(), Arc::new(played));
        let config = ServerConfig {
            run: RunId::parse("run-1").unwrap(),
            directory: Some(directory.clone()),
            address: Some("127.0.0.1:0".parse().unwrap()),
            version: "1.2.3".to_owned(),
        };
        let server = Server::start(config, board.clone(), Arc::clone(&run) as Arc<dyn RunControl>).unwrap();
        Self { server, board, run, directory, _parent: parent }
    }

    fn socket(&self) -> Place {
        Place::Socket(self.directory.runs().unwrap()[0].socket.clone())
    }

    fn address(&self) -> SocketAddr {
        self.server.address().unwrap()
    }

    fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap()
    }
}

fn end(code: u32) -> RunEnd {
    let ending = Ending { exit_code: code, ..Ending::default() };
    let status = RunStatus {
        run_id: "run-1".to_owned(),
        state: RunState::Ended.into(),
        ending: Some(ending),
        ..RunStatus::default()
    };
    RunEnd { status: Some(status), summary_text: "a summary".to_owned(), ..RunEnd::default() }
}

fn message(text: &str, level: LogLevel) -> LogRecord {
    LogRecord { level: level.into(), message: text.to_owned(), source: String::new() }
}

/// Looks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_is_asked_and_changed_over_both_ways() {
    let stage = Stage::new();
    for place in [stage.socket(), Place::Address(stage.address().to_string())] {
        let mut client = Client::connect(&place).unwrap();
        for run_id in ["", "run-1"] {
            let response = client.status(run_id).unwrap();
            assert_eq!((response.runs.len(), response.server_version.as_str()), (1, "1.2.3"));
        }
        assert_eq!(client.pause("run-1").unwrap().state(), RunState::Paused);
        assert_eq!(client.resume("").unwrap().state(), RunState::Running);
        let request =
            ScaleRequest { scenario: "a".to_owned(), vus: Some(7), max_vus: Some(9), ..ScaleRequest::default() };
        let scaled = client.scale(request).unwrap();
        assert_eq!((scaled.scenario.as_str(), scaled.vus, scaled.max_vus), ("a", 7, Some(9)));
        assert_eq!(client.status("").unwrap().runs[0].vus, 7);
        assert!(client.stop("run-1").unwrap().stopping);
    }
}

#[test]
fn errors_come_over_as_what_they_are() {
    let stage = Stage::new();
    let mut client = stage.client();
    let missing = client.status("run-2").unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert!(missing.message.contains("only run-1"), "{missing}");
    assert_eq!(client.stop("run-2").unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(client.scale(ScaleRequest::default()).unwrap_err().kind, ErrorKind::InvalidArgument);
    let refused = client.scale(ScaleRequest { vus: Some(1), ..ScaleRequest::default() }).unwrap_err();
    assert_eq!(refused, ControlError::new(ErrorKind::Refused, "no scenario is externally controlled"));
    // Larger than any request is.
    let large = client.status(&"x".repeat(REQUEST_BYTES_MAX + 1)).unwrap_err();
    assert!(matches!(large.kind, ErrorKind::InvalidArgument | ErrorKind::Exhausted), "{large:?}");
    stage.board.end(end(0));
    assert_eq!(client.pause("").unwrap_err().kind, ErrorKind::Refused);
    assert_eq!(client.status("").unwrap().runs[0].state(), RunState::Ended);
}

#[test]
fn nobody_answers_where_no_run_is() {
    let stage = Stage::new();
    let (socket, address) = (stage.socket(), stage.address().to_string());
    let directory = stage.directory.path().to_owned();
    drop(stage.server);
    assert!(!directory.exists(), "the run leaves nothing behind");
    for place in [socket, Place::Address(address), Place::Address("127.0.0.1:1".to_owned())] {
        let error = Client::connect(&place).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(error.message.contains("no test answers at"), "{error}");
    }
    for malformed in ["nowhere", "http://127.0.0.1:1", "127.0.0.1:port", "a b:1", ""] {
        let error = Client::connect(&Place::Address(malformed.to_owned())).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{malformed:?}: {error}");
    }
}

#[test]
fn an_address_in_use_is_told() {
    let stage = Stage::new();
    let config =
        ServerConfig { run: RunId::random(), directory: None, address: Some(stage.address()), version: String::new() };
    let error = Server::start(config, Board::new(), Arc::new(Played::default())).unwrap_err();
    assert!(matches!(error, ServerError::Address { .. }), "{error}");
}

#[test]
fn a_watcher_sees_progress_messages_thresholds_and_the_end() {
    let stage = Stage::new();
    let mut client = stage.client();
    let mut seen = Vec::new();
    let last = client.watch("run-1", LogLevel::Warn, |event| {
        // Each step follows what was seen of the one before.
        match &event {
            Event::Progress(status) if status.vus == 0 => {
                stage.board.log(|| message("not for it", LogLevel::Info));
                stage.board.log(|| message("late", LogLevel::Warn));
            }
            Event::Log(_) => stage.run.set(|status| {
                status.vus = 3;
                status.set_state(RunState::Teardown);
                status.thresholds = vec![ThresholdOutcome::default()];
            }),
            Event::Progress(_) => stage.board.end(end(99)),
            _ => {}
        }
        seen.push(event);
    });
    let last = last.unwrap();
    assert_eq!(last.summary_text, "a summary");
    assert_eq!(last.status.and_then(|status| status.ending).map(|ending| ending.exit_code), Some(99));
    let kinds: Vec<&str> = seen
        .iter()
        .map(|event| match event {
            Event::Progress(status) if status.vus == 0 => "progress",
            Event::Progress(_) => "later progress",
            Event::Log(record) => record.message.as_str(),
            Event::Thresholds(_) => "thresholds",
            _ => "something else",
        })
        .collect();
    // A second may pass in between on a busy machine.
    let mut without_repetition = kinds.clone();
    without_repetition.dedup();
    assert_eq!(without_repetition, ["progress", "late", "thresholds", "later progress"], "{kinds:?}");
    // Whoever comes when it is over sees how it ended.
    let mut late = Vec::new();
    stage.client().watch("", LogLevel::Info, |event| late.push(event)).unwrap();
    assert!(matches!(&late[..], [Event::Progress(status)] if status.state() == RunState::Ended), "{late:?}");
}

#[test]
fn a_slow_watcher_is_told_what_it_missed_and_holds_up_nobody() {
    const MESSAGES: usize = 20_000;
    let stage = Stage::new();
    let mut client = stage.client();
    let (begun, begins) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let watching = std::thread::spawn(move || {
        let (mut messages, mut skipped) = (0, 0);
        let mut first = true;
        client
            .watch("", LogLevel::Info, |event| {
                if std::mem::take(&mut first) {
                    begun.send(()).unwrap();
                    waits.recv().unwrap();
                }
                match event {
                    Event::Log(_) => messages += 1,
                    Event::Skipped(some) => skipped += some.messages,
                    _ => {}
                }
            })
            .unwrap();
        (messages, skipped)
    });
    begins.recv().unwrap();
    let text = "x".repeat(1_000);
    let began = Instant::now();
    for _ in 0..MESSAGES {
        stage.board.log(|| message(&text, LogLevel::Info));
    }
    stage.board.end(end(0));
    let took = began.elapsed();
    // Another client isn't kept waiting by it.
    assert_eq!(stage.client().status("").unwrap().runs.len(), 1);
    go_on.send(()).unwrap();
    let (messages, skipped) = watching.join().unwrap();
    // The end is one of the news that pushed out others.
    assert_eq!(messages + skipped, MESSAGES as u64);
    assert!(skipped > 0 && messages >= MESSAGES_MAX as u64 - 1, "{messages} of {MESSAGES}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn watchers_are_as_many_as_may_be() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = Vec::new();
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", stage.address())).unwrap();
        let mut channel = endpoint.connect().await.unwrap();
        for number in 0..WATCHERS_MAX {
            // A connection has room for some of them.
            if number % 8 == 0 {
                channel = endpoint.connect().await.unwrap();
            }
            let stream = ControlClient::new(channel.clone()).watch(WatchRequest::default()).await;
            streams.push(stream.unwrap().into_inner());
        }
        let mut client = ControlClient::new(endpoint.connect().await.unwrap());
        let status = client.watch(WatchRequest::default()).await.unwrap_err();
        assert_eq!(ControlError::from(status).kind, ErrorKind::Exhausted);
        streams.pop();
        let began = Instant::now();
        while client.watch(WatchRequest::default()).await.is_err() {
            assert!(began.elapsed() < DEADLINE, "the place of one who has gone isn't free");
        }
    });
}

#[test]
fn a_run_that_does_not_answer_holds_up_nobody_else() {
    let stage = Stage::playing(Played { hangs: true, ..Played::default() });
    let mut client = stage.client();
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| stage.client().pause("").unwrap_err());
        assert_eq!(client.status("").unwrap().runs.len(), 1);
        let error = hanging.join().unwrap();
        assert!(matches!(error.kind, ErrorKind::TimedOut | ErrorKind::Unavailable), "{error:?}");
    });
    assert_eq!(client.status("").unwrap().runs.len(), 1);
    let began = Instant::now();
    drop(stage.server);
    assert!(began.elapsed() < DEADLINE, "its end waits for nobody: {:?}", began.elapsed());
}

#[test]
fn garbage_is_answered_by_an_end_and_disturbs_nobody() {
    let stage = Stage::new();
    let mut client = stage.client();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    // A frame of 16 MiB; one that isn't allowed first; a window update by nothing.
    let frames: [&[u8]; 3] =
        [&[0xff; 9], &[0, 0, 4, 1, 4, 0, 0, 0, 1, 9, 9, 9, 9], &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]];
    let mut inputs = vec![b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), vec![0; 1 << 16], vec![0xff; 1 << 16]];
    inputs.extend(frames.iter().map(|frame| [preface, frame].concat()));
    for input in inputs {
        let mut stream = TcpStream::connect(stage.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // It may be closed before all is written.
        let _ = stream.write_all(&input);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(read.as_ref().map_or_else(reset, |_| true), "{:?}: {read:?}", &input[..9]);
        assert_eq!(client.status("").unwrap().runs.len(), 1);
    }
}

#[test]
fn clients_that_say_nothing_lose_their_places() {
    let stage = Stage::new();
    let mut over_socket = stage.client();
    let silent: Vec<TcpStream> = (0..CLIENTS_MAX).map(|_| TcpStream::connect(stage.address()).unwrap()).collect();
    let address = Place::Address(stage.address().to_string());
    let ask = || Client::connect(&address).and_then(|mut client| client.status(""));
    // Those are taken one after another, and then there is no place.
    until("all places are taken", || {
        let mut extra = TcpStream::connect(stage.address()).unwrap();
        extra.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        matches!(extra.read(&mut [0]), Ok(0))
    });
    assert_eq!(over_socket.status("").unwrap().runs.len(), 1, "the other way has places of its own");
    until("places are free again", || ask().is_ok());
    drop(silent);
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    use tonic::codegen::http::uri::PathAndQuery;
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |path: &'static str| {
        runtime.block_on(async {
            let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", stage.address())).unwrap();
            let mut grpc = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
            grpc.ready().await.unwrap();
            let codec = tonic_prost::ProstCodec::<StatusRequest, StatusResponse>::default();
            let request = tonic::Request::new(StatusRequest::default());
            grpc.unary(request, PathAndQuery::from_static(path), codec).await
        })
    };
    let error = ask("/throng.control.v2.Control/Status").unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unimplemented);
    assert!(error.message().contains("this throng speaks throng.control.v1.Control"), "{error}");
    assert_eq!(ask("/throng.control.v1.Control/Dance").unwrap_err().code(), tonic::Code::Unimplemented);
    assert!(ask("/throng.control.v1.Control/Status").is_ok());
}
