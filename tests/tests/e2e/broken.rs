//! WebSockets that break without a word: silent peers, addresses that go, resets, servers that accept nothing. Each is
//! counted by its kind, at both ends, and nothing is tried again at once.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use throng_tests::{Cable, Finished, Summary, Target, Throng, post, until};

use crate::SCRIPTS;

const PATIENCE: Duration = Duration::from_secs(60);
const SERVER: &str = "10.0.1.1:8080";
/// What breaks the protocol, no answer, no connection in time, no way there, no such source, a silent peer, a reset.
const CODES: [u16; 7] = [1000, 1050, 1211, 1213, 1216, 1217, 1220];

/// Who holds connections: a script, functions of its that are silent and that speak, and variables.
struct Holder {
    script: &'static str,
    url: &'static str,
    execs: [&'static str; 2],
}

/// An event-driven script, and one whose VUs wait for their sockets.
const HOLDERS: [Holder; 2] = [
    Holder { script: "events", url: "URL", execs: ["idle", "busy"] },
    Holder { script: "websocket", url: "TARGET", execs: ["held", "held"] },
];

impl Holder {
    /// A run that holds so many connections in silence, and so many that speak, for so long; with each metric's counts by
    /// code.
    fn hold(&self, throng: Throng, url: &str, [silent, speaking]: [u64; 2], seconds: u32) -> Throng {
        let scenario = |vus: u64, exec: &str, says: &str| {
            json!({
                "executor": "constant-vus", "vus": vus, "duration": format!("{seconds}s"), "exec": exec,
                "gracefulStop": "15s", "env": { "SAYS": says },
            })
        };
        let mut scenarios = Map::new();
        if silent > 0 {
            scenarios.insert("silent".to_owned(), scenario(silent, self.execs[0], ""));
        }
        if speaking > 0 {
            scenarios.insert("speaking".to_owned(), scenario(speaking, self.execs[1], "yes"));
        }
        let counted = CODES.iter().flat_map(|code| {
            let of = |metric: &str, threshold: &str| (format!("{metric}{{error_code:{code}}}"), json!([threshold]));
            [of("ws_broken", "count>=0"), of("ws_connect_failed", "rate>=0")]
        });
        let thresholds: Map<String, Value> = counted.collect();
        // Each that is silent is asked three times in that: of many, more often than loopback can carry.
        let dead = format!("{}s", ((silent + speaking) / 2500).max(2));
        let options =
            json!({ "scenarios": scenarios, "thresholds": thresholds, "throng": { "deadPeerTimeout": dead } });
        throng.variable(self.url, url).options(&options)
    }

    fn arguments(&self) -> Result<[std::ffi::OsString; 4]> {
        Ok(Throng::run_arguments(&SCRIPTS.component(self.script)?))
    }
}

fn broken(summary: &Summary, code: u16) -> u64 {
    summary.count(&format!("ws_broken{{error_code:{code}}}"))
}

/// Attempts that failed with that code.
fn failed(summary: &Summary, code: u16) -> u64 {
    summary.rate_counts(&format!("ws_connect_failed{{error_code:{code}}}")).0
}

/// Every connection that broke and every attempt that failed has one of those codes, and has cost its iteration.
fn assert_all_counted(summary: &Summary, who: &str) {
    let (attempts_failed, opened) = summary.rate_counts("ws_connect_failed");
    let lost = summary.count("ws_broken");
    let by_code: Vec<_> = CODES.map(|code| (code, broken(summary, code), failed(summary, code))).to_vec();
    assert_eq!(by_code.iter().map(|(_, broken, _)| broken).sum::<u64>(), lost, "{who}: {by_code:?}");
    assert_eq!(by_code.iter().map(|(.., failed)| failed).sum::<u64>(), attempts_failed, "{who}: {by_code:?}");
    assert_eq!(summary.count("ws_sessions"), attempts_failed + opened, "{who}");
    assert_eq!(summary.count("iterations_failed"), lost + attempts_failed, "{who}: {by_code:?}");
}

fn ended(finished: Finished, who: &str) -> Result<Summary> {
    finished.expect_code(0).with_context(|| who.to_owned())?.summary()
}

/// `THRONG_TEST_CONNECTIONS`, or as many as a test takes by itself.
pub(crate) fn connections(usual: u64) -> Result<u64> {
    match std::env::var("THRONG_TEST_CONNECTIONS") {
        Ok(count) => count.parse().with_context(|| format!("THRONG_TEST_CONNECTIONS is {count:?}, no number")),
        Err(_) => Ok(usual),
    }
}

/// Flags by which so many connections find ports on loopback.
pub(crate) fn many_sources(connections: u64) -> &'static [&'static str] {
    if connections > 20_000 { &["--bind-ips", "127.0.1.1-127.0.1.40"] } else { &[] }
}

