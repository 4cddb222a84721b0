//! Wrong flags.

use super::{Row, flags};

pub(super) fn rows() -> Vec<Row> {
    [unknown(), load(), requests(), names_and_tls(), results()].concat()
}

/// What clap refuses by itself.
fn unknown() -> Vec<Row> {
    vec![
        flags("--iteratons 3", "", "similar argument exists: '--iterations'"),
        flags("--iteratons 3", "", "'--iterations'"),
        flags("--durration 3s", "", "'--duration'"),
        flags("--stages 3s:1", "", "'--stage'"),
        flags("--tags a=b", "", "'--tag'"),
        flags("--blacklist-ips 10.0.0.0/8", "", "'--blacklist-ip'"),
        flags("--execution-segmnt 0:1", "", "'--execution-segment'"),
        flags("--summary-modes full", "", "'--summary-mode'"),
        flags("--no-thresholdz", "", "'--no-thresholds'"),
        flags("-z", "", "unexpected argument '-z'"),
        flags("--vus", "", "a value is required for '--vus <N>'"),
        flags("-d", "", "a value is required for '--duration <TIME>'"),
        flags("more.wasm", "", "unexpected argument 'more.wasm'"),
        flags("--throw true", "", "unexpected argument 'true'"),
    ]
}

fn load() -> Vec<Row> {
    vec![
        flags("--vus x", "vus", "must be a whole number, not \"x\""),
        flags("--vus=", "vus", "must be a whole number, not \"\""),
        flags("--vus 0", "vus", "must be 1 to 100000000, not 0"),
        flags("--vus -1", "vus", "at least 1, not -1"),
        flags("--vus 1.5", "vus", "a whole number of at least 1, not 1.5"),
        flags("--vus 100000001", "vus", "must be 1 to 100000000"),
        flags("--vus 18446744073709551616", "vus", "must be a whole number"),
        flags("--vus 0x10", "vus", "must be a whole number, not \"0x10\""),
        flags("--iterations 0", "iterations", "at least 1, not 0"),
        flags("--iterations many", "iterations", "must be a whole number, not \"many\""),
        flags("--iterations 3 --vus 5", "iterations", "at least the number of VUs, 5, not 3"),
        flags("--duration soon", "duration", "write it like `30s`"),
        flags("--duration 5x", "duration", "units are d, h, m, s, ms, us and ns"),
        flags("--duration 0s", "duration", "must be at least 1s, not 0s"),
        flags("--duration 10", "duration", "must be at least 1s, not 10ms"),
        flags("--duration=-5s", "duration", "negative"),
        flags("--duration=", "duration", "write it like `30s`"),
        flags("--duration 400000d", "duration", "longer than 292 years"),
        flags("--duration 5s --stage 5s:5", "duration", "give the stages the durations"),
        flags("--iterations 5 --stage 5s:5", "iterations", "leave one of them out"),
        flags("--stage 5s", "stages[0].target", "is required: the level at the stage's end"),
        flags("--stage 5s:", "stages[0].target", "must be a whole number, not \"\""),
        flags("--stage 5s:ten", "stages[0].target", "must be a whole number, not \"ten\""),
        flags("--stage 5s:-1", "stages[0].target", "at least 0, not -1"),
        flags("--stage 5:y:10", "stages[0].duration", "`5:y`"),
        flags("--stage 5s:1,6x:2", "stages[1].duration", "units are d, h, m, s"),
        flags("--stage :10", "stages[0].duration", "write it like `30s`"),
        flags("--stage 5s:100000001", "stages", "100000000"),
        flags("--execution-segment 2", "executionSegment", "shares are 0 to 1"),
        flags("--execution-segment 1/2:1/4", "executionSegment", "it must end above its begin"),
        flags("--execution-segment a:b", "executionSegment", "write it like `1/3`, `0.25` or `25%`"),
        flags("--execution-segment 1/0", "executionSegment", "isn't a share of the whole"),
        flags("--execution-segment-sequence 0", "executionSegmentSequence", "write its cut points like `0,1/3,2/3,1`"),
        flags("--execution-segment-sequence 0,1/2,1/3", "executionSegmentSequence", "must end above its begin"),
        flags("--execution-segment-sequence 0,x,1", "executionSegmentSequence", "`x` isn't a share"),
        flags("--execution-segment-sequence 0,1/2,1", "executionSegmentSequence", "give one of its segments too"),
        flags(
            "--execution-segment 0:1/3 --execution-segment-sequence 0,1/2,1",
            "executionSegment",
            "its bounds must be neighbouring cut points",
        ),
        flags("--paused=maybe", "paused", "must be true or false, not \"maybe\""),
        flags("--linger=yes", "linger", "must be true or false, not \"yes\""),
        flags("--no-setup=2", "noSetup", "must be true or false, not \"2\""),
        flags("--no-teardown=on", "noTeardown", "must be true or false"),
        flags("--rps x", "rps", "must be a whole number"),
        flags("--rps -1", "rps", "at least 0, not -1"),
        flags("--min-iteration-duration 1y", "minIterationDuration", "units are d, h, m, s"),
        flags("--no-thresholds=sometimes", "noThresholds", "must be true or false, not \"sometimes\""),
        flags("--include-system-env-vars=x", "includeSystemEnvVars", "must be true or false"),
        flags("-e 1A=x", "env", "NAME is a letter or _"),
        flags("-e A", "env", "write it as NAME=VALUE"),
        flags("-e A-B=x", "env", "then letters, digits or _"),
        flags("-c /nowhere/options.json", "config", "name a file with options as JSON or TOML"),
        flags("-c /", "config", "can't be read"),
    ]
}

