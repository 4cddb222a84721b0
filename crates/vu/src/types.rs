//! The records of `wit/script.wit` as Rust types.

mod bare;
mod sockets;

pub use bare::{TcpSpec, UdpSpec};
pub use sockets::{CloseFrame, DeflateOffer, SocketEnd, SocketFailure, SocketMessage, SocketSpec, SocketState};

use wasmtime::component::{ComponentType, Lift, Lower};

/// What a script asks for: `http.request-options`, as the guest gave it.
///
/// Nothing is checked yet. An invalid URL, method or header is reported by
/// [`Host::send`](crate::Host::send).
#[derive(Debug, Clone, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(record)]
pub struct RequestSpec {
    /// The method, for example `GET`.
    pub method: String,
    /// An absolute URL.
    pub url: String,
    /// Headers in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body; `None` and an empty one differ in `content-length`.
    pub body: Option<Vec<u8>>,
    /// Limit for the whole exchange in milliseconds; `None` is the default.
    #[component(name = "timeout-ms")]
    pub timeout_ms: Option<u32>,
    /// The interned set of tags of this request's samples; 0 is the empty set.
    pub tags: u32,
    /// What becomes of the response's body; `None` follows the options.
    #[component(name = "response-body")]
    pub response_body: Option<ResponseBody>,
    /// How many redirects are followed; `None` follows the options.
    #[component(name = "redirects-max")]
    pub redirects_max: Option<u32>,
    /// What the body is compressed with, in this order.
    pub compression: Vec<Coding>,
    /// For digest authentication.
    pub digest: Option<Credentials>,
    /// Ranges of statuses, ends included, that are no failures; empty is 200 to 399.
    pub expected: Vec<(u16, u16)>,
    /// The jar; 0 is the VU's own.
    pub jar: u32,
    /// Cookies of this request alone, by name and value.
    pub cookies: Vec<(String, String)>,
}

/// A range of a data file: `http.file-range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct FileRange {
    /// The file's index in the script's description.
    pub file: u32,
    /// Its first byte, from 0.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// A piece of a request's body: `http.body-part`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(variant)]
pub enum BodyPart {
    /// Bytes of the guest's.
    #[component(name = "bytes")]
    Bytes(Vec<u8>),
    /// Bytes of a data file.
    #[component(name = "file")]
    File(FileRange),
}

/// The body of one send, in place of the prepared one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// In one piece.
    Bytes(Vec<u8>),
    /// In pieces, one behind the other.
    Parts(Vec<BodyPart>),
}

/// What becomes of a response's body: `http.response-body`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum ResponseBody {
    /// It is kept.
    #[component(name = "keep")]
    Keep,
    /// It is counted and dropped.
    #[component(name = "discard")]
    Discard,
    /// The guest takes it while it arrives.
    #[component(name = "stream")]
    Stream,
}

/// How a body is compressed: `http.coding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum Coding {
    /// RFC 1952.
    #[component(name = "gzip")]
    Gzip,
    /// RFC 1950.
    #[component(name = "deflate")]
    Deflate,
    /// RFC 7932.
    #[component(name = "br")]
    Br,
    /// RFC 8878.
    #[component(name = "zstd")]
    Zstd,
}

/// A name and its password: `http.credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, ComponentType, Lift)]
#[component(record)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Why a request has no response, or one that can't be used: `http.failure`.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct Failure {
    /// k6's `error_code`, for example 1212 for a refused connection.
    pub code: u16,
    /// What happened, for a person.
    pub message: String,
}

/// The parts of one exchange in nanoseconds: `http.exchange-timings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct Timings {
    /// From wanting a connection to having it.
    #[component(name = "blocked")]
    pub blocked_ns: u64,
    /// Resolving the name.
    #[component(name = "looking-up")]
    pub looking_up_ns: u64,
    /// TCP connect.
    #[component(name = "connecting")]
    pub connecting_ns: u64,
    /// TLS handshake.
    #[component(name = "tls-handshaking")]
    pub tls_handshaking_ns: u64,
    /// Writing the request.
    #[component(name = "sending")]
    pub sending_ns: u64,
    /// Request written until the first byte of the response.
    #[component(name = "waiting")]
    pub waiting_ns: u64,
    /// First byte until the last of the body.
    #[component(name = "receiving")]
    pub receiving_ns: u64,
}

/// The virtual user: `execution.vu-info`. Numbers begin at 1; setup and
/// teardown run as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct VuInfo {
    /// Number within this agent.
    #[component(name = "id-in-instance")]
    pub id_in_instance: u64,
    /// Number within the whole run.
    #[component(name = "id-in-test")]
    pub id_in_test: u64,
    /// Iterations this VU has begun before this one, in any scenario.
    #[component(name = "iteration-in-instance")]
    pub iteration_in_instance: u64,
    /// The same for the current scenario.
    #[component(name = "iteration-in-scenario")]
    pub iteration_in_scenario: u64,
}

