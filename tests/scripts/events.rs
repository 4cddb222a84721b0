//! Event-driven scenarios: what a connection can go through, a set of handlers each.

use std::cell::Cell;
use std::hint::black_box;
use throng::events::{Closed, Message};
use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

thread_local! {
    /// Messages that have come back to this instance.
    static MESSAGES: Cell<u32> = const { Cell::new(0) };
}

/// Sends a message each 20 ms.
struct Busy;

#[handlers(name = "busy")]
impl Handlers for Busy {
    fn begin(connection: Connection) -> Self {
        connection.connect(env("URL"));
        Self
    }

    fn open(&mut self, connection: Connection, _subprotocol: &str) {
        self.timer(connection, 0);
    }

    fn timer(&mut self, connection: Connection, _timer: u32) {
        connection.send_text("hello");
        connection.set_timer(0, 0.02);
    }
}

/// Says nothing. WAIT says how many seconds the handshake may take.
struct Idle;

#[handlers(name = "idle")]
impl Handlers for Idle {
    fn begin(connection: Connection) -> Self {
        let seconds: f64 = env_or("WAIT", "60").parse().expect("WAIT is a number of seconds");
        connection.connect_with(&events::Handshake::new(env("URL")).timeout(seconds));
        Self
    }
}

/// The same as the first, until what ENDING says ends its instance.
struct Doomed(Busy);

#[handlers(name = "doomed")]
impl Handlers for Doomed {
    fn begin(connection: Connection) -> Self {
        Self(Busy::begin(connection))
    }

    fn open(&mut self, connection: Connection, subprotocol: &str) {
        self.0.open(connection, subprotocol);
    }

    fn timer(&mut self, connection: Connection, timer: u32) {
        self.0.timer(connection, timer);
    }

    fn message(&mut self, _connection: Connection, _message: Message<'_>) {
        MESSAGES.set(MESSAGES.get() + 1);
        if MESSAGES.get() < 200 {
            return;
        }
        match env("ENDING") {
            "panic" => panic!("the 200th message"),
            "sleep" => sleep(1),
            "spin" => loop {
                black_box(0);
            },
            other => panic!("no ending {other}"),
        }
    }
}

/// Does all that a connection can do, each answer leading to the next question.
struct Curious {
    step: u32,
    by_server: bool,
}

#[handlers(name = "curious")]
impl Handlers for Curious {
    fn begin(connection: Connection) -> Self {
        let identity = connection.identity();
        check!("who it is" => identity.vu > 0 && identity.iteration < 1000 && identity.iteration_of_vu < 1000);
        let handshake = events::Handshake::new(env("URL")).header("X-Mine", "yes").subprotocol("chat").timeout(10);
        connection.connect_with(&handshake.tags(tags! { "room" => "lobby" }));
        check!("nothing is sent yet" => connection.try_send_text("early").is_err());
        Self { step: 0, by_server: env_or("BY", "") == "server" }
    }

    fn open(&mut self, connection: Connection, subprotocol: &str) {
        check!("the subprotocol" => subprotocol == "chat");
        if !self.by_server {
            connection.ping();
        }
    }

    fn pong(&mut self, connection: Connection, after: Duration) {
        check!("a ping takes its time" => !after.is_zero());
        connection.send_binary([1, 2, 3]);
    }

    fn message(&mut self, connection: Connection, message: Message<'_>) {
        self.step += 1;
        match self.step {
            1 => {
                check!("bytes come back" => message == Message::Binary(&[1, 2, 3]) && message.len() == 3);
                connection.send_text("");
            }
            _ => {
                check!("text comes back" => message == Message::Text("") && message.is_empty());
                connection.set_timer(1, 60);
                connection.set_timer(2, 0.03);
                connection.set_timer(3, 0.01);
                connection.cancel_timer(1);
            }
        }
    }

    fn timer(&mut self, connection: Connection, timer: u32) {
        self.step += 1;
        check!("timers come in order" => (self.step, timer) == (3, 3) || (self.step, timer) == (4, 2));
        if timer == 2 {
            connection.close_with(4001, "enough");
            check!("nothing is sent any more" => connection.try_send_text("late").is_err());
        }
    }

    fn close(&mut self, _connection: Connection, closed: Closed<'_>) {
        check!("how it ended" => closed.code == 4001 && closed.by_server == self.by_server);
    }
}
