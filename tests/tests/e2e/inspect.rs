//! What is said of a test that isn't run, and what flags make of its options.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};
use throng_tests::{Throng, without_io_uring};

use crate::SCRIPTS;
use crate::data::Test;

/// A certificate and its key, made for these tests and used nowhere else.
pub(crate) const CERT: &str = "-----BEGIN CERTIFICATE-----
MIIBgjCCASmgAwIBAgIUMSBCpoWXPEkbH2YxeWlQCALGxF0wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLdGhyb25nLXRlc3QwIBcNMjYxMTI0MTIyODI2WhgPMjEyNjEw
MzExMjI4MjZaMBYxFDASBgNVBAMMC3Rocm9uZy10ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEA/qyvamNCc3z4p8+EYtuZHzmp+7+gq1g5nvw1FaHx+P0gm0C
DInWhovmOOS2+kKG5HzcvuiaFg3qKABR+9sttaNTMFEwHQYDVR0OBBYEFMRBA/H0
DjPJgiKE63QY/QezlSm+MB8GA1UdIwQYMBaAFMRBA/H0DjPJgiKE63QY/QezlSm+
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgaZGWihTcuTGAS3K/
KugPCFb+Df9WvVemloVUJS5BVsYCIFgLd9zpsn78D0Dk6nQMU4mpPee2r12uTo2Z
jBk5yv4/
-----END CERTIFICATE-----
";
pub(crate) const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyVjXwr9OfxlYDC3s
0S4oBB9UsLUFY+w4K/klxSLpcEWhRANCAAQD+rK9qY0JzfPinz4Ri25kfOan7v6C
rWDme/DUVofH4/SCbQIMidaGi+Y45Lb6QobkfNy+6JoWDeooAFH72y21
-----END PRIVATE KEY-----
";
/// What must not be seen of the key.
const SECRET: &str = "MIGHAgEAMBMG";
const HOLLOW: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/// `throng inspect` of a script of the tests.
fn inspect(script: &str) -> Result<Throng> {
    Throng::command(["inspect".as_ref(), SCRIPTS.component(script)?.as_os_str()])
}

fn printed(throng: Throng) -> Result<Value> {
    Ok(serde_json::from_str(&throng.finish()?.expect_code(0)?.stdout)?)
}