#[test]
fn a_peer_that_falls_silent_costs_its_connections_within_the_time_that_is_set_and_they_come_back() -> Result<()> {
    const EACH: u64 = 60;
    for holder in &HOLDERS {
        let who = holder.script;
        let Some(cable) = Cable::lay()? else { return Ok(()) };
        let _target = cable.target(SERVER)?;
        let throng = Throng::limited(cable.at_client(), holder.arguments()?)?;
        let url = format!("ws://{SERVER}/ws/silent");
        let run = holder.hold(throng, &url, [EACH, EACH], 18).start()?;
        cable.seen_all(2 * EACH as u32)?;
        cable.change_server(&["link", "set", "far", "down"])?;
        // Neither side is told. All that was held is given up, whether anything waits to be acknowledged or not.
        until("the client has given all up", PATIENCE, || Ok(cable.held_by_client()?.is_empty().then_some(())))?;
        cable.change_server(&["link", "set", "far", "up"])?;
        let summary = ended(run.wait(PATIENCE)?, who)?;
        assert_all_counted(&summary, who);
        assert_eq!((broken(&summary, 1217), summary.count("ws_broken")), (2 * EACH, 2 * EACH), "{who}");
        let sockets = &cable.statistics(SERVER.parse()?)?["websockets"];
        let (failed, opened) = summary.rate_counts("ws_connect_failed");
        let counted = (&sockets["opened"], &sockets["closed_properly"]);
        assert_eq!(counted, (&json!(opened), &json!(2 * EACH)), "{who}");
        assert_eq!(opened, 4 * EACH, "{who}: each was opened once more");
        // At most one each half second.
        assert!(failed <= 2 * EACH * 20, "{who}: {failed}");
    }
    Ok(())
}

#[test]
fn an_address_that_goes_costs_its_connections_alone_and_the_others_take_them() -> Result<()> {
    const HELD: u64 = 200;
    for (holder, strategy) in HOLDERS.iter().zip(["least-used", "round-robin"]) {
        let who = format!("{} {strategy}", holder.script);
        let Some(cable) = Cable::lay()? else { return Ok(()) };
        cable.change_client(&["route", "del", "local", "10.0.0.0/24", "dev", "lo"])?;
        for host in 1..=4 {
            cable.change_client(&["address", "add", &format!("10.0.0.{host}/32"), "dev", "near"])?;
        }
        let _target = cable.target(SERVER)?;
        let throng = Throng::limited(cable.at_client(), holder.arguments()?)?;
        let throng = throng.args(["--bind-ips", "10.0.0.1-10.0.0.4", "--bind-strategy", strategy]);
        let run = holder.hold(throng, &format!("ws://{SERVER}/ws/silent"), [HELD / 2, HELD / 2], 20).start()?;
        let seen = cable.seen_all(HELD as u32)?;
        let gone = "10.0.0.2".parse()?;
        let lost = u64::from(*seen.get(&gone).context("it has connections")?);
        cable.change_client(&["address", "del", "10.0.0.2/32", "dev", "near"])?;
        until("the others have taken them", PATIENCE, || {
            let seen = cable.seen()?;
            let others: u32 = seen.iter().filter(|(address, _)| **address != gone).map(|(_, count)| count).sum();
            Ok((u64::from(others) == HELD).then_some(()))
        })?;
        let summary = ended(run.wait(PATIENCE)?, &who)?;
        assert_all_counted(&summary, &who);
        assert_eq!((broken(&summary, 1217), summary.count("ws_broken")), (lost, lost), "{who}");
        let (failed_in_all, opened) = summary.rate_counts("ws_connect_failed");
        assert_eq!((opened, failed(&summary, 1216)), (HELD + lost, failed_in_all), "{who}");
        let used = &summary.json()["throng"]["sources"][0];
        assert_eq!(used["unusable"], failed_in_all, "{who}");
        // Each of two cores at most tries it once in 5 s.
        let shards = summary.json()["throng"]["generator"]["shards"].as_array().map_or(0, Vec::len) as u64;
        assert!((1..=5 * shards).contains(&failed_in_all), "{who}: {failed_in_all} of {shards} shards");
        assert_eq!(cable.statistics(SERVER.parse()?)?["websockets"]["closed_properly"], HELD, "{who}");
    }
    Ok(())
}

