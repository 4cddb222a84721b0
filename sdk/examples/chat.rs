//! A chat: each user keeps one socket for as long as it runs, says something each iteration and waits for its echo.
//!
//!     throng target --listen 127.0.0.1:8080 &
//!     throng run chat.rs -e TARGET=http://127.0.0.1:8080 --vus 10 --duration 5s

use std::cell::RefCell;
use throng::prelude::*;
use throng::websocket::WebSocket;

thread_local! {
    /// It outlives the iteration; throng closes it when the VU ends.
    static SOCKET: RefCell<Option<WebSocket>> = const { RefCell::new(None) };
}

#[options]
fn options() -> Options {
    Options::new()
        .vus(10)
        .duration("5s")
        .threshold("checks", "rate==1")
        .threshold("ws_connect_failed", "rate<0.01")
        .threshold("ws_round_trip", "p(95)<100")
}

#[scenario]
fn default() -> Result<(), websocket::Error> {
    SOCKET.with_borrow_mut(|socket| {
        let socket = match socket {
            Some(socket) => socket,
            None => {
                socket.insert(websocket::Connect::new(format!("{}/ws/echo", env("TARGET"))).subprotocol("chat").open()?)
            }
        };
        let said = json!({ "user": execution::vu().id_in_test, "text": "hello", "number": random::bits() });
        socket.send(said.clone())?;
        let heard = socket.receive(Duration::from_secs(5))?;
        check!(heard, "everyone hears what was said" => |heard| {
            heard.as_ref().and_then(|message| message.json::<Value>().ok()) == Some(said)
        });
        sleep(0.1);
        Ok(())
    })
}
