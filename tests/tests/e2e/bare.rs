//! TCP and UDP sockets of scripts: what they say and hear is counted alike on both sides, and faults have k6's codes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use throng_tests::{BareCounts, BareServer, Summary, Target, Throng, until};

use crate::SCRIPTS;
use crate::requests::passed;

/// Bytes of one iteration of `tcp_exchange`, and of `udp_exchange` with its datagrams: as the script says them.
const TCP_BYTES: u64 = 1 + 1000 + 4096 + 4097 + 65_536 + 1_000_000 + 16 + 16 + 8;
const UDP_BYTES: u64 = 1 + 1400 + 4097 + 40_000 + 65_507;
const DATAGRAMS: u64 = 6;

fn throng(function: &str, target: impl ToString, vus: u64, iterations: u64) -> Result<Throng> {
    let options = json!({ "scenarios": { "it": {
        "executor": "per-vu-iterations", "vus": vus, "iterations": iterations, "exec": function, "maxDuration": "80s",
    } } });
    let throng = Throng::run(&SCRIPTS.component("bare")?)?.arg("--quiet").variable("TARGET", target.to_string());
    Ok(throng.options(&options).args(["--summary-trend-stats", "avg,count"]))
}

/// The target's counts of what it has sent back, once so many connections have ended.
fn await_closed(target: &Target, closed: u64) -> Result<Value> {
    until("the target's connections end", Duration::from_secs(20), || {
        let echo = target.statistics()?["echo"].clone();
        Ok((echo["tcp"]["closed"].as_u64() >= Some(closed)).then_some(echo))
    })
}

/// Bytes that the run has counted at its sockets: sent, received.
fn data(summary: &Summary) -> (u64, u64) {
    (summary.count("data_sent"), summary.count("data_received"))
}

#[test]
fn the_target_and_throng_count_the_same() -> Result<()> {
    let (target, echo) = Target::start_echo()?;
    let (summary, _) = passed(throng("tcp_exchange", echo, 4, 3)?.finish()?)?;
    let tcp = await_closed(&target, 12)?["tcp"].clone();
    let bytes = 12 * TCP_BYTES;
    assert_eq!(tcp, json!({ "opened": 12, "closed": 12, "open": 0, "bytes": { "in": bytes, "out": bytes } }));
    assert_eq!(data(&summary), (bytes, bytes));
    assert_eq!((summary.count("tcp_sessions"), summary.rate_counts("tcp_connect_failed")), (12, (0, 12)));
    assert_eq!(summary.value("tcp_connecting", "count")?, 12.0);
    // Six lengths, the lines, std's traits, the last.
    assert_eq!(summary.value("tcp_round_trip", "count")?, 12.0 * 9.0);

    // Two of the longest datagrams fit into the target's buffer; further ones might be lost, as UDP has it.
    let (summary, _) = passed(throng("udp_exchange", echo, 2, 6)?.finish()?)?;
    let udp = target.statistics()?["echo"]["udp"].clone();
    let (datagrams, bytes) = (12 * DATAGRAMS, 12 * UDP_BYTES);
    let both = |count: u64| json!({ "in": count, "out": count });
    assert_eq!(udp, json!({ "datagrams": both(datagrams), "bytes": both(bytes) }));
    assert_eq!(data(&summary), (bytes, bytes));
    let counts = (summary.count("udp_datagrams_sent"), summary.count("udp_datagrams_received"));
    assert_eq!(counts, (datagrams, datagrams));
    assert_eq!(summary.value("udp_round_trip", "count")?, datagrams as f64);
    Ok(())
}

#[test]
fn a_server_that_others_wrote_has_counted_what_throng_says() -> Result<()> {
    let server = BareServer::start()?;
    let (summary, _) = passed(throng("tcp_exchange", server.address(), 2, 3)?.finish()?)?;
    assert_eq!(summary.count("tcp_sessions"), 6);
    let (summary, _) = passed(throng("udp_exchange", server.address(), 2, 3)?.finish()?)?;
    assert_eq!(summary.count("udp_datagrams_received"), 6 * DATAGRAMS);
    passed(throng("resetting", server.address(), 2, 1)?.finish()?)?;
    let expected = BareCounts {
        opened: 8,
        ended: 6,
        reset: 2,
        bytes: 6 * TCP_BYTES + 2,
        datagrams: 6 * DATAGRAMS,
        datagram_bytes: 6 * UDP_BYTES,
    };
    assert_eq!(server.counted()?, expected);
    Ok(())
}