/// The scenario: `execution.scenario-info`.
#[derive(Debug, Clone, PartialEq, ComponentType, Lower)]
#[component(record)]
pub struct ScenarioInfo {
    /// Its key in `options.scenarios`.
    pub name: String,
    /// k6's name of the load model, for example `constant-vus`.
    pub executor: String,
    /// When it began, milliseconds since 1970.
    #[component(name = "start-time-ms")]
    pub start_time_ms: u64,
    /// Share of it that is over, 0 to 1.
    pub progress: f64,
    /// Iterations begun in this agent before this one.
    #[component(name = "iteration-in-instance")]
    pub iteration_in_instance: u64,
    /// This iteration's number in the whole run; no other has it.
    #[component(name = "iteration-in-test")]
    pub iteration_in_test: u64,
}

/// This agent's part of the run: `execution.instance-info`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct InstanceInfo {
    /// Time since the run began, nanoseconds.
    #[component(name = "current-test-run-duration")]
    pub current_test_run_duration_ns: u64,
    /// Iterations that ended by themselves.
    #[component(name = "iterations-completed")]
    pub iterations_completed: u64,
    /// Iterations that were cut.
    #[component(name = "iterations-interrupted")]
    pub iterations_interrupted: u64,
    /// VUs that are in a scenario now.
    #[component(name = "vus-active")]
    pub vus_active: u64,
    /// VUs that exist.
    #[component(name = "vus-initialized")]
    pub vus_initialized: u64,
}

/// How important a log message is: `log.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum LogLevel {
    /// For finding faults in the script.
    #[component(name = "debug")]
    Debug,
    /// Of interest.
    #[component(name = "info")]
    Info,
    /// Something to look at.
    #[component(name = "warn")]
    Warn,
    /// Something that failed.
    #[component(name = "error")]
    Error,
}

/// How a metric's samples are combined: `metrics.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum MetricKind {
    /// Their sum.
    #[component(name = "counter")]
    Counter,
    /// The last value, with the smallest and the largest.
    #[component(name = "gauge")]
    Gauge,
    /// The share of samples that aren't zero.
    #[component(name = "rate")]
    Rate,
    /// Their distribution.
    #[component(name = "trend")]
    Trend,
}

/// A metric of the script's own: `metrics.definition`. The name is as the
/// guest gave it, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct MetricDefinition {
    /// Its name.
    pub name: String,
    /// How samples are combined.
    pub kind: MetricKind,
    /// Whether the values are times in milliseconds.
    #[component(name = "is-time")]
    pub is_time: bool,
}

/// What a data file holds: `files.file-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum FileFormat {
    /// Bytes.
    #[component(name = "raw")]
    Raw,
    /// Comma-separated values, with a header.
    #[component(name = "csv")]
    Csv,
    /// A JSON array.
    #[component(name = "json")]
    Json,
}

/// A data file that the script reads: `files.file-declaration`. The path is as
/// the guest gave it, not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct FileDeclaration {
    /// Where it is, from the script's directory.
    pub path: String,
    /// What it holds.
    pub format: FileFormat,
}

/// What the export `describe` says: `description`. It can't grow without another version of the contract.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Described {
    options: String,
    functions: Vec<String>,
    metrics: Vec<MetricDefinition>,
    files: Vec<FileDeclaration>,
    #[component(name = "has-setup")]
    has_setup: bool,
    #[component(name = "has-teardown")]
    has_teardown: bool,
    #[component(name = "has-summarize")]
    has_summarize: bool,
}

/// What a script consists of: the export `describe`, and those of later scripts that say more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Options in k6's shape, a JSON object; empty for none.
    pub options: String,
    /// Names of the functions that scenarios may call; [`Vu::run`](crate::Vu::run)
    /// takes an index into it.
    pub functions: Vec<String>,
    /// The script's metrics; [`Host::add_metric`](crate::Host::add_metric) gets
    /// an index into it.
    pub metrics: Vec<MetricDefinition>,
    /// The script's data files; [`Host::file_size`](crate::Host::file_size) and
    /// its like get an index into it.
    pub files: Vec<FileDeclaration>,
    /// Whether `setup` does anything.
    pub has_setup: bool,
    /// Whether `teardown` does anything.
    pub has_teardown: bool,
    /// Whether `summarize` does anything.
    pub has_summarize: bool,
    /// Names of the functions that may be a scenario's setup;
    /// [`Vu::setup_scenario`](crate::Vu::setup_scenario) takes an index into it.
    pub scenario_setups: Vec<String>,
    /// Whether `init-vu` does anything.
    pub has_vu_init: bool,
}

impl Description {
    pub(crate) fn new(described: Described, scenario_setups: Vec<String>, has_vu_init: bool) -> Self {
        let Described { options, functions, metrics, files, has_setup, has_teardown, has_summarize } = described;
        Self {
            options,
            functions,
            metrics,
            files,
            has_setup,
            has_teardown,
            has_summarize,
            scenario_setups,
            has_vu_init,
        }
    }
}