#[test]
fn a_server_that_resets_all_again_and_again_is_counted_reset_by_reset() -> Result<()> {
    const STORMS: u64 = 6;
    let held = connections(400)?;
    // Each says something 50 times a second.
    let speaking = (held / 2).min(200);
    for holder in &HOLDERS {
        let who = holder.script;
        let target = Target::start()?;
        let throng = Throng::command(holder.arguments()?)?;
        let throng = throng.args(many_sources(held));
        // Each storm takes a second, and more where the machine is busy.
        let seconds = 24 + u32::try_from(held / 1000)?;
        let run = holder.hold(throng, &target.url("/ws/echo"), [held - speaking, speaking], seconds).start()?;
        let patience = PATIENCE + Duration::from_millis(3 * held);
        until("all are open", patience, || Ok((target.statistics()?["websockets"]["open"] == held).then_some(())))?;
        for storm in 0..STORMS {
            post(target.address(), "/ws/reset")?;
            until("some are back", patience, || {
                let sockets = &target.statistics()?["websockets"];
                let back = sockets["open"].as_u64() > Some(held / 2)
                    && sockets["reset"].as_u64() >= Some(held * (storm + 1) / 2);
                Ok(back.then_some(()))
            })?;
        }
        let summary = ended(run.wait(patience)?, who)?;
        assert_all_counted(&summary, who);
        let sockets = target.statistics()?["websockets"].clone();
        let (failed, opened) = summary.rate_counts("ws_connect_failed");
        let reset = sockets["reset"].as_u64().context("no count")?;
        let lost = summary.count("ws_broken");
        let by_code = CODES.map(|code| (code, broken(&summary, code)));
        assert_eq!((failed, broken(&summary, 1220), lost), (0, reset, reset), "{who}: {by_code:?}");
        assert_eq!((&sockets["opened"], &sockets["open"]), (&json!(opened), &json!(0)), "{who}");
        assert_eq!((opened, &sockets["closed_properly"]), (held + reset, &json!(held)), "{who}");
        assert!((held * STORMS / 2..=held * STORMS).contains(&reset), "{who}: {reset}");
    }
    Ok(())
}

/// The connections that wait in a server's queue.
fn waiting(listener: &TcpListener) -> Result<u64> {
    listener.set_nonblocking(true)?;
    let mut count = 0;
    loop {
        match listener.accept() {
            Ok(_) => count += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
            Err(error) => return Err(error.into()),
        }
    }
}

#[test]
fn a_server_that_accepts_nothing_costs_each_attempt_its_time_and_no_more() -> Result<()> {
    const VUS: u64 = 20;
    // A queue that has room for all gives each a connection, and no answer on it; a full one none. That is filled by the
    // test, one by one: of several that come at once, the kernel may take more than it holds.
    for (room, code) in [(1000, 1050), (2, 1211)] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(room)?)?;
        let address = listener.local_addr()?;
        let mut queued = Vec::new();
        while code == 1211
            && let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300))
        {
            queued.push(stream);
            anyhow::ensure!(queued.len() <= 3, "the queue has no end");
        }
        let holder = &HOLDERS[0];
        let throng = Throng::command(holder.arguments()?)?.variable("WAIT", "1");
        let run = holder.hold(throng, &format!("ws://{address}/"), [VUS, 0], 5);
        let summary = ended(run.finish()?, "events")?;
        assert_all_counted(&summary, "events");
        let (failed_in_all, opened) = summary.rate_counts("ws_connect_failed");
        assert_eq!((opened, failed(&summary, code)), (0, failed_in_all), "{code}");
        let connections = if code == 1050 { failed_in_all } else { queued.len() as u64 };
        assert_eq!(waiting(&listener)?, connections, "{code}");
        // A second each, and half a second at least between two.
        assert!((VUS..=VUS * 4).contains(&failed_in_all), "{code}: {failed_in_all}");
    }
    Ok(())
}
