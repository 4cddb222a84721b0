//! WebSockets: by the RFCs' word on the wire, and by that of implementations that others wrote.

mod cases;
mod wire;

use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use throng_tests::{EchoServer, Echoed, Other, Summary, Target, Throng, until};

use crate::SCRIPTS;
use crate::connections::tls_target;
use crate::requests::passed;
use cases::{Case, Said, Terms};
use wire::{Codec, Frame, Peer};

const NORMAL: [u8; 2] = 1000u16.to_be_bytes();
/// For all cases one after the other, on a busy machine.
const PLAYED_MAX: Duration = Duration::from_secs(300);

/// Says what a case says, and hears what is to be heard. A `patient` peer hears first what comes of one part before it
/// says the next, for an echo that is made by a script; another says all at once.
fn play(peer: &mut Peer, case: &Case, patient: bool) -> Result<()> {
    let mut frames = Vec::new();
    for said in &case.said {
        let frame = match said {
            Said::Frame(frame) => frame.clone(),
            Said::Message(opcode, payload) => peer.message(*opcode, payload),
        };
        frames.push(peer.encode(&frame));
    }
    if case.code.is_none() {
        frames.push(peer.encode(&Frame(0x88, NORMAL.to_vec())));
    }
    let first = match (patient && !case.heard.is_empty(), case.code) {
        (false, _) => frames.len(),
        (true, None) => case.said.len(),
        (true, Some(_)) => case.echoed,
    };
    let rest = frames.split_off(first);
    say(peer, frames.concat(), case, |peer| match rest.is_empty() {
        true => peer.expect(&case.heard, Some(case.code.unwrap_or(1000))),
        false => peer.expect(&case.heard, None),
    })?;
    if !rest.is_empty() {
        say(peer, rest.concat(), case, |peer| peer.expect(&[], Some(case.code.unwrap_or(1000))))?;
    }
    peer.end();
    peer.expect_end()
}

/// Says bytes and hears at the same time, as neither side may hold all that is said.
fn say(peer: &mut Peer, bytes: Vec<u8>, case: &Case, hear: impl FnOnce(&mut Peer) -> Result<()>) -> Result<()> {
    let mut speaker = peer.speaker()?;
    std::thread::scope(|scope| {
        let speaking = scope.spawn(move || speaker.send(&bytes, case.pieces));
        let heard = hear(peer);
        let spoken = speaking.join().map_err(|_| anyhow::anyhow!("the speaker panicked"))?;
        heard.and(spoken)
    })
}

/// Lets throng's client play cases, each on a socket of its own, as an echo.
fn play_with_client(cases: Vec<(Option<Terms>, Case)>) -> Result<Summary> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}", listener.local_addr()?);
    let offers: Vec<Value> = cases.iter().map(|(terms, _)| terms.as_ref().map_or(Value::Null, offered)).collect();
    let count = cases.len();
    let (told, failures) = mpsc::channel();
    let server = std::thread::spawn(move || -> Result<()> {
        for (terms, case) in &cases {
            let (stream, _) = listener.accept()?;
            let codec = terms.as_ref().map_or_else(Codec::default, |terms| {
                Codec::deflate(terms.server_bits, (terms.server_resets, terms.client_resets))
            });
            let line = terms.as_ref().map_or_else(String::new, |terms| {
                format!("Sec-WebSocket-Extensions: permessage-deflate{}\r\n", terms.answer)
            });
            let mut peer = Peer::accept(stream, &line, codec)?;
            if let Err(error) = play(&mut peer, case, true) {
                told.send(format!("{}: {error:#}", case.number))?;
            }
        }
        Ok(())
    });
    let options = one("echo_cases", 1);
    let throng = Throng::run(&SCRIPTS.component("websocket")?)?.arg("--quiet").variable("TARGET", url);
    let throng = throng.options(&options).variable("CASES", Value::from(offers).to_string());
    let finished = throng.start()?.wait(PLAYED_MAX)?;
    let ended = finished.code;
    ensure!(ended == Some(0), "{ended:?}: {}", finished.stderr);
    server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    let failures: Vec<String> = failures.iter().collect();
    ensure!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
    let (summary, _) = passed(finished)?;
    assert_eq!((summary.count("ws_sessions"), summary.rate_counts("ws_connect_failed").0), (count as u64, 0));
    Ok(summary)
}

fn offered(terms: &Terms) -> Value {
    let bits = |name: &str| {
        let value = terms.offer.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        value.and_then(|bits| bits.parse::<u64>().ok())
    };
    json!({
        "client_context": !terms.offer.contains("client_no_context_takeover"),
        "server_context": !terms.offer.contains("server_no_context_takeover"),
        "client_bits": bits("client_max_window_bits").unwrap_or(15),
        "server_bits": bits("server_max_window_bits"),
    })
}

