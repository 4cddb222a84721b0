//! Wrong variables.

use super::{Row, variable};

pub(super) fn rows() -> Vec<Row> {
    [load(), requests(), names_and_tls(), results()].concat()
}

fn load() -> Vec<Row> {
    vec![
        variable("K6_VUS", "x", "vus", "must be a whole number, not \"x\""),
        variable("THRONG_VUS", "0", "vus", "must be 1 to 100000000, not 0"),
        variable("K6_ITERATIONS", "-3", "iterations", "at least 1, not -3"),
        variable("THRONG_ITERATIONS", "1.5", "iterations", "a whole number of at least 1, not 1.5"),
        variable("K6_DURATION", "5 min", "duration", "`5 min`"),
        variable("THRONG_DURATION", "999", "duration", "must be at least 1s, not 999ms"),
        variable("K6_STAGES", "5s", "stages[0].target", "is required"),
        variable("K6_STAGES", "5s:1,x:2", "stages[1].duration", "`x`"),
        variable("THRONG_STAGES", "5s:x", "stages[0].target", "must be a whole number"),
        variable("THRONG_SCENARIOS", "{", "scenarios", "isn't valid JSON"),
        variable("THRONG_SCENARIOS", "[]", "scenarios", "must be an object, not an array"),
        variable(
            "THRONG_SCENARIOS",
            "{\"a\": {}}",
            "scenarios.a.executor",
            "is required; there are constant-arrival-rate",
        ),
        variable(
            "THRONG_SCENARIOS",
            "{\"a\": {\"executor\": \"constant-vu\"}}",
            "scenarios.a.executor",
            "did you mean `constant-vus`?",
        ),
        variable("K6_EXECUTION_SEGMENT", "150%", "executionSegment", "shares are 0 to 1"),
        variable("THRONG_EXECUTION_SEGMENT", "0.5.1", "executionSegment", "isn't a share of the whole"),
        variable("K6_EXECUTION_SEGMENT_SEQUENCE", "1,0", "executionSegmentSequence", "must end above its begin"),
        variable("K6_PAUSED", "maybe", "paused", "must be true or false, not \"maybe\""),
        variable("K6_WEB_DASHBOARD", "true", "webDashboard", "isn't supported yet; leave it out: `throng watch`"),
        variable("K6_LINGER", "2", "linger", "must be true or false"),
        variable("K6_NO_SETUP", "yes", "noSetup", "must be true or false, not \"yes\""),
        variable("THRONG_NO_TEARDOWN", "no", "noTeardown", "must be true or false, not \"no\""),
        variable("K6_SETUP_TIMEOUT", "0", "setupTimeout", "must be at least 1ns, not 0s"),
        variable("K6_TEARDOWN_TIMEOUT", "1 m", "teardownTimeout", "`1 m`"),
        variable("K6_RPS", "fast", "rps", "must be a whole number, not \"fast\""),
        variable("K6_MIN_ITERATION_DURATION", "-1s", "minIterationDuration", "negative"),
        variable("THRONG_SEED", "-1", "throng.seed", "at least 0, not -1"),
        variable("THRONG_SEED", "abc", "throng.seed", "must be a whole number, not \"abc\""),
        variable("THRONG_MEMORY_LIMIT", "64M", "throng.memoryLimit", "write it like `64MiB`"),
        variable("THRONG_MEMORY_LIMIT", "8GiB", "throng.memoryLimit", "must be 1MiB to 4GiB, not 8GiB"),
        variable("THRONG_AGENTS", "eu", "throng.agents", "write it like `3`, `all`, `zone=eu:2`"),
        variable("THRONG_ON_AGENT_LOSS", "stop", "throng.onAgentLoss", "there are fail, continue, reassign"),
        variable("THRONG_GUEST_TIME_LIMIT", "0", "throng.guestTimeLimit", "must be at least 1ms, not 0s"),
        variable("K6_NO_THRESHOLDS", "x", "noThresholds", "must be true or false, not \"x\""),
        variable("THRONG_NO_THRESHOLDS", "2", "noThresholds", "must be true or false"),
        variable("K6_INCLUDE_SYSTEM_ENV_VARS", "x", "includeSystemEnvVars", "must be true or false"),
        variable("K6_CONFIG", "/nowhere/x.json", "config", "/nowhere/x.json can't be read"),
        variable("THRONG_CONFIG", "/nowhere/x.toml", "config", "name a file with options as JSON or TOML"),
    ]
}

