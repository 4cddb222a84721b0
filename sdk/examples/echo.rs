//! TCP and UDP: each user keeps a connection to which it says a line and waits for the answer, and asks by a datagram that
//! may be lost.
//!
//!     throng target --echo 127.0.0.1:7000 &
//!     throng run echo.rs -e TARGET=127.0.0.1:7000 --vus 10 --duration 5s

use std::cell::RefCell;
use throng::prelude::*;
use throng::tcp::TcpSocket;

thread_local! {
    /// It outlives the iteration; throng closes it when the VU ends.
    static LINE: RefCell<Option<TcpSocket>> = const { RefCell::new(None) };
}

#[options]
fn options() -> Options {
    Options::new()
        .vus(10)
        .duration("5s")
        .threshold("checks", "rate>0.99")
        .threshold("tcp_connect_failed", "rate<0.01")
        .threshold("tcp_round_trip", "p(95)<100")
        .threshold("udp_round_trip", "p(95)<100")
}

#[scenario]
fn default() -> Result<(), tcp::Error> {
    let said = format!("number {}", random::bits());
    let heard = LINE.with_borrow_mut(|line| {
        let line = match line {
            Some(line) => line,
            None => line.insert(tcp::Connect::new(env("TARGET")).timeout(Duration::from_secs(5)).open()?),
        };
        line.send(format!("{said}\n"))?;
        line.read_line()
    });
    if heard.is_err() {
        // It is of no use any more: the next iteration connects anew.
        LINE.take();
    }
    check!("the line comes back" => heard? == said);

    let mut socket = udp::connect(env("TARGET"))?;
    socket.send(&said)?;
    let answer = socket.receive(Duration::from_secs(1))?;
    check!("the datagram comes back" => answer.as_deref() == Some(said.as_bytes()));
    sleep(0.1);
    Ok(())
}