fn one(function: &str, iterations: u64) -> Value {
    json!({ "scenarios": { "it": {
        "executor": "per-vu-iterations", "vus": 1, "iterations": iterations, "exec": function, "maxDuration": "280s",
    } } })
}

fn throng(function: &str, url: &str, vus: u64, iterations: u64) -> Result<Throng> {
    let mut options = one(function, iterations);
    options["scenarios"]["it"]["vus"] = vus.into();
    let throng =
        Throng::run(&SCRIPTS.component("websocket")?)?.arg("--quiet").variable("TARGET", url).options(&options);
    Ok(throng.args(["--summary-trend-stats", "avg,count"]))
}

#[test]
fn the_client_answers_every_case_of_rfc_6455_as_it_says() -> Result<()> {
    play_with_client(cases::plain().into_iter().map(|case| (None, case)).collect()).map(|_| ())
}

#[test]
fn the_client_answers_every_case_of_rfc_7692_as_it_says() -> Result<()> {
    play_with_client(cases::compressed().into_iter().map(|(terms, case)| (Some(terms), case)).collect()).map(|_| ())
}

#[test]
fn the_target_answers_every_case_of_rfc_6455_as_it_says() -> Result<()> {
    let target = Target::start()?;
    let cases = cases::plain();
    let mut failures = Vec::new();
    for case in &cases {
        let played = Peer::connect(target.address(), "/ws/echo", "", Codec::default())
            .and_then(|mut peer| play(&mut peer, case, false));
        failures.extend(played.err().map(|error| format!("{}: {error:#}", case.number)));
    }
    ensure!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
    let sockets = await_closed(&target, cases.len() as u64)?;
    assert_eq!(sockets["opened"], cases.len());
    Ok(())
}

