//! One socket a VU; each iteration is a message of 32 bytes and its echo.

use std::cell::RefCell;
use throng::prelude::*;
use throng::websocket::{Error, WebSocket};

thread_local! {
    static SOCKET: RefCell<Option<WebSocket>> = const { RefCell::new(None) };
}

#[options]
fn options() -> Value {
    serde_json::from_str(&env("OPTIONS")).expect("OPTIONS is JSON")
}

#[scenario]
fn default() -> Result<(), Error> {
    SOCKET.with_borrow_mut(|socket| {
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(websocket::connect(env("TARGET"))?),
        };
        socket.send(&[b'x'; 32][..])?;
        socket.wait().map(|_| ())
    })
}