#[test]
fn tcp_goes_by_tls_too() -> Result<()> {
    let (server, authority) = BareServer::start_tls()?;
    let by_tls = |function| -> Result<Throng> {
        Ok(throng(function, server.address(), 2, 3)?.variable("TLS", "yes").arg("--tls-ca").arg(&authority))
    };
    let (summary, _) = passed(by_tls("tcp_exchange")?.finish()?)?;
    assert_eq!((summary.count("tcp_sessions"), summary.rate_counts("tcp_connect_failed")), (6, (0, 6)));
    let (sent, received) = data(&summary);
    assert!(sent > 6 * TCP_BYTES && received > 6 * TCP_BYTES, "records have heads: {sent}, {received}");
    let untrusted = throng("tcp_exchange", server.address(), 1, 1)?.variable("TLS", "yes").finish()?;
    assert_eq!(untrusted.summary()?.rate_counts("tcp_connect_failed"), (1, 0));
    let counted = server.counted()?;
    assert_eq!((counted.ended, counted.reset, counted.bytes), (6, 0, 6 * TCP_BYTES));
    Ok(())
}

#[test]
fn sockets_outlive_their_iteration_and_are_closed_when_their_vu_ends() -> Result<()> {
    let (target, echo) = Target::start_echo()?;
    let (summary, _) = passed(throng("lasting", echo, 3, 20)?.finish()?)?;
    let counted = await_closed(&target, 3)?;
    assert_eq!((counted["tcp"]["opened"].as_u64(), counted["udp"]["datagrams"]["in"].as_u64()), (Some(3), Some(60)));
    assert_eq!((summary.count("iterations"), summary.count("tcp_sessions")), (60, 3));
    assert_eq!(summary.value("tcp_round_trip", "count")?, 60.0);
    Ok(())
}

#[test]
fn what_is_sent_before_a_socket_is_let_go_of_arrives() -> Result<()> {
    let (told, ended) = mpsc::channel();
    let address = play(move |mut stream| {
        let read = stream.read_to_end(&mut Vec::new());
        let _ = told.send(read.map_err(|error| error.to_string()));
    })?;
    let datagrams = UdpSocket::bind(address)?;
    passed(throng("parting", address, 2, 10)?.finish()?)?;
    for _ in 0..20 {
        assert_eq!(ended.recv_timeout(Duration::from_secs(20))?, Ok(100_000));
    }
    datagrams.set_nonblocking(true)?;
    let mut bytes = [0; 100];
    for _ in 0..20 {
        let count = datagrams.recv(&mut bytes)?;
        assert_eq!(&bytes[..count], b"farewell");
    }
    assert!(datagrams.recv(&mut bytes).is_err(), "there are no more");
    Ok(())
}

/// A server that does one thing to every connection.
fn play(deed: impl Fn(std::net::TcpStream) + Send + 'static) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || listener.incoming().flatten().for_each(deed));
    Ok(address)
}

#[test]
fn failures_have_k6_s_codes() -> Result<()> {
    // No test binds that address; a port of 127.0.0.1 that was free just now may be another test's by then.
    let [absent, nobody] = [9, 10].map(|port| SocketAddr::from(([127, 31, 7, 1], port)));
    // It is bound, and nobody reads what comes.
    let lossy = UdpSocket::bind("127.0.0.1:0")?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let resetting = play(|mut stream| {
        let _ = stream.read(&mut [0; 1]);
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    })?;
    let closing = play(|mut stream| drop(stream.read(&mut [0; 1])))?;
    let answering = play(|mut stream| drop(stream.write_all(b"!").and_then(|()| stream.read(&mut [0; 1]))))?;
    let cases = [
        format!("tcp={answering}=0"),
        format!("tcp={absent}=1212"),
        format!("tcp={resetting}=1220"),
        format!("tcp={closing}=1000"),
        format!("tcp={}=1050", silent.local_addr()?),
        format!("tls={}=1211", silent.local_addr()?),
        "tcp=blocked.example:1=1111".to_owned(),
        "tcp=10.1.2.3:1=1110".to_owned(),
        "tcp=nowhere.invalid:1=1101".to_owned(),
        "tcp=127.0.0.1=1020".to_owned(),
        format!("tcp=http://{absent}=1020"),
        format!("udp={}=0", lossy.local_addr()?),
        format!("udp={nobody}=1212"),
        "udp=blocked.example:1=1111".to_owned(),
        "udp=10.1.2.3:1=1110".to_owned(),
        "udp=127.0.0.1:no=1020".to_owned(),
    ];
    let throng = throng("codes", "", 1, 1)?.variable("CASES", cases.join(" "));
    let throng = throng.args(["--block-hostnames", "*.example", "--blacklist-ip", "10.0.0.0/8"]);
    let (summary, _) = passed(throng.finish()?)?;
    // Two addresses are none, and no attempt was made; of the nine others three became connections that TCP has.
    assert_eq!((summary.count("tcp_sessions"), summary.rate_counts("tcp_connect_failed")), (9, (5, 4)));
    Ok(())
}

#[test]
fn source_ports_that_are_used_up_are_an_error_that_says_so() -> Result<()> {
    let (_target, echo) = Target::start_echo()?;
    let throng = throng("hoarding", echo, 1, 1)?.args(["--bind-ports", "42000-42007"]);
    let (_, finished) = passed(throng.finish()?)?;
    let said = finished.stderr.lines().find(|line| line.contains("and then")).context("nothing was said")?.to_owned();
    assert!(said.contains("no source port is left") && said.contains("--bind-ports"), "{said}");
    Ok(())
}
