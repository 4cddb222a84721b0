//! A VU holds one socket that says nothing, and waits for it.

use throng::prelude::*;

#[scenario]
fn default() -> Result<(), websocket::Error> {
    let mut socket = websocket::connect(env("TARGET"))?;
    socket.receive(Duration::from_secs(3600)).map(|_| ())
}
