use std::{future::Future, time::Duration};

use crate::bare_sockets::{TcpHost, UdpHost};
use crate::connections::Connections;
use crate::sockets::SocketHost;
use crate::types::{Failure, InstanceInfo, LogLevel, RequestBody, RequestSpec, ScenarioInfo, Timings, VuInfo};

/// What a script can reach: one value a VU, given to [`Vu::new`](crate::Vu::new).
///
/// The methods are called on the VU's thread, on the guest's own stack, of
/// which at least 120 KiB are free for the host. Only [`send`](Host::send),
/// [`wait_any`](Host::wait_any), [`read`](Host::read), [`finish`](Host::finish),
/// [`next_iteration`](Host::next_iteration), [`sleep`](Host::sleep) and some of
/// [`SocketHost`], [`TcpHost`] and [`UdpHost`] may wait; their futures needn't be `Send`. Each is boxed for its call; below about
/// 1,000 bytes the allocator serves it from the thread's own cache. When the
/// future of a call is dropped, the one that it waits for is dropped too.
///
/// Of the two kinds of `Result<_, String>`, those of `intern_tags`,
/// `register_check`, `enter_group`, `cookies`, `set_cookie`, `delete_cookies`
/// and `resolve_url` are handed to the guest; an `Err` of the others traps with
/// that text, as [`FaultKind::Host`](crate::FaultKind::Host).
pub trait Host: SocketHost + TcpHost + UdpHost + 'static {
    /// A prepared request: what a guest's `request` stands for.
    type Request: 'static;
    /// A response, or why there is none: what a guest's `response` stands for.
    type Response: 'static;

    /// Checks and encodes a request. What is invalid is reported by `send`.
    fn prepare(&mut self, spec: RequestSpec) -> Self::Request;

    /// Sends a prepared request, with `body` instead of its own where given, and
    /// waits for the whole response.
    ///
    /// # Errors
    ///
    /// Traps: the request failed, and failures are to end the iteration; a body of
    /// a file's range that isn't there; a request whose response's body is streamed.
    fn send(
        &mut self,
        request: &Self::Request,
        body: Option<RequestBody>,
    ) -> impl Future<Output = Result<Self::Response, String>>;

    /// Begins an exchange that goes on by itself, and returns its number.
    ///
    /// # Errors
    ///
    /// Traps: too many are under way, or the body is of a range that isn't there.
    fn start(&mut self, request: &Self::Request, body: Option<RequestBody>) -> Result<u32, String>;

    /// Waits until one of these exchanges has ended, at most for as long as `limit`;
    /// its place in the list.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn wait_any(
        &mut self,
        exchanges: Vec<u32>,
        limit: Option<Duration>,
    ) -> impl Future<Output = Result<Option<u32>, String>>;

    /// Waits for more of a body that is streamed, and takes it; `None` when nothing
    /// more comes.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held, or an exchange that doesn't stream.
    fn read(&mut self, exchange: u32) -> impl Future<Output = Result<Option<Vec<u8>>, String>>;

    /// Waits for the end of an exchange and takes what it came to.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held; and as `send`.
    fn finish(&mut self, exchange: u32) -> impl Future<Output = Result<Self::Response, String>>;

    /// Cuts an exchange.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn cancel(&mut self, exchange: u32) -> Result<(), String>;

    /// The status, 100 to 999; 0 when no response came.
    fn status(&self, response: &Self::Response) -> u16;

    /// What went wrong, if anything did.
    fn failure(&self, response: &Self::Response) -> Option<Failure>;

    /// Where the response comes from.
    fn url(&self, response: &Self::Response) -> String;

    /// Redirects that were followed.
    fn redirects(&self, response: &Self::Response) -> u32;

    /// Bytes of the body as received, after transfer decoding.
    fn body_size(&self, response: &Self::Response) -> u64;

    /// Sending, waiting and receiving; or the time until there was a failure.
    fn duration_ns(&self, response: &Self::Response) -> u64;

    /// The body; empty when it was discarded.
    fn body<'a>(&'a mut self, response: &'a Self::Response) -> &'a [u8];

    /// The first header of this name in any case; bytes that aren't UTF-8 are
    /// replaced.
    fn header(&mut self, response: &Self::Response, name: &str) -> Option<String>;

    /// All headers in the order received.
    fn headers(&mut self, response: &Self::Response) -> Vec<(String, String)>;

    /// How long each part of the exchange took.
    fn timings(&mut self, response: &Self::Response) -> Timings;

    /// Takes a response back that the guest released, or that was left when the
    /// VU ended: its buffers can be used again.
    fn release(&mut self, response: Self::Response);

    /// Makes an empty jar of cookies.
    ///
    /// # Errors
    ///
    /// Traps: too many jars.
    fn new_jar(&mut self) -> Result<u32, String>;

    /// Gives a jar up, or empties the VU's own.
    ///
    /// # Errors
    ///
    /// Traps: a number that isn't held.
    fn drop_jar(&mut self, jar: u32) -> Result<(), String>;

    /// The cookies that a request to this URL would carry.
    ///
    /// # Errors
    ///
    /// For the guest: no such jar, an invalid URL.
    fn cookies(&mut self, jar: u32, url: &str) -> Result<Vec<(String, String)>, String>;

    /// Puts a cookie in the syntax of `Set-Cookie` into a jar.
    ///
    /// # Errors
    ///
    /// For the guest: no such jar, an invalid URL or cookie.
    fn set_cookie(&mut self, jar: u32, url: &str, cookie: &str) -> Result<(), String>;

    /// Removes the cookie of this name, or all, that a request to this URL would
    /// carry.
    ///
    /// # Errors
    ///
    /// For the guest: no such jar, an invalid URL.
    fn delete_cookies(&mut self, jar: u32, url: &str, name: Option<&str>) -> Result<(), String>;

    /// The absolute URL that a reference in the document at `base` leads to.
    ///
    /// # Errors
    ///
    /// For the guest: an invalid URL, or one that can't be requested.
    fn resolve_url(&self, base: &str, reference: &str) -> Result<String, String>;

    /// The guest ended its iteration with this outcome, and waits for the next one.
    /// False when there is none. An error's text has at most 16 KiB.
    ///
    /// At the first call of a run there is no iteration to end, and the outcome
    /// means nothing. A run that faults doesn't call it again, one that returns
    /// on its own needn't; and the guest may call it at any time, in setup too.
    fn next_iteration(&mut self, outcome: Result<(), String>) -> impl Future<Output = bool>;

    /// Waits.
    fn sleep(&mut self, duration: Duration) -> impl Future<Output = ()>;

    /// Interns a set of tags; the later of two equal keys wins.
    ///
    /// # Errors
    ///
    /// For the guest: an empty key, too many sets.
    fn intern_tags(&mut self, pairs: Vec<(String, String)>) -> Result<u32, String>;

    /// Registers a check.
    ///
    /// # Errors
    ///
    /// For the guest: a name with `::`, too many checks.
    fn register_check(&mut self, name: String, tags: u32) -> Result<u32, String>;

    /// Counts one outcome of a registered check.
    ///
    /// # Errors
    ///
    /// Traps: a number that `register_check` never gave.
    fn record_check(&mut self, check: u32, passed: bool) -> Result<(), String>;

    /// Enters a group below the current one.
    ///
    /// # Errors
    ///
    /// For the guest: a name with `::`, too deep.
    fn enter_group(&mut self, name: String) -> Result<(), String>;

    /// Leaves the innermost group, if there is one.
    fn leave_group(&mut self);

    /// Adds a sample to a metric of the script's own.
    ///
    /// # Errors
    ///
    /// Traps: an index out of range.
    fn add_metric(&mut self, metric: u32, value: f64, tags: u32) -> Result<(), String>;

    /// How many bytes a data file has.
    ///
    /// # Errors
    ///
    /// Traps, as do the next four: an index out of range, a file of another format.
    fn file_size(&self, file: u32) -> Result<u64, String>;

    /// A part of a data file, which is copied into the guest: of a limited length.
    ///
    /// # Errors
    ///
    /// Traps.
    fn read_file(&self, file: u32, offset: u64, length: u32) -> Result<&[u8], String>;

    /// How many rows a data file has.
    ///
    /// # Errors
    ///
    /// Traps.
    fn file_rows(&self, file: u32) -> Result<u64, String>;

    /// The names of a CSV file's columns.
    ///
    /// # Errors
    ///
    /// Traps.
    fn file_header(&self, file: u32) -> Result<&[String], String>;

    /// One row of a data file.
    ///
    /// # Errors
    ///
    /// Traps.
    fn file_row(&self, file: u32, index: u64) -> Result<&[u8], String>;

    /// The virtual user that this is.
    fn vu_info(&self) -> VuInfo;

    /// The scenario; `None` in setup, teardown and the VU's init.
    fn scenario_info(&self) -> Option<ScenarioInfo>;

    /// This agent's part of the run.
    fn instance_info(&self) -> InstanceInfo;

    /// Sets a tag for all later samples of this VU; `None` removes it.
    fn set_tag(&mut self, key: String, value: Option<String>);

    /// The whole run is to end. The call that asked for it ends with
    /// [`FaultKind::Aborted`](crate::FaultKind::Aborted) right after.
    fn abort(&mut self, message: &str);

    /// The run goes on and is marked as failed.
    fn fail(&mut self, message: String);

    /// The value of an environment variable given to the script.
    fn env(&self, name: &str) -> Option<String>;

    /// What setup returned, JSON: the scenario's own if that did, else the run's.
    fn setup_data(&self) -> Option<String>;

    /// What the run's setup returned, JSON.
    fn run_setup_data(&self) -> Option<String>;

    /// The connections of an event-driven instance, while it handles events; none
    /// elsewhere, where the script's calls to them trap.
    fn connections(&mut self) -> Option<&mut (dyn Connections + '_)> {
        None
    }

    /// Nanoseconds on a clock that never goes back.
    fn now_ns(&self) -> u64;

    /// Milliseconds since 1970.
    fn unix_ms(&self) -> u64;

    /// The next 64 random bits.
    fn random_next(&mut self) -> u64;

    /// Restarts the VU's generator from a seed.
    fn random_seed(&mut self, seed: u64);

    /// A message for the person who runs the test, at most 16 KiB.
    fn log(&mut self, level: LogLevel, message: &str);
}
