//! Event-driven scripts: connections that are held, lost, closed by either side, and cut.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use throng_tests::{EchoServer, Echoed, Finished, Other, Scripts, Summary, Target, Throng, until};

use crate::SCRIPTS;
use crate::broken::{connections, many_sources};
use crate::connections::tls_target;
use crate::requests::passed;

static EXAMPLES: Scripts =
    Scripts::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/examples"), env!("CARGO_TARGET_TMPDIR"));

const PATIENCE: Duration = Duration::from_secs(60);

/// The example, with a message each half second.
fn soak(target: &str, vus: u64, duration: &str) -> Result<Throng> {
    let throng = Throng::run(&EXAMPLES.component("soak")?)?.variable("TARGET", target).variable("EVERY", "0.5");
    Ok(throng.args(["--vus", &vus.to_string(), "--duration", duration]))
}

/// Scenarios of the tests' own script.
fn run(url: &str, scenarios: Value, variables: &[(&str, &str)]) -> Result<Finished> {
    let throng = Throng::run(&SCRIPTS.component("events")?)?.variable("URL", url);
    let throng = throng.options(&json!({ "scenarios": scenarios, "throng": { "guestTimeLimit": "1s" } }));
    variables.iter().fold(throng, |throng, (name, value)| throng.variable(name, value)).finish()
}

/// The target's counts once it has no WebSocket any more.
fn settled(target: &Target) -> Result<Value> {
    until("the target's WebSockets end", PATIENCE, || {
        let sockets = target.statistics()?["websockets"].clone();
        Ok((sockets["open"] == 0).then_some(sockets))
    })
}

/// Both ends have counted the same, and all was closed as it should be.
fn assert_same(summary: &Summary, sockets: &Value) {
    let (sent, received) = (summary.count("ws_msgs_sent"), summary.count("ws_msgs_received"));
    let sessions = json!(summary.count("ws_sessions"));
    assert_eq!(
        (&sockets["opened"], &sockets["closed_properly"], &sockets["violations"]),
        (&sessions, &sessions, &json!(0))
    );
    assert_eq!(sockets["messages"], json!({ "in": sent, "out": received }));
    assert_eq!(sent, received);
}

#[test]
fn a_soak_is_opened_held_and_closed_and_both_ends_count_the_same() -> Result<()> {
    let target = Target::start()?;
    let (summary, _) = passed(soak(&target.url(""), 1200, "6s")?.finish()?)?;
    let sockets = settled(&target)?;
    assert_same(&summary, &sockets);
    assert_eq!((summary.count("ws_sessions"), summary.count("iterations")), (1200, 1200));
    assert_eq!((summary.count("iterations_failed"), summary.count("ws_lost")), (0, 0));
    assert!(summary.count("ws_msgs_sent") >= 1200, "{}", summary.json());
    assert_eq!(summary.count("echoes"), summary.count("ws_msgs_received"));
    Ok(())
}

#[test]
fn connections_by_tls_are_held_and_closed_as_others_are() -> Result<()> {
    // Messages of a record, and of several that arrive in pieces.
    for size in ["16", "60000"] {
        let (target, directory) = tls_target(&[])?;
        let soak = soak(&target.url(""), 60, "6s")?.variable("SIZE", size).arg("--tls-ca");
        let soak = soak.arg(directory.path().join("target.pem"));
        let (summary, _) = passed(soak.finish()?)?;
        assert_same(&summary, &settled(&target)?);
        assert_eq!((summary.count("ws_sessions"), summary.count("iterations_failed")), (60, 0), "{size}");
        assert!(summary.count("ws_msgs_sent") >= 120, "{size}: {}", summary.json());
    }
    Ok(())
}

