//! Wrong configuration files.

use super::{Row, file};

pub(super) fn rows() -> Vec<Row> {
    [form(), json(), toml()].concat()
}

/// Files that aren't JSON or TOML.
fn form() -> Vec<Row> {
    vec![
        file("a.json", "", "line 1, column 0", "this isn't valid JSON: EOF"),
        file("a.json", "{\n  \"vus\": 1\n", "line 3, column 0", "this isn't valid JSON: EOF while parsing an object"),
        file("a.json", "{\n  \"vus\": 1,\n}", "line 3, column 1", "trailing comma"),
        file("a.json", "{\"vus\" 1}", "line 1, column 8", "expected `:`"),
        file("a.json", "{vus: 1}", "line 1, column 2", "key must be a string"),
        file("a.json", "{} {}", "line 1, column 4", "trailing characters"),
        file("a.json", "vus = 1", "line 1, column 1", "this isn't valid JSON"),
        file("a.conf", " { vus", "line 1, column 4", "this isn't valid JSON"),
        file("a.toml", "vus = ", "line 1, column 7", "this isn't valid TOML"),
        file("a.toml", "userAgent = \"x\"\nvus 5\n", "line 2, column 5", "this isn't valid TOML"),
        file("a.toml", "vus = 1\nvus = 2\n", "line 2, column 1", "duplicate key"),
        file("a.toml", "[throng\nseed = 1", "line 1, column 8", "this isn't valid TOML"),
        file("a.toml", "{\"vus\": 1}", "line 1, column 1", "this isn't valid TOML"),
        file("a.toml", "# ö\nuserAgent = \"ö\" x\n", "line 2, column 17", "this isn't valid TOML"),
        file("a.conf", "vus = = 1", "line 1, column 7", "this isn't valid TOML"),
        file("a.json", "[]", "options", "must be an object, not an array"),
        file("a.json", "5", "options", "must be an object, not 5"),
    ]
}

fn json() -> Vec<Row> {
    vec![
        file("a.json", "{\"vuss\": 1}", "vuss", "did you mean `vus`?"),
        file("a.json", "{\"VUs\": 1}", "VUs", "did you mean `vus`?"),
        file("a.json", "{\"no_setup\": true}", "no_setup", "did you mean `noSetup`?"),
        file("a.json", "{\"quux\": 1}", "quux", "there is no `quux` in the options"),
        file("a.json", "{\"webDashboard\": true}", "webDashboard", "isn't supported yet"),
        file("a.json", "{\"vus\": \"5\"}", "vus", "must be a whole number, not \"5\""),
        file("a.json", "{\"duration\": true}", "duration", "a duration such as \"1m30s\""),
        file("a.json", "{\"stages\": {}}", "stages", "must be an array, not an object"),
        file("a.json", "{\"stages\": [5]}", "stages[0]", "must be an object, not 5"),
        file(
            "a.json",
            "{\"stages\": [{\"target\": 5, \"time\": \"5s\"}]}",
            "stages[0].time",
            "there are duration, target",
        ),
        file("a.json", "{\"executionSegment\": 0.5}", "executionSegment", "must be a string, not 0.5"),
        file("a.json", "{\"paused\": \"true\"}", "paused", "must be true or false, not \"true\""),
        file("a.json", "{\"tags\": {\"a\": 1}}", "tags.a", "must be a string, not 1"),
        file("a.json", "{\"out\": \"csv\"}", "out", "must be an array, not \"csv\""),
        file("a.json", "{\"out\": [\"\"]}", "out[0]", "has no name"),
        file("a.json", "{\"summaryMode\": true}", "summaryMode", "must be a string, not true"),
        file("a.json", "{\"hosts\": {\"a.*\": \"192.0.2.1\"}}", "hosts[\"a.*\"]", "a `*` that isn't its beginning"),
        file("a.json", "{\"throng\": {\"sed\": 1}}", "throng.sed", "did you mean `seed`?"),
        file("a.json", "{\"throng\": 5}", "throng", "must be an object, not 5"),
        file("a.json", "{\"dns\": {\"ttl\": \"never\"}}", "dns.ttl", "write it like `30s`"),
        file("a.conf", "{\"rps\": -1}", "rps", "at least 0, not -1"),
    ]
}

fn toml() -> Vec<Row> {
    vec![
        file("a.toml", "vuss = 1", "vuss", "did you mean `vus`?"),
        file("a.toml", "vus = 0", "vus", "must be 1 to 100000000, not 0"),
        file("a.toml", "vus = 1.5", "vus", "a whole number of at least 1, not 1.5"),
        file("a.toml", "vus = \"5\"", "vus", "must be a whole number, not \"5\""),
        file("a.toml", "duration = \"5x\"", "duration", "units are d, h, m, s"),
        file("a.toml", "[throng]\nmemorylimit = \"1MiB\"", "throng.memorylimit", "did you mean `memoryLimit`?"),
        file("a.toml", "throng.seed = -1", "throng.seed", "at least 0, not -1"),
        file("a.toml", "[tags]\na = \"\"", "tags.a", "the value may not be empty"),
        file("a.toml", "[[stages]]\nduration = \"5s\"", "stages[0].target", "is required"),
        file("a.toml", "[scenarios.a]\nvus = 1", "scenarios.a.executor", "is required"),
        file(
            "a.toml",
            "[scenarios.a]\nexecutor = \"constant-vus\"\nduration = \"1ms\"",
            "scenarios.a.duration",
            "must be at least 1s, not 1ms",
        ),
        file(
            "a.toml",
            "[scenarios.\"a b\"]\nexecutor = \"shared-iterations\"",
            "scenarios[\"a b\"]",
            "letters, digits, `_` and `-`",
        ),
        file("a.toml", "[thresholds]\nchecks = [\"rate>x\"]", "thresholds.checks[0]", "`x` isn't a number"),
        file("a.toml", "[dns]\nselect = \"one\"", "dns.select", "there are first, random, roundRobin"),
        file("a.toml", "userAgent = 1979-05-27", "userAgent", "must be a string"),
        file("a.toml", "tlsVersion.mn = \"tls1.2\"", "tlsVersion.mn", "did you mean `min`?"),
        file("a.toml", "blacklistIPs = [\"10.0.0.0/8\", 5]", "blacklistIPs[1]", "must be a string, not 5"),
        file("a.conf", "batch = -1", "batch", "at least 0, not -1"),
    ]
}