fn requests() -> Vec<Row> {
    vec![
        flags("--user-agent=a\u{1}b", "userAgent", "may not contain control characters"),
        flags("--max-redirects few", "maxRedirects", "must be a whole number, not \"few\""),
        flags("--max-redirects 5000000000", "maxRedirects", "must be 0 to 4294967295"),
        flags("--batch -2", "batch", "at least 0, not -2"),
        flags("--batch-per-host 1.5", "batchPerHost", "not 1.5"),
        flags("--http-debug=ful", "httpDebug", "did you mean `full`?"),
        flags("--http-debug=everything", "httpDebug", "there are headers, full"),
        flags("--throw=no", "throw", "must be true or false, not \"no\""),
        flags("--discard-response-bodies=x", "discardResponseBodies", "must be true or false"),
        flags("--no-connection-reuse=x", "noConnectionReuse", "must be true or false"),
        flags("--no-vu-connection-reuse=x", "noVUConnectionReuse", "must be true or false"),
    ]
}

fn names_and_tls() -> Vec<Row> {
    vec![
        flags("--dns x", "dns", "`x` isn't KEY=VALUE"),
        flags("--dns tll=5m", "dns.tll", "did you mean `ttl`?"),
        flags("--dns ttl=soon", "dns.ttl", "write it like `30s`"),
        flags("--dns select=last", "dns.select", "there are first, random, roundRobin"),
        flags("--dns policy=onlyIPv5", "dns.policy", "did you mean `onlyIPv"),
        flags("--blacklist-ip 10.0.0.0/33", "blacklistIPs[0]", "write it like `10.0.0.0/8`"),
        flags("--blacklist-ip 10.0.0.0/8,local", "blacklistIPs[1]", "`local` isn't a network"),
        flags("--block-hostnames http://a", "blockHostnames[0]", "without scheme and"),
        flags("--block-hostnames a.*", "blockHostnames[0]", "a pattern is `*` and then what names end with"),
        flags("--insecure-skip-tls-verify=x", "insecureSkipTLSVerify", "must be true or false"),
        flags("--tls-ca /nowhere/ca.pem", "throng.tlsCaCertificates", "name a file in PEM form"),
        flags("--tls-ca /etc/hostname", "throng.tlsCaCertificates[0]", "holds no certificate in PEM form"),
    ]
}

fn results() -> Vec<Row> {
    vec![
        flags("--tag x", "tags", "write it like `name=value`"),
        flags("--tag =x", "tags[\"\"]", "the name may not be empty"),
        flags("--tag x=", "tags.x", "the value may not be empty"),
        flags("--system-tags statsu", "systemTags[0]", "did you mean `status`?"),
        flags("--system-tags status,colour", "systemTags[1]", "there are proto, subproto"),
        flags("--summary-mode ful", "summaryMode", "did you mean `full`?"),
        flags("--summary-mode legacy", "summaryMode", "there are compact, full, disabled"),
        flags("--no-summary=x", "summaryMode", "its switch must be true or false, not \"x\""),
        flags("--no-summary --summary-mode=full", "summaryMode", "leave one of them out"),
        flags("--summary-trend-stats avg,p95", "summaryTrendStats[1]", "N in p(N) is a number from 0 to 100"),
        flags("--summary-trend-stats mean", "summaryTrendStats[0]", "use avg, min, med, max, count or p(N)"),
        flags("--summary-time-unit m", "summaryTimeUnit", "use s, ms or us"),
        flags("--out =x", "out[0]", "write it like `json=samples.json`"),
    ]
}