fn requests() -> Vec<Row> {
    vec![
        variable("K6_USER_AGENT", "a\nb", "userAgent", "may not contain control characters"),
        variable("K6_MAX_REDIRECTS", "-1", "maxRedirects", "at least 0, not -1"),
        variable("K6_BATCH", "all", "batch", "must be a whole number, not \"all\""),
        variable("K6_BATCH_PER_HOST", "5000000000", "batchPerHost", "must be 0 to 4294967295"),
        variable("K6_HTTP_DEBUG", "true", "httpDebug", "there are headers, full"),
        variable("K6_THROW", "x", "throw", "must be true or false"),
        variable("K6_DISCARD_RESPONSE_BODIES", "x", "discardResponseBodies", "must be true or false"),
        variable("K6_NO_CONNECTION_REUSE", "x", "noConnectionReuse", "must be true or false"),
        variable("K6_NO_VU_CONNECTION_REUSE", "x", "noVUConnectionReuse", "must be true or false"),
        variable("K6_NO_COOKIES_RESET", "x", "noCookiesReset", "must be true or false"),
    ]
}

fn names_and_tls() -> Vec<Row> {
    vec![
        variable("K6_DNS", "ttl", "dns", "write it like `ttl=5m,select=random,policy=any`"),
        variable("K6_DNS", "ttl=-1", "dns.ttl", "negative"),
        variable("THRONG_DNS", "{\"pollicy\": \"any\"}", "dns.pollicy", "did you mean `policy`?"),
        variable("K6_HOSTS", "a", "hosts", "write it like `name=value`"),
        variable("K6_HOSTS", "a=b", "hosts.a", "`b` isn't an address; write it like `192.0.2.1`"),
        variable("K6_HOSTS", "{\"a:0\": \"192.0.2.1\"}", "hosts[\"a:0\"]", "the port `0` isn't 1 to 65535"),
        variable("K6_HOSTS", "{\"a\": 5}", "hosts.a", "must be a string, not 5"),
        variable("K6_BLACKLIST_IPS", "10.0.0.0/8,x", "blacklistIPs[1]", "`x` isn't a network"),
        variable("K6_BLOCK_HOSTNAMES", "ö.de", "blockHostnames[0]", "beginning with `xn--`"),
        variable("K6_INSECURE_SKIP_TLS_VERIFY", "x", "insecureSkipTLSVerify", "must be true or false"),
        variable(
            "K6_TLS_CIPHER_SUITES",
            "TLS_AES_128_GCM_SHA265",
            "tlsCipherSuites[0]",
            "did you mean `TLS_AES_128_GCM_SHA256`?",
        ),
        variable("THRONG_TLS_VERSION", "tls1.1", "tlsVersion", "use \"tls1.2\" or \"tls1.3\""),
        variable("THRONG_TLS_VERSION", "{\"min\": \"tls1.4\"}", "tlsVersion.min", "did you mean `tls1."),
        variable("K6_TLSAUTH", "cert.pem", "tlsAuth", "isn't valid JSON"),
        variable("K6_TLSAUTH", "{}", "tlsAuth", "must be an array, not an object"),
        variable("K6_TLSAUTH", "[5]", "tlsAuth[0]", "must be an object, not 5"),
        variable("THRONG_TLS_CA", "/nowhere/ca.pem", "throng.tlsCaCertificates", "name a file in PEM form"),
    ]
}

fn results() -> Vec<Row> {
    vec![
        variable("K6_TAGS", "x", "tags", "write it like `name=value`"),
        variable("K6_TAGS", "a=1,b=", "tags.b", "the value may not be empty"),
        variable("K6_TAGS", ":x", "tags[\"\"]", "the name may not be empty"),
        variable("K6_SYSTEM_TAGS", "vuu", "systemTags[0]", "did you mean `vu`?"),
        variable("K6_THRESHOLDS", "checks: rate>1", "thresholds", "write it as in a script's options"),
        variable("K6_THRESHOLDS", "{\"checks\": \"rate>1\"}", "thresholds.checks", "must be an array"),
        variable("K6_THRESHOLDS", "{\"checks\": [\"rate\"]}", "thresholds.checks[0]", "write a statistic"),
        variable("K6_THRESHOLDS", "{\"cheks\": [\"rate>1\"]}", "thresholds.cheks", "did you mean `checks`?"),
        variable("K6_SUMMARY_MODE", "none", "summaryMode", "there are compact, full, disabled"),
        variable("THRONG_SUMMARY_MODE", "compct", "summaryMode", "did you mean `compact`?"),
        variable("K6_NO_SUMMARY", "x", "summaryMode", "its switch must be true or false, not \"x\""),
        variable("K6_SUMMARY_TREND_STATS", "avg,p(101)", "summaryTrendStats[1]", "from 0 to 100"),
        variable("K6_SUMMARY_TIME_UNIT", "min", "summaryTimeUnit", "use s, ms or us"),
        variable("K6_HANDLE_SUMMARY_TIMEOUT", "0s", "handleSummaryTimeout", "must be at least 1ns"),
        variable("K6_OUT", "=x", "out[0]", "has no name"),
    ]
}