#[test]
fn a_server_by_tls_that_closes_or_dies_is_told_of() -> Result<()> {
    let (target, directory) = tls_target(&[])?;
    let scenario = json!({ "executor": "per-vu-iterations", "vus": 4, "iterations": 25, "exec": "curious" });
    let run = |path: &str, scenario: &Value, version: &str| -> Result<Throng> {
        let throng = Throng::run(&SCRIPTS.component("events")?)?.variable("URL", target.url(path)).arg("--tls-ca");
        let throng = throng.arg(directory.path().join("target.pem")).variable("BY", "server");
        Ok(throng.options(&json!({ "scenarios": { "it": scenario }, "tlsVersion": version })))
    };
    for (times, version) in [(1, "tls1.2"), (2, "tls1.3")] {
        let (summary, _) = passed(run("/ws/close?after=20&code=4001", &scenario, version)?.finish()?)?;
        assert_eq!((summary.count("iterations"), summary.count("iterations_failed")), (100, 0), "{version}");
        assert_eq!(settled(&target)?["closed_properly"], 100 * times, "{version}");
    }

    // Long enough for a busy machine to open all and to look at them.
    let scenario = json!({ "executor": "constant-vus", "vus": 20, "duration": "15s", "exec": "busy" });
    let throng = run("/ws/echo", &scenario, "tls1.3")?.start()?;
    until("connections", PATIENCE, || Ok((target.statistics()?["websockets"]["open"] == 20).then_some(())))?;
    drop(target);
    let finished = throng.wait(PATIENCE)?.expect_code(0)?;
    let summary = finished.summary()?;
    assert!(summary.count("iterations_failed") >= 20, "{}", summary.json());
    assert_eq!(summary.count("ws_lost"), 0);
    Ok(())
}

#[test]
fn a_server_that_is_slow_to_answer_closes_has_as_long_as_the_options_say() -> Result<()> {
    let target = Target::start()?;
    let soak = soak(&target.url(""), 50, "6s")?.start()?;
    until("connections", PATIENCE, || Ok((target.statistics()?["websockets"]["open"] == 50).then_some(())))?;
    // Longer than a handler's close would wait, and less than `gracefulStop`.
    target.stall(Duration::from_secs(19))?;
    let summary = soak.wait(PATIENCE)?.expect_code(0)?.summary()?;
    assert_same(&summary, &settled(&target)?);
    let failures = (summary.count("ws_broken"), summary.count("iterations_failed"), summary.count("iterations"));
    assert_eq!(failures, (0, 0, 50), "{}", summary.json());
    Ok(())
}

#[test]
fn servers_that_others_wrote_are_held_open_too() -> Result<()> {
    // Each with the bytes of a message on the wire, at most: a frame's head and mask have six.
    let offers = [("", 0, 6 + 2 + 600), ("yes", 20, 100), ("context", 20, 100)];
    for (other, (offer, compressed, most)) in
        Other::ALL.into_iter().flat_map(|other| offers.map(|offer| (other, offer)))
    {
        let server = EchoServer::start(other, !offer.is_empty())?;
        let soak = soak(server.url().trim_end_matches('/'), 20, "2s")?.variable("DEFLATE", offer);
        let (summary, _) = passed(soak.variable("SIZE", "600").finish()?)?;
        let messages = summary.count("ws_msgs_sent");
        let unanswered = messages.saturating_sub(summary.count("ws_msgs_received"));
        // Python's answers nothing that came together with the close, and says how often.
        let expected = Echoed { opens: 20, proper_closes: 20, messages, unanswered, bytes: 600 * messages, compressed };
        assert_eq!(server.counted()?, expected, "{other:?}, {offer}");
        assert_eq!((summary.count("iterations"), unanswered > 40), (20, false), "{other:?}, {offer}: {unanswered}");
        let sent = summary.count("data_sent").saturating_sub(20 * 400);
        assert!(sent <= messages * most, "{other:?}, {offer}: {sent} bytes for {messages} messages");
    }
    Ok(())
}

#[test]
fn an_instance_that_ends_costs_its_connections_alone_and_they_are_opened_again() -> Result<()> {
    for (ending, why) in [("panic", "the 200th message"), ("sleep", "something that waits"), ("spin", "1s")] {
        let target = Target::start()?;
        let scenario = |exec: &str| json!({ "executor": "constant-vus", "vus": 30, "duration": "4s", "exec": exec });
        let scenarios = json!({ "doomed": scenario("doomed"), "other": scenario("busy") });
        let finished = run(&target.url("/ws/echo"), scenarios, &[("ENDING", ending)])?.expect_code(0)?;
        assert!(finished.stderr.contains(why), "{ending}: {}", finished.stderr);
        let summary = finished.summary()?;
        let (lost, reopened) = (summary.count("ws_lost"), summary.count("ws_reopened"));
        assert!(lost > 0 && reopened > 0 && reopened <= lost, "{ending}: {lost} lost, {reopened} opened again");
        assert_eq!(summary.count("iterations_failed"), lost, "{ending}");
        // Those of the other scenario were held until the end.
        let sockets = settled(&target)?;
        assert_eq!(sockets["opened"], summary.count("ws_sessions"), "{ending}");
        assert_eq!(sockets["closed_properly"], summary.count("ws_sessions") - lost, "{ending}");
    }
    Ok(())
}