#[test]
fn the_options_of_all_layers_are_printed_as_json() -> Result<()> {
    let throng = inspect("plain")?.options(&json!({
        "scenarios": { "a": { "executor": "constant-vus", "vus": 3, "duration": "90s" } },
        "thresholds": { "checks": ["rate==1"] },
        "userAgent": "script", "rps": 5,
    }));
    fs::write(throng.directory().join("options.json"), r#"{ "userAgent": "file", "batch": 7, "maxRedirects": 3 }"#)?;
    let flags = ["-c", "options.json", "--max-redirects", "4", "--execution-requirements"];
    let options = printed(throng.args(flags))?;
    let scenario = &options["scenarios"]["a"];
    assert_eq!((&scenario["duration"], &scenario["gracefulStop"]), (&json!("1m30s"), &json!("30s")));
    assert_eq!(options["thresholds"], json!({ "checks": ["rate==1"] }));
    assert_eq!((&options["userAgent"], &options["batch"]), (&json!("script"), &json!(7)));
    assert_eq!((&options["rps"], &options["maxRedirects"]), (&json!(5), &json!(4)));
    assert_eq!((&options["totalDuration"], &options["maxVUs"]), (&json!("2m0s"), &json!(3)));
    assert_eq!(printed(inspect("plain")?)?.get("maxVUs"), None);
    Ok(())
}

#[test]
fn every_flag_is_the_option_that_it_is_named_after() -> Result<()> {
    let throng = inspect("plain")?;
    fs::write(throng.directory().join("ca.pem"), CERT)?;
    let flags = "--vus 3 --iterations 9 --duration 5s --rps 7 --min-iteration-duration 2s --no-setup --no-teardown \
                 --user-agent ua --max-redirects 1 --batch 2 --batch-per-host 3 --http-debug=full -w \
                 --discard-response-bodies --no-connection-reuse --no-vu-connection-reuse --dns ttl=1m,select=first \
                 --blacklist-ip 10.0.0.0/8,192.0.2.1 --blacklist-ip ::1/128 --block-hostnames *.example.com,a \
                 --insecure-skip-tls-verify --tls-ca ca.pem --tag a=b --system-tags status,vu \
                 --summary-trend-stats avg,p(99) --summary-time-unit us";
    let options = printed(throng.args(flags.split_whitespace()))?;
    let shared = json!({
        "executor": "shared-iterations", "vus": 3, "iterations": 9, "maxDuration": "5s", "startTime": "0s",
        "gracefulStop": "30s", "exec": "default", "env": {}, "tags": {},
    });
    let expected = json!({
        "scenarios": { "default": shared }, "rps": 7, "minIterationDuration": "2s", "noSetup": true,
        "noTeardown": true, "userAgent": "ua", "maxRedirects": 1, "batch": 2, "batchPerHost": 3, "httpDebug": "full",
        "throw": true, "discardResponseBodies": true, "noConnectionReuse": true, "noVUConnectionReuse": true,
        "dns": { "ttl": "1m0s", "select": "first", "policy": "preferIPv4" },
        "blacklistIPs": ["10.0.0.0/8", "192.0.2.1/32", "::1/128"], "blockHostnames": ["*.example.com", "a"],
        "insecureSkipTLSVerify": true, "tags": { "a": "b" }, "systemTags": ["status", "vu"],
        "summaryTrendStats": ["avg", "p(99)"], "summaryTimeUnit": "us",
    });
    for (key, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(options[key], *value, "{key}");
    }
    assert_eq!(options["throng"]["tlsCaCertificates"], json!([CERT]));
    Ok(())
}

#[test]
fn a_flag_can_switch_off_what_the_script_switches_on() -> Result<()> {
    let on = json!({ "throw": true, "noSetup": true, "httpDebug": "full" });
    let flags = ["--throw=false", "--no-setup=false", "--http-debug"];
    let options = printed(inspect("plain")?.options(&on).args(flags))?;
    assert_eq!([&options["throw"], &options["noSetup"]], [&json!(false); 2]);
    assert_eq!(options["httpDebug"], json!("headers"));
    Ok(())
}

#[test]
fn keys_and_passwords_are_not_shown() -> Result<()> {
    let auth = json!({ "tlsAuth": [{ "cert": CERT, "key": KEY, "password": "hunter2", "domains": ["a.example"] }] });
    for flags in [vec![], vec!["--human"]] {
        let finished = inspect("plain")?.options(&auth).args(flags).finish()?.expect_code(0)?;
        assert!(!finished.stdout.contains(SECRET) && !finished.stdout.contains("hunter2"), "{}", finished.stdout);
    }
    let shown = &printed(inspect("plain")?.options(&auth))?["tlsAuth"][0];
    assert_eq!((&shown["cert"], &shown["key"]), (&json!(CERT), &json!("(not shown)")));
    Ok(())
}

#[test]
fn the_page_to_read_tells_what_the_test_consists_of_and_would_do() -> Result<()> {
    let options = json!({
        "scenarios": {
            "first": { "executor": "per-vu-iterations", "vus": 4, "iterations": 5, "maxDuration": "10s" },
            "second": { "executor": "constant-vus", "vus": 2, "duration": "20s", "startTime": "1m", "exec": "tell" },
        },
        "thresholds": { "checks": [{ "threshold": "rate==1", "abortOnFail": true, "delayAbortEval": "5s" }] },
    });
    let page = inspect("plain")?.options(&options).args(["--human", "--rps", "9"]).finish()?.expect_code(0)?.stdout;
    for part in [
        "digest      sha256:",
        "imports     throng:script/",
        "exports     describe, run",
        "functions   ",
        "2 scenarios: 4 VUs at most, 20 iterations and as many as time allows, 1m50s at most with graceful stops",
        "  first   per-vu-iterations: 5 iterations for each of 4 VUs (maxDuration: 10s, gracefulStop: 30s); 4 VUs, from \
         0s to 40s",
        "  second  constant-vus: 2 looping VUs for 20s (exec: tell, startTime: 1m0s, gracefulStop: 30s); 2 VUs, from \
         1m0s to 1m50s",
        "  checks  rate==1, or the run ends, after its first 5s",
        "  rps                       --rps    9",
        "  scenarios                 script   (2 of them)",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    Ok(())
}

#[test]
fn metrics_and_hooks_are_told() -> Result<()> {
    let page = inspect("hooks")?.arg("--human").finish()?.expect_code(0)?.stdout;
    assert!(page.contains("hooks       setup, teardown"), "{page}");
    Ok(())
}

#[test]
fn data_files_are_told_with_their_rows_and_digests() -> Result<()> {
    let test = Test::usual()?;
    let inspect = |flag| Throng::command(["inspect".as_ref(), test.script.as_os_str()])?.arg(flag).finish();
    let finished = inspect("--execution-requirements")?.expect_code(0)?;
    let files = serde_json::from_str::<Value>(&finished.stdout)?["files"].clone();
    let output = Command::new("sha256sum").arg(test.script.with_file_name("users.csv")).output()?;
    let sha256 = String::from_utf8(output.stdout)?.chars().take(64).collect::<String>();
    let users = json!({ "path": "users.csv", "format": "csv", "bytes": 49, "rows": 3, "sha256": sha256 });
    assert!(files.as_array().is_some_and(|files| files.len() == 3 && files.contains(&users)), "no {users} in {files}");
    let page = inspect("--human")?.expect_code(0)?.stdout;
    for part in [
        format!("\n  users.csv             csv, 49 bytes, 3 rows, sha256:{sha256}\n"),
        format!("\n  users.csv             raw, 49 bytes, sha256:{sha256}\n"),
        "\n  ../common/lists.json  json, 24 bytes, 3 rows, sha256:".to_owned(),
    ] {
        assert!(page.contains(&part), "no {part:?} in {page}");
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_told_as_a_run_tells_it() -> Result<()> {
    let script = SCRIPTS.component("plain")?;
    let wrong = json!({ "vsu": 3, "thresholds": { "http_req_duratoin": ["p(95)<3"] }, "dns": { "ttl": "soon" } });
    let unknown = json!({ "scenarios": { "a": { "executor": "per-vu-iterations", "exec": "defalt" } } });
    // In the form of PEM, and no certificate inside.
    let hollow = json!({ "throng": { "tlsCaCertificates": [HOLLOW] } });
    let none = json!({});
    for (options, flags) in
        [(&wrong, vec![]), (&unknown, vec![]), (&hollow, vec![]), (&none, vec!["--tls-ca", "none.pem"])]
    {
        let run = Throng::run(&script)?.options(options).args(&flags).finish()?.expect_code(104)?;
        let inspected = inspect("plain")?.options(options).args(&flags).finish()?.expect_code(104)?;
        assert_eq!(inspected.stderr, run.stderr);
        assert_eq!(inspected.stdout, "");
    }
    let finished = Throng::command(["inspect", "/etc/hostname"])?.finish()?.expect_code(107)?;
    assert!(finished.stderr.contains("neither a component nor a script's source"), "{}", finished.stderr);
    Ok(())
}

#[test]
fn neither_io_uring_nor_locked_memory_is_needed() -> Result<()> {
    let throng = inspect("plain")?.with(|command| without_io_uring(command, libc::EPERM as u16));
    assert!(printed(throng)?["scenarios"].is_object());
    let arguments =
        ["inspect".as_ref(), SCRIPTS.component("plain")?.into_os_string().as_os_str()].map(ToOwned::to_owned);
    let limits = ["--memlock=0:0", "--nofile=64:64"];
    assert!(printed(Throng::limited(limits, arguments)?)?["scenarios"].is_object());
    Ok(())
}

#[test]
fn the_systems_environment_is_seen_if_asked_for() -> Result<()> {
    let vus = |flags: &[&str]| -> Result<Value> {
        let throng = inspect("plain")?.with(|command| {
            command.env("OPTIONS", r#"{ "vus": 8 }"#);
        });
        Ok(printed(throng.args(flags))?["scenarios"]["default"]["vus"].clone())
    };
    assert_eq!(vus(&[])?, json!(1));
    assert_eq!(vus(&["--include-system-env-vars"])?, json!(8));
    Ok(())
}
