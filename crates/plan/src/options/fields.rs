//! The names of options.

/// Options that are read.
pub(super) const TOP: [&str; 41] = [
    "vus",
    "duration",
    "iterations",
    "stages",
    "scenarios",
    "thresholds",
    "tags",
    "userAgent",
    "discardResponseBodies",
    "noConnectionReuse",
    "noVUConnectionReuse",
    "maxRedirects",
    "batch",
    "batchPerHost",
    "rps",
    "httpDebug",
    "throw",
    "noCookiesReset",
    "insecureSkipTLSVerify",
    "tlsCipherSuites",
    "tlsVersion",
    "tlsAuth",
    "hosts",
    "blacklistIPs",
    "blockHostnames",
    "dns",
    "minIterationDuration",
    "setupTimeout",
    "teardownTimeout",
    "noSetup",
    "noTeardown",
    "summaryTrendStats",
    "summaryTimeUnit",
    "systemTags",
    "executionSegment",
    "executionSegmentSequence",
    "paused",
    "linger",
    "summaryMode",
    "handleSummaryTimeout",
    "out",
];

/// The key of throng's own options.
pub(super) const OWN: &str = "throng";

/// Options of k6 that aren't supported yet, and what to do instead.
pub(super) const TOP_NOT_YET: [(&str, &str); 3] = [
    ("consoleOutput", "name the file by --console-output or THRONG_CONSOLE_OUTPUT"),
    ("localIPs", "it describes a machine: give it by --bind-ips or K6_LOCAL_IPS"),
    ("webDashboard", "leave it out: `throng watch` shows a running test, --out writes its samples"),
];

/// Options of k6 that are of no effect here, and why if that is worth telling. What they hold isn't looked at.
pub(super) const TOP_WITHOUT_EFFECT: [(&str, Option<&str>); 4] = [
    ("cloud", Some("it is for Grafana Cloud")),
    ("ext", Some("it is for Grafana Cloud")),
    ("metricSamplesBufferSize", Some("samples are merged where they are made, and wait in no buffer")),
    ("noUsageReport", None),
];

/// Options under `throng`.
pub(super) const THRONG: [&str; 7] =
    ["memoryLimit", "guestTimeLimit", "deadPeerTimeout", "seed", "tlsCaCertificates", "agents", "onAgentLoss"];

/// Options that drop each other in lower layers.
pub(super) const REPLACE_LOAD: [&str; 4] = ["iterations", "duration", "stages", "scenarios"];

/// Fields of `dns`.
pub(super) const DNS: [&str; 3] = ["ttl", "select", "policy"];

/// Fields of `tlsVersion`.
pub(super) const TLS_VERSION: [&str; 2] = ["min", "max"];

/// Fields of `tlsAuth`'s elements.
pub(super) const TLS_AUTH: [&str; 4] = ["cert", "key", "password", "domains"];

/// Fields of every scenario.
pub(super) const SCENARIO: [&str; 7] = ["executor", "startTime", "gracefulStop", "exec", "setup", "env", "tags"];

/// Fields of every scenario that aren't supported yet, and what to do instead.
pub(super) const SCENARIO_NOT_YET: [(&str, &str); 1] =
    [("options", "leave it out: it is for browsers, and there are none")];

/// Executors, with the fields that each has besides the common ones.
pub(super) const EXECUTORS: [(&str, &[&str]); 7] = [
    ("constant-arrival-rate", &["rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"]),
    ("constant-vus", &["vus", "duration"]),
    ("externally-controlled", &["vus", "maxVUs", "duration"]),
    ("per-vu-iterations", &["vus", "iterations", "maxDuration"]),
    ("ramping-arrival-rate", &["startRate", "timeUnit", "stages", "preAllocatedVUs", "maxVUs"]),
    ("ramping-vus", &["startVUs", "stages", "gracefulRampDown"]),
    ("shared-iterations", &["vus", "iterations", "maxDuration"]),
];

/// Fields of the elements of `stages`.
pub(super) const STAGE: [&str; 2] = ["duration", "target"];

/// Fields of a threshold's object form.
pub(super) const THRESHOLD: [&str; 5] = ["threshold", "abortOnFail", "delayAbortEval", "window", "requireSamples"];
