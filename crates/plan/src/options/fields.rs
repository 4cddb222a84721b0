//! The names of options.

/// Options that are read.
pub(super) const TOP: [&str; 18] = [
    "vus",
    "duration",
    "iterations",
    "scenarios",
    "thresholds",
    "tags",
    "userAgent",
    "discardResponseBodies",
    "noConnectionReuse",
    "noVUConnectionReuse",
    "minIterationDuration",
    "setupTimeout",
    "teardownTimeout",
    "noSetup",
    "noTeardown",
    "summaryTrendStats",
    "summaryTimeUnit",
    "systemTags",
];

/// The key of throng's own options.
pub(super) const OWN: &str = "throng";

/// Options of k6 that aren't supported yet.
pub(super) const TOP_NOT_YET: [&str; 29] = [
    "stages",
    "executionSegment",
    "executionSegmentSequence",
    "paused",
    "handleSummaryTimeout",
    "rps",
    "dns",
    "maxRedirects",
    "batch",
    "batchPerHost",
    "httpDebug",
    "insecureSkipTLSVerify",
    "tlsCipherSuites",
    "tlsVersion",
    "tlsAuth",
    "throw",
    "blacklistIPs",
    "blockHostnames",
    "hosts",
    "noCookiesReset",
    "metricSamplesBufferSize",
    "cloud",
    "consoleOutput",
    "localIPs",
    "out",
    "linger",
    "noUsageReport",
    "webDashboard",
    "ext",
];

/// Options under `throng`.
pub(super) const THRONG: [&str; 3] = ["memoryLimit", "guestTimeLimit", "seed"];

/// Fields of every scenario.
pub(super) const SCENARIO: [&str; 6] = ["executor", "startTime", "gracefulStop", "exec", "env", "tags"];

/// Fields of every scenario that aren't supported yet.
pub(super) const SCENARIO_NOT_YET: [&str; 1] = ["options"];

/// Executors of k6 that aren't supported yet.
pub(super) const EXECUTORS_NOT_YET: [&str; 4] =
    ["ramping-vus", "constant-arrival-rate", "ramping-arrival-rate", "externally-controlled"];

/// Executors, with the fields that each has besides the common ones.
pub(super) const EXECUTORS: [(&str, &[&str]); 3] = [
    ("constant-vus", &["vus", "duration"]),
    ("per-vu-iterations", &["vus", "iterations", "maxDuration"]),
    ("shared-iterations", &["vus", "iterations", "maxDuration"]),
];

/// Fields of a threshold's object form.
pub(super) const THRESHOLD: [&str; 3] = ["threshold", "abortOnFail", "delayAbortEval"];