#[test]
fn a_connection_does_what_its_handlers_ask_whoever_closes_it() -> Result<()> {
    for (by, path) in [("client", "/ws/echo"), ("server", "/ws/close?after=20&code=4001")] {
        let target = Target::start()?;
        let scenario = json!({ "executor": "per-vu-iterations", "vus": 4, "iterations": 25, "exec": "curious" });
        let finished = run(&target.url(path), json!({ "it": scenario }), &[("BY", by)])?;
        let (summary, _) = passed(finished)?;
        assert_eq!((summary.count("iterations"), summary.count("iterations_failed")), (100, 0), "{by}");
        assert_same(&summary, &settled(&target)?);
        assert_eq!(summary.count("ws_sessions"), 100, "{by}");
    }
    Ok(())
}

#[test]
fn what_cant_be_opened_fails_its_iteration_and_is_not_tried_at_once_again() -> Result<()> {
    let target = Target::start()?;
    let scenario = json!({ "executor": "constant-vus", "vus": 5, "duration": "2s", "exec": "busy" });
    let finished = run(&target.url("/status/503"), json!({ "it": scenario }), &[])?.expect_code(0)?;
    assert!(finished.stderr.contains("status 503 instead of 101"), "{}", finished.stderr);
    let summary = finished.summary()?;
    let sessions = summary.count("ws_sessions");
    // At once, and again after half a second at least.
    assert!((5..=20).contains(&sessions), "{sessions}");
    assert_eq!(
        (summary.count("iterations_failed"), summary.rate_counts("ws_connect_failed")),
        (sessions, (sessions, 0))
    );
    Ok(())
}

#[test]
fn a_server_that_dies_costs_its_connections_and_gets_them_back_without_a_storm() -> Result<()> {
    let held = connections(2000)?;
    // Opened at some thousands a second, twice, and those that break at once log at some thousands a second too.
    let patience = PATIENCE + Duration::from_millis(3 * held);
    let target = Target::start()?;
    let process = soak(&target.url(""), held, &format!("{}ms", 15_000 + held * 2 / 3))?.variable("CLOSING", "2m");
    // Some thousands of messages a second, however many there are.
    let process = process.variable("EVERY", (held as f64 / 4000.0).max(0.5).to_string());
    let process = process.args(many_sources(held)).start()?;
    until("all are open", patience, || Ok((target.statistics()?["websockets"]["open"] == held).then_some(())))?;
    let target = target.replace_after(Duration::from_secs(1))?;
    let finished = process.wait(patience)?.expect_code(0)?;
    let (summary, sockets) = (finished.summary()?, settled(&target)?);
    let (refused, opened) = summary.rate_counts("ws_connect_failed");
    assert_eq!(summary.count("ws_broken"), held, "{refused} were refused");
    assert_eq!(sockets["opened"], opened - held, "{refused} were refused");
    assert_eq!(sockets["closed_properly"], opened - held);
    assert_eq!(summary.count("iterations_failed"), held + refused);
    assert_eq!(summary.count("iterations"), opened + refused);
    // Each tries again half a second after a failure at the earliest, and gets through once the server is back.
    assert!(opened == 2 * held && (1..=3 * held).contains(&refused), "{opened} opened, {refused} refused");
    Ok(())
}

#[test]
fn ctrl_c_closes_all_connections() -> Result<()> {
    let target = Target::start()?;
    let process = soak(&target.url(""), 300, "10m")?.start()?;
    until("all are open", PATIENCE, || Ok((target.statistics()?["websockets"]["open"] == 300).then_some(())))?;
    process.signal(Signal::SIGINT)?;
    let finished = process.wait(PATIENCE)?.expect_code(105)?;
    assert!(finished.stderr.contains("0 complete and 300 interrupted iterations"), "{}", finished.stderr);
    let sockets = settled(&target)?;
    assert_eq!((&sockets["opened"], &sockets["closed_properly"]), (&json!(300), &json!(300)));
    let sessions = finished.summary().context("no summary")?.count("ws_sessions");
    assert_eq!(sessions, 300);
    Ok(())
}