#[test]
fn the_target_answers_every_case_of_rfc_7692_as_it_says() -> Result<()> {
    let target = Target::start()?;
    let mut failures = Vec::new();
    for (terms, case) in cases::compressed() {
        let codec = Codec::deflate(terms.client_bits, (terms.client_resets, terms.server_resets));
        let line = format!("Sec-WebSocket-Extensions: permessage-deflate{}\r\n", terms.offer);
        let played = Peer::connect(target.address(), "/ws/echo", &line, codec).and_then(|mut peer| {
            let agreed = peer.field("sec-websocket-extensions").context("nothing was agreed")?;
            ensure!(agreed == format!("permessage-deflate{}", terms.answer), "{agreed}");
            play(&mut peer, &case, false)
        });
        failures.extend(played.err().map(|error| format!("{}: {error:#}", case.number)));
    }
    ensure!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

/// The target's counts once so many WebSockets have ended.
fn await_closed(target: &Target, closed: u64) -> Result<Value> {
    until("the target's WebSockets end", Duration::from_secs(20), || {
        let sockets = target.statistics()?["websockets"].clone();
        Ok((sockets["closed"].as_u64() >= Some(closed)).then_some(sockets))
    })
}

/// Messages and bytes of one iteration of `exchange`: two of each length, and one behind the ping. The text's characters
/// are of 1, 2, 1 and 1 bytes.
fn exchanged(iterations: u64) -> (u64, u64) {
    let lengths = [0u64, 1, 125, 126, 4096, 65535, 65536, 200_000];
    let text = |length: u64| length + length / 4 + u64::from(length % 4 >= 2);
    let bytes: u64 = lengths.iter().map(|length| length + text(*length)).sum();
    (iterations * (2 * lengths.len() as u64 + 1), iterations * (bytes + "behind the ping".len() as u64))
}

#[test]
fn servers_that_others_wrote_have_counted_what_throng_says() -> Result<()> {
    for other in Other::ALL {
        for deflate in [false, true] {
            let server = EchoServer::start(other, deflate)?;
            let throng = throng("exchange", &server.url(), 3, 2)?;
            let throng = throng.variable("DEFLATE", if deflate { "yes" } else { "" });
            let (summary, _) = passed(throng.finish()?)?;
            let (messages, bytes) = exchanged(6);
            let compressed = if deflate { 6 } else { 0 };
            let expected = Echoed { opens: 6, proper_closes: 6, messages, unanswered: 0, bytes, compressed };
            assert_eq!(server.counted()?, expected, "{other:?}, deflate: {deflate}");
            assert_eq!(
                (summary.count("ws_sessions"), summary.count("ws_msgs_sent"), summary.count("ws_msgs_received")),
                (6, messages, messages),
                "{other:?}, deflate: {deflate}"
            );
            assert_eq!(summary.value("ws_ping", "count")?, 6.0);
        }
    }
    Ok(())
}

#[test]
fn clients_that_others_wrote_have_counted_what_the_target_says() -> Result<()> {
    for other in Other::ALL {
        for deflate in [false, true] {
            let target = Target::start()?;
            let url = format!("ws://{}/ws/echo", target.address());
            let counted = other.talk(&url, deflate, 4)?;
            let sockets = await_closed(&target, 4)?;
            assert_eq!((counted.opens, counted.compressed), (4, if deflate { 4 } else { 0 }), "{other:?}");
            assert_eq!(sockets["opened"], counted.opens);
            assert_eq!(sockets["closed_properly"], counted.proper_closes);
            assert_eq!(sockets["messages"], json!({ "in": counted.messages, "out": counted.messages }));
            assert_eq!(sockets["message_bytes"], json!({ "in": counted.bytes, "out": counted.bytes }));
        }
    }
    Ok(())
}

#[test]
fn the_target_and_throng_count_the_same() -> Result<()> {
    for deflate in ["", "yes"] {
        let target = Target::start()?;
        let throng = throng("exchange", &target.url("/ws/echo"), 4, 3)?.variable("DEFLATE", deflate);
        let (summary, _) = passed(throng.finish()?)?;
        let sockets = await_closed(&target, 12)?;
        let (messages, bytes) = exchanged(12);
        assert_eq!((sockets["opened"].as_u64(), sockets["closed_properly"].as_u64()), (Some(12), Some(12)));
        assert_eq!(sockets["messages"], json!({ "in": messages, "out": messages }));
        assert_eq!(sockets["message_bytes"], json!({ "in": bytes, "out": bytes }));
        assert_eq!(
            (summary.count("ws_sessions"), summary.count("ws_msgs_sent"), summary.count("ws_msgs_received")),
            (12, messages, messages)
        );
        assert_eq!(summary.value("ws_round_trip", "count")?, messages as f64);
        assert_eq!(summary.value("ws_session_duration", "count")?, 12.0);
        assert_eq!(summary.value("ws_connecting", "count")?, 12.0);
    }
    Ok(())
}

#[test]
fn a_socket_outlives_its_iteration_and_is_closed_when_its_vu_ends() -> Result<()> {
    let target = Target::start()?;
    let (summary, _) = passed(throng("lasting", &target.url("/ws/echo"), 3, 20)?.finish()?)?;
    let sockets = await_closed(&target, 3)?;
    assert_eq!((sockets["opened"].as_u64(), sockets["closed_properly"].as_u64()), (Some(3), Some(3)));
    assert_eq!(sockets["messages"]["in"], 60);
    assert_eq!((summary.count("iterations"), summary.count("ws_sessions")), (60, 3));
    assert_eq!(summary.value("ws_session_duration", "count")?, 3.0);
    Ok(())
}

#[test]
fn sockets_go_by_tls_too() -> Result<()> {
    let (target, directory) = tls_target(&[])?;
    let authority = directory.path().join("target.pem");
    let throng = throng("exchange", &target.url("/ws/echo"), 2, 2)?.arg("--tls-ca").arg(authority);
    let (summary, _) = passed(throng.finish()?)?;
    let (messages, _) = exchanged(4);
    assert_eq!((summary.count("ws_sessions"), summary.count("ws_msgs_received")), (4, messages));
    Ok(())
}

#[test]
fn sockets_do_what_scripts_ask_of_them() -> Result<()> {
    let target = Target::start()?;
    passed(throng("manners", &target.url(""), 1, 1)?.finish()?)?;
    // What the script let go of is closed in order too.
    let sockets = await_closed(&target, 4)?;
    assert_eq!((sockets["opened"].as_u64(), sockets["closed_properly"].as_u64()), (Some(4), Some(4)));
    Ok(())
}

#[test]
fn failures_have_k6_s_codes() -> Result<()> {
    let target = Target::start()?;
    // No test binds that address.
    let closed = "127.31.7.1:9";
    let address = target.address();
    let urls = [
        format!("ws://{address}/ws/echo=0"),
        format!("ws://{address}/nowhere=1404"),
        format!("ws://{address}/status/503=1503"),
        format!("ws://{address}/json=1000"),
        format!("ws://{address}/redirect/1=1000"),
        format!("ws://{address}/reset=1220"),
        format!("ws://{closed}/=1212"),
        "ftp://127.0.0.1/=1020".to_owned(),
        format!("ws://{address}/delay/10000=1050"),
    ];
    let throng = throng("codes", "", 1, 1)?.variable("URLS", urls.join(" "));
    let (summary, _) = passed(throng.finish()?)?;
    // One URL is none, and nothing was tried.
    assert_eq!((summary.count("ws_sessions"), summary.rate_counts("ws_connect_failed")), (8, (7, 1)));
    Ok(())
}
