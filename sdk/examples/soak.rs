//! Holds WebSocket connections in great number: `throng run soak.rs --vus 1000 --duration 10m -e TARGET=http://HOST:PORT`
//! opens a thousand, has each send a message once a minute and get it back, and closes them at the end.
//!
//! `-e EVERY=10` sets the seconds between two messages, `-e SIZE=1000` the bytes of one. A server has 30 s to answer the
//! close frames of all at the end; where that isn't enough, `-e VUS=1000000 -e DURATION=10m -e CLOSING=5m` in place of the
//! flags gives it more. They open as fast as the server takes them, or so many a second with `-e RATE=20000` beside these;
//! then their first messages come in the minute after the last has opened. `-e DEFLATE=yes` offers compression without
//! context, `-e DEFLATE=context` with it, which has memory of every connection. `-e LIFE=6000` has `throng target` close each
//! at random, after so many seconds on average; its VU opens another.

use throng::events::Handshake;
use throng::prelude::*;
use throng::websocket::Compression;

metrics! {
    /// From sending a message until it was back.
    static ROUND_TRIP: Trend = time "echo_round_trip";
    /// Messages that came back.
    static ECHOES: Counter = "echoes";
}

/// The number of the one timer that each connection has.
const NEXT: u32 = 0;

#[options]
fn options() -> Options {
    let (vus, duration) = (vus(), env_or("DURATION", "2m"));
    let held = match vus.checked_div(rate()) {
        None => Scenario::constant_vus(vus, duration),
        Some(seconds) => {
            let opened = Scenario::ramping_vus().set("startVUs", 0).stage(format!("{seconds}s"), vus.into());
            opened.stage(duration, vus.into())
        }
    };
    Options::new().scenario("soak", held.graceful_stop(env_or("CLOSING", "30s"))).threshold("checks", "rate==1")
}

/// What is kept of a connection while it waits.
struct Soak {
    /// When the first message was sent whose echo is awaited.
    sent: Option<time::Instant>,
}

#[handlers]
impl Handlers for Soak {
    fn begin(connection: Connection) -> Self {
        HANDSHAKE.with(|handshake| connection.connect_with(handshake));
        Self { sent: None }
    }

    /// Spreads the first messages over the time between two, so that they don't come all at once; none comes before the
    /// last connection is to open.
    fn open(&mut self, connection: Connection, _subprotocol: &str) {
        let later = u64::from(vus()).saturating_sub(connection.identity().vu);
        let ramp = later.checked_div(rate().into()).unwrap_or(0);
        connection.set_timer(NEXT, ramp as f64 + every() * random::float());
    }

    fn timer(&mut self, connection: Connection, _timer: u32) {
        if connection.try_send_text(message()).is_ok() {
            self.sent.get_or_insert_with(time::now);
        }
        connection.set_timer(NEXT, every());
    }

    fn message(&mut self, _connection: Connection, echo: events::Message<'_>) {
        check!("the echo is what was sent" => echo == events::Message::Text(message()));
        if let Some(sent) = self.sent.take() {
            ROUND_TRIP.add(sent.elapsed());
        }
        ECHOES.add(1);
    }
}

thread_local! {
    /// How to connect.
    static HANDSHAKE: Handshake = {
        let life = env_or("LIFE", "");
        let query = if life.is_empty() { String::new() } else { format!("?life={life}000") };
        let handshake = Handshake::new(format!("{}/ws/echo{query}", env("TARGET")));
        match env_or("DEFLATE", "") {
            "" => handshake,
            "context" => handshake.compression(Compression::default()),
            _ => handshake.compression(Compression::without_context()),
        }
    };
}

/// How many connections.
fn vus() -> u32 {
    thread_local! {
        static VUS: u32 = env_or("VUS", "100").parse().expect("VUS is a number");
    }
    VUS.with(|vus| *vus)
}

/// How many of them are opened a second; 0 is as many as the server takes.
fn rate() -> u32 {
    thread_local! {
        static RATE: u32 = env_or("RATE", "0").parse().expect("RATE is a number of connections a second");
    }
    RATE.with(|rate| *rate)
}

/// Seconds between two messages of a connection.
fn every() -> f64 {
    thread_local! {
        static EVERY: f64 = env_or("EVERY", "60").parse().expect("EVERY is a number of seconds");
    }
    EVERY.with(|every| *every)
}

/// What is sent: the same each time.
fn message() -> &'static str {
    thread_local! {
        static MESSAGE: &'static str = {
            let size = env_or("SIZE", "16").parse().expect("SIZE is a number of bytes");
            "throng ".repeat(1 + size / 7)[..size].to_owned().leak()
        };
    }
    MESSAGE.with(|message| *message)
}
