//! A connection a VU, which always has a message of 32 bytes under way; `websocket_echo.rs` as an event-driven script.

use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env("OPTIONS")).expect("OPTIONS is JSON")
}

struct Echo;

#[handlers]
impl Handlers for Echo {
    fn begin(connection: Connection) -> Self {
        connection.connect(env("TARGET"));
        Self
    }

    fn open(&mut self, connection: Connection, _subprotocol: &str) {
        connection.send_binary([b'x'; 32]);
    }

    fn message(&mut self, connection: Connection, _echo: events::Message<'_>) {
        connection.send_binary([b'x'; 32]);
    }
}
