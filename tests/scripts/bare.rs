//! TCP and UDP: exchanges that are counted, sockets that last, and what may go wrong.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use throng::prelude::*;
use throng::tcp::{self, TcpSocket};
use throng::udp::{self, UdpSocket};

#[options]
fn options() -> Value {
    serde_json::from_str(&env("OPTIONS")).expect("OPTIONS is JSON")
}

/// Long enough for a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lengths of what goes forth and back by TCP.
const LENGTHS: [usize; 6] = [1, 1000, 4096, 4097, 65_536, 1_000_000];
/// The same of datagrams: from the shortest to the longest.
const DATAGRAMS: [usize; 6] = [0, 1, 1400, 4097, 40_000, 65_507];

thread_local! {
    static KEPT: RefCell<Option<(TcpSocket, UdpSocket)>> = const { RefCell::new(None) };
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * at / 7) as u8).collect()
}

fn connect() -> tcp::Connect {
    let connect = tcp::Connect::new(env("TARGET")).name("it");
    if env_or("TLS", "").is_empty() { connect } else { connect.tls() }
}

/// What is sent by TCP comes back, by all ways of reading.
#[scenario]
fn tcp_exchange() -> Result<(), tcp::Error> {
    let mut socket = connect().open()?;
    for length in LENGTHS {
        let said = bytes(length);
        socket.send(&said)?;
        check!("bytes come back" => socket.read_exact(length)? == said);
    }
    socket.send("one\r\ntwo\n;three;")?;
    check!("lines come back" => (socket.read_line()?, socket.read_line()?) == ("one".into(), "two".into()));
    check!("a delimiter delimits" => (socket.read_until(";")?, socket.read_until(";")?) == (b";".into(), b"three;".into()));
    check!("nothing more comes yet" => socket.receive(Duration::ZERO)?.is_none());
    let mut reader = BufReader::new(socket);
    check!("std's trait writes" => reader.get_mut().write_all(b"by std's traits\n").is_ok());
    let mut line = String::new();
    check!("std's trait reads" => reader.read_line(&mut line).is_ok() && line == "by std's traits\n");
    let mut socket = reader.into_inner();
    socket.send("the last")?;
    socket.end_sending()?;
    check!("what was sent before the end comes back" => socket.read_to_end()? == b"the last");
    check!("and then nothing" => socket.receive(PATIENCE)? == Some(Vec::new()));
    check!("nothing is sent after the end" => socket.send("?").is_err_and(|error| error.code() == 1000));
    Ok(())
}

/// What is sent by UDP comes back.
#[scenario]
fn udp_exchange() -> Result<(), udp::Error> {
    let mut socket = udp::Connect::new(env("TARGET")).name("it").open()?;
    for length in DATAGRAMS {
        let said = bytes(length);
        socket.send(&said)?;
        check!("a datagram comes back" => socket.receive(PATIENCE)? == Some(said));
    }
    check!("nothing more comes" => socket.receive(Duration::ZERO)?.is_none());
    check!("one that is too long isn't sent" => socket.send(bytes(65_508)).is_err_and(|error| error.code() == 1000));
    Ok(())
}

/// One socket of each kind for all iterations.
#[scenario]
fn lasting() -> Result<(), tcp::Error> {
    KEPT.with_borrow_mut(|kept| {
        let (stream, datagrams) = match kept {
            Some(kept) => kept,
            None => kept.insert((connect().open()?, udp::connect(env("TARGET"))?)),
        };
        stream.send("still here\n")?;
        check!("a line comes back" => stream.read_line()? == "still here");
        datagrams.send("still here")?;
        check!("a datagram comes back" => datagrams.receive(PATIENCE)?.as_deref() == Some(b"still here"));
        Ok(())
    })
}

/// Says something and lets go at once: it arrives all the same.
#[scenario]
fn parting() -> Result<(), tcp::Error> {
    check!("bytes are taken" => connect().open()?.send(bytes(100_000)).is_ok());
    check!("a datagram is taken" => udp::connect(env("TARGET"))?.send("farewell").is_ok());
    Ok(())
}

/// Addresses and the codes of errors that they come to, as `KIND=ADDRESS=CODE`.
#[scenario]
fn codes() {
    for one in env("CASES").split_whitespace() {
        let (kind, rest) = one.split_once('=').expect("KIND=ADDRESS=CODE");
        let (address, code) = rest.rsplit_once('=').expect("KIND=ADDRESS=CODE");
        // What is to take too long does so soon; all else has the time that a busy machine needs.
        let soon = |is_late: bool| if is_late { Duration::from_secs(1) } else { PATIENCE };
        let waits = (soon(code == "1211"), soon(code == "1050"));
        let result = match kind {
            "tcp" => speak(tcp::Connect::new(address), waits),
            "tls" => speak(tcp::Connect::new(address).tls(), waits),
            "udp" => ask(address, soon(code == "0")),
            kind => panic!("no kind {kind}"),
        };
        let found = result.as_ref().err().map_or(0, tcp::Error::code);
        if found.to_string() != code {
            log::error!("{one}: {found}: {result:?}");
        }
        check!("the code is that" => found.to_string() == code);
    }
}

/// Waits for a byte, and speaks on until the connection is of no use.
fn speak(connect: tcp::Connect, (connecting, reading): (Duration, Duration)) -> Result<(), tcp::Error> {
    let mut socket = connect.timeout(connecting).open()?;
    socket.set_timeout(reading);
    socket.send("?")?;
    socket.read_exact(1).map(drop)
}

fn ask(address: &str, patience: Duration) -> Result<(), udp::Error> {
    let mut socket = udp::connect(address)?;
    socket.send("?")?;
    let answer = socket.receive(patience)?;
    check!("a lost datagram is no answer and no error" => answer.is_none());
    Ok(())
}

/// Resets a connection.
#[scenario]
fn resetting() -> Result<(), tcp::Error> {
    let mut socket = connect().open()?;
    socket.send("x")?;
    check!("it comes back" => socket.read_exact(1)? == b"x");
    socket.reset();
    Ok(())
}

/// Holds as many sockets as it can.
#[scenario]
fn hoarding() {
    let mut held = Vec::new();
    let error = loop {
        match udp::connect(env("TARGET")) {
            Ok(socket) => held.push(socket),
            Err(error) => break error,
        }
    };
    log::info!("held {} and then: {error}", held.len());
    check!("there are no more ports" => error.code() == 1214);
}
