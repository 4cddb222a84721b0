//! Wrong inputs, from wherever they come: nothing is sent, and what is said names the place and the remedy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Target, Throng};

use crate::SCRIPTS;
use crate::data::Test;

/// Where a wrong input comes from.
#[derive(Debug)]
enum Given {
    /// Flags, with blanks between.
    Flags(&'static str),
    /// Variables, and flags that they are of effect with.
    Variables(&'static [(&'static str, &'static str)], &'static str),
    /// A configuration file's name and content; one without content isn't there.
    File(&'static str, &'static str),
    /// A script's options.
    Script(Value),
}

use Given::{File, Flags, Script, Variables};

/// Each with its place, and a part of its remedy.
fn rows() -> Vec<(Given, &'static str, &'static str)> {
    [flags(), variables(), files(), scripts()].into_iter().flatten().collect()
}

fn flags() -> Vec<(Given, &'static str, &'static str)> {
    vec![
        (Flags("--vus many"), "vus (from --vus)", "must be a whole number, not \"many\""),
        (Flags("--duration soon"), "duration (from --duration)", "write it like `30s`"),
        (Flags("--stage 10s"), "stages[0].target (from --stage)", "is required: the level at the stage's end"),
        (Flags("--iteratons 3"), "'--iteratons'", "--iterations"),
        (Flags("-e 1A=x"), "env (from -e 1A=x)", "write it as NAME=VALUE"),
        (Flags("--tag x"), "tags (from --tag)", "`x` isn't NAME=VALUE"),
        (Flags("--dns select=roundrobin"), "dns.select (from --dns)", "did you mean `roundRobin`?"),
        (Flags("--system-tags statsu"), "systemTags[0] (from --system-tags)", "did you mean `status`?"),
        (Flags("--summary-time-unit m"), "summaryTimeUnit (from --summary-time-unit)", "use s, ms or us"),
        (Flags("--blacklist-ip everything"), "blacklistIPs[0] (from --blacklist-ip)", "everything"),
        (Flags("--execution-segment 2"), "executionSegment (from --execution-segment)", "2"),
        (Flags("--execution-segment 1/2:1/4"), "executionSegment (from --execution-segment)", "1/2:1/4"),
        (
            Flags("--execution-segment 0:1/3 --execution-segment-sequence 0,1/2,1"),
            "executionSegment (from --execution-segment)",
            "its bounds must be neighbouring cut points",
        ),
        (Flags("--out json --out kafka"), "out[1] (from --out)", "use json, csv, hdr and junit"),
        (Flags("--out hdr"), "out[0] (from --out)", "--out hdr=FILE"),
        (Flags("--out csv=colour=red"), "out[0] (from --out)", "use fileName=, timeFormat= and saveInterval="),
        (Flags("--out json=a --out csv=a"), "out[1] (from --out)", "give each a file of its own"),
        (Flags("--address nowhere"), "--address: \"nowhere\"", "write HOST:PORT, for example 127.0.0.1:6565"),
    ]
}

fn variables() -> Vec<(Given, &'static str, &'static str)> {
    vec![
        (Variables(&[("K6_VUS", "ten")], ""), "vus (from K6_VUS)", "must be a whole number, not \"ten\""),
        (Variables(&[("THRONG_DURATION", "5x")], ""), "duration (from THRONG_DURATION)", "units are d, h, m, s"),
        (Variables(&[("K6_DNS", "ttl=x")], ""), "dns.ttl (from K6_DNS)", "write it like `30s`"),
        (Variables(&[("THRONG_SCENARIOS", "{")], ""), "scenarios (from THRONG_SCENARIOS)", "JSON"),
        (
            Variables(&[("K6_THRESHOLDS", r#"{"chekcs":["rate>1"]}"#)], ""),
            "thresholds.chekcs (from K6_THRESHOLDS)",
            "did you mean `checks`?",
        ),
        (
            Variables(&[("K6_SUMMARY_TREND_STATS", "mean")], ""),
            "summaryTrendStats[0] (from K6_SUMMARY_TREND_STATS)",
            "use avg, min, med",
        ),
        (
            Variables(&[("THRONG_NO_THRESHOLDS", "perhaps")], ""),
            "noThresholds (from THRONG_NO_THRESHOLDS)",
            "true or false",
        ),
        (
            Variables(&[("K6_CSV_TIME_FORMAT", "bogus")], "--out csv"),
            "out[0] (from K6_CSV_TIME_FORMAT)",
            "use unix, unix_milli",
        ),
        (
            Variables(&[("K6_CSV_SAVE_INTERVAL", "0")], "--out csv"),
            "out[0] (from K6_CSV_SAVE_INTERVAL)",
            "must be above 0, for example `1s`",
        ),
        (Variables(&[("K6_OUT", "influxdb=http://x")], ""), "out[0] (from K6_OUT)", "isn't supported yet: use json"),
        (Variables(&[("THRONG_TLS_CA", "none.pem")], ""), "tlsCaCertificates", "none.pem"),
        (Variables(&[("K6_CONFIG", "none.json")], ""), "K6_CONFIG", "none.json"),
    ]
}

fn files() -> Vec<(Given, &'static str, &'static str)> {
    vec![
        (File("a.json", ""), "a.json", "can't be read"),
        (File("a.json", "{ \"vus\": 1"), "line 1, column 10 (from a.json)", "isn't valid JSON"),
        (File("a.json", "[]"), "options (from a.json)", "must be an object"),
        (File("a.json", r#"{ "vus": -1 }"#), "vus (from a.json)", "must be"),
        (File("a.json", r#"{ "treshold": {} }"#), "treshold (from a.json)", "did you mean `thresholds`?"),
        (File("a.toml", "vus = 1\nduration = 30s"), "line 2, column", "isn't valid TOML"),
        (File("a.toml", "vusx = 1"), "vusx (from a.toml)", "did you mean `vus`?"),
        (
            File("a.toml", "[scenarios.s]\nexecutor = \"constant-vu\""),
            "scenarios.s.executor (from a.toml)",
            "did you mean `constant-vus`?",
        ),
    ]
}

fn scripts() -> Vec<(Given, &'static str, &'static str)> {
    let scenario = |fields: Value| Script(json!({ "scenarios": { "s": fields } }));
    vec![
        (Script(json!({ "vsu": 1 })), "vsu (from script)", "did you mean `vus`?"),
        (
            scenario(json!({ "executor": "constant-vus" })),
            "scenarios.s.duration (from script)",
            "is required, for example \"30s\"",
        ),
        (
            scenario(json!({ "executor": "shared-iterations", "exec": "defalt" })),
            "scenarios.s.exec (from script)",
            "no function `defalt`; it has ",
        ),
        (
            scenario(json!({ "executor": "constant-arrival-rate", "rate": 5, "duration": "5s" })),
            "scenarios.s.preAllocatedVUs (from script)",
            "is required",
        ),
        (
            Script(json!({ "thresholds": { "http_reqs": ["p(95)<3"] } })),
            "thresholds.http_reqs (from script)",
            "use count or rate",
        ),
        (Script(json!({ "thresholds": { "checks": ["rate~1"] } })), "thresholds.checks[0] (from script)", "rate~1"),
        (
            Script(json!({ "thresholds": { "http_req_duration{name": ["avg<1"] } })),
            "thresholds[\"http_req_duration{name\"] (from script)",
            "}",
        ),
        (Script(json!({ "executionSegment": "0:0" })), "executionSegment (from script)", "0:0"),
        (Script(json!({ "localIPs": "192.0.2.0/24" })), "localIPs (from script)", "isn't supported yet"),
        (Script(json!({ "hosts": { "a.example": "nowhere" } })), "hosts[\"a.example\"] (from script)", "address"),
        (Script(json!({ "throng": { "memoryLimit": "1KiB" } })), "throng.memoryLimit (from script)", "1MiB to 4GiB"),
    ]
}

/// The call that has such an input, in a directory of its own.
fn call(script: &Path, target: &Target, given: &Given) -> Result<Throng> {
    let throng = Throng::run(script)?.variable("TARGET", target.url("/"));
    let split = |flags: &'static str| flags.split_whitespace();
    Ok(match given {
        Flags(flags) => throng.args(split(flags)),
        Variables(variables, flags) => throng.args(split(flags)).with(|command| {
            command.envs(variables.iter().copied());
        }),
        File(name, content) => {
            if !content.is_empty() {
                fs::write(throng.directory().join(name), content)?;
            }
            throng.args(["--config", name])
        }
        Script(options) => throng.options(options),
    })
}

#[test]
fn wrong_inputs_send_nothing_and_are_told_with_their_place_and_remedy() -> Result<()> {
    let (target, script) = (Target::start()?, SCRIPTS.component("plain")?);
    let rows = rows();
    assert!(rows.len() >= 45, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (given, place, remedy) in rows {
        let finished = call(&script, &target, &given)?.finish()?;
        let said = &finished.stderr;
        if finished.code != Some(104) || !finished.stdout.is_empty() || !said.contains(place) || !said.contains(remedy)
        {
            wrong.push(format!("{given:?}: no {place:?} or {remedy:?}, {:?}: {said}", finished.code));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((target.served()?, target.connections()?), (0, 0));
    Ok(())
}

/// Mistakes of all sources, those that only the script's own names show among them, are one message.
#[test]
fn mistakes_of_every_layer_are_told_at_once() -> Result<()> {
    let target = Target::start()?;
    let options = json!({
        "scenarios": { "a": { "executor": "per-vu-iterations", "exec": "defalt", "vus": 0 } },
        "thresholds": { "http_req_duratoin": ["p(95)<3"], "checks": ["rat>1"] },
    });
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/")).options(&options);
    fs::write(throng.directory().join("load.toml"), "rps = -1")?;
    let throng = throng.args(["--config", "load.toml", "--tag", "x", "--out", "kafka"]).with(|command| {
        command.env("K6_BATCH", "several");
    });
    let message = throng.finish()?.expect_code(104)?.stderr;
    for part in [
        "in 8 places:",
        "rps (from load.toml)",
        "scenarios.a.vus (from script)",
        "thresholds.checks[0] (from script)",
        "batch (from K6_BATCH)",
        "tags (from --tag)",
        "scenarios.a.exec (from script): the script has no function `defalt`",
        "thresholds.http_req_duratoin (from script): there is no metric",
        "out[0] (from --out): there is no output",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    assert_eq!(target.served()?, 0);
    Ok(())
}

/// What is wrong with a test's file itself is another exit code: the test isn't one.
#[test]
fn wrong_scripts_archives_and_data_files_are_107_with_their_place_and_remedy() -> Result<()> {
    let (target, directory) = (Target::start()?, tempfile::tempdir()?);
    let at = |name: &str| directory.path().join(name);
    let test = Test::usual()?;
    let archive = ["archive".as_ref(), test.script.as_os_str(), "-O".as_ref()];
    Throng::command(archive)?.arg(at("whole.tar")).finish()?.expect_code(0)?;
    let whole = fs::read(at("whole.tar"))?;
    let other_tar = || -> Result<Vec<u8>> {
        let mut tar = Command::new("tar");
        Ok(tar.args(["cf", "-", "-C"]).arg(directory.path()).arg("whole.tar").output()?.stdout)
    };
    let spoilt = |needle: &[u8]| {
        let mut bytes = whole.clone();
        if let Some(at) = bytes.windows(needle.len()).rposition(|part| part == needle) {
            bytes[at] ^= 1;
        }
        bytes
    };
    fs::write(at("text.wasm"), "hello")?;
    fs::write(at("cut.wasm"), &fs::read(&test.script)?[..1000])?;
    fs::write(at("cut.tar"), &whole[..whole.len() / 2])?;
    fs::write(at("other.tar"), other_tar()?)?;
    fs::write(at("spoilt.tar"), spoilt(b"ann,31"))?;
    fs::write(at("metadata.tar"), spoilt(b"\"format\""))?;
    fs::write(at("gzip.tar"), b"\x1f\x8b\x08\0")?;
    let mut wrong = Vec::new();
    for (name, place, remedy) in [
        ("none.wasm", "none.wasm can't be read", "No such file"),
        ("text.wasm", "text.wasm is neither a component", "give a .wasm file made by `throng build`"),
        ("cut.wasm", "", "throng build"),
        ("cut.tar", "cut.tar can't be used", "make it again with `throng archive`"),
        ("other.tar", "other.tar can't be used", "make it again with `throng archive`"),
        ("spoilt.tar", "files/001-users.csv in the archive", "make it again with `throng archive`"),
        ("metadata.tar", "metadata.json", "make it again with `throng archive`"),
        ("gzip.tar", "gzip.tar can't be used", "decompress it first"),
    ] {
        let finished = Throng::run(&at(name))?.variable("TARGET", target.url("/")).finish()?;
        let said = &finished.stderr;
        if finished.code != Some(107) || !finished.stdout.is_empty() || !said.contains(place) || !said.contains(remedy)
        {
            wrong.push(format!("{name}: no {place:?} or {remedy:?}, {:?}: {said}", finished.code));
        }
    }
    for (users, lists, place, remedy) in data_files() {
        let test = Test::new(users, lists)?;
        let finished = Throng::run(&test.script)?.variable("TARGET", target.url("/")).finish()?;
        let said = &finished.stderr;
        if finished.code != Some(107) || !finished.stdout.is_empty() || !said.contains(place) || !said.contains(remedy)
        {
            wrong.push(format!("{users:?}, {lists:?}: no {place:?} or {remedy:?}, {:?}: {said}", finished.code));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((target.served()?, target.connections()?), (0, 0));
    Ok(())
}

/// `users.csv`, `lists.json`, and what is wrong with one of them.
fn data_files() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    const USERS: &str = "name,age\nann,31\n";
    vec![
        ("", "[1]", "users.csv: it is empty", "the first line of a CSV file names its columns"),
        ("name,name\na,b\n", "[1]", "users.csv: line 1", "rename one"),
        ("name,age\nann\n", "[1]", "users.csv: line 2, byte 10", "stand in double quotes"),
        ("name,age\n\"ann,31\n", "[1]", "users.csv: line 2, byte 10", "close it"),
        (USERS, "", "../common/lists.json: it isn't a JSON array", "put the rows between [ and ]"),
        (USERS, "{}", "../common/lists.json: it isn't a JSON array", "put the rows between [ and ]"),
        (USERS, "[1,\n2,]", "../common/lists.json: line 2, column 3", "trailing comma"),
    ]
}
