//! WebSockets: an echo for a server's cases, exchanges that are counted, sockets that last.

use std::cell::RefCell;
use throng::prelude::*;
use throng::websocket::{Compression, Connect, Error, State, WebSocket};

#[options]
fn options() -> Value {
    serde_json::from_str(&env("OPTIONS")).expect("OPTIONS is JSON")
}

thread_local! {
    static KEPT: RefCell<Option<WebSocket>> = const { RefCell::new(None) };
}

/// What to offer, as the test says it: nothing, or which contexts and windows.
fn offer(said: &Value) -> Option<Compression> {
    Some(Compression {
        client_context: said.get("client_context")?.as_bool()?,
        server_context: said.get("server_context")?.as_bool()?,
        client_window_bits: said.get("client_bits")?.as_u64()? as u8,
        server_window_bits: said.get("server_bits").and_then(Value::as_u64).map(|bits| bits as u8),
    })
}

fn target() -> Connect {
    let connect = Connect::new(env("TARGET")).name("it");
    match env_or("DEFLATE", "") {
        "" => connect,
        _ => connect.compression(Compression::default()),
    }
}

/// Sends back what each of the server's cases says, until the server ends it.
#[scenario]
fn echo_cases() {
    let cases: Vec<Value> = serde_json::from_str(&env("CASES")).expect("CASES is JSON");
    for (number, said) in cases.iter().enumerate() {
        let mut connect = Connect::new(format!("{}/{number}", env("TARGET"))).name("case");
        let offered = offer(said);
        if let Some(compression) = offered {
            connect = connect.compression(compression);
        }
        let mut socket = match connect.open() {
            Ok(socket) => socket,
            Err(error) => panic!("case {number}: {error}"),
        };
        check!("compression is as agreed" => socket.is_compressed() == offered.is_some());
        while let Ok(message) = socket.wait() {
            if socket.send(message).is_err() {
                break;
            }
        }
        check!("it is over" => socket.state() == State::Closed);
    }
}

/// Messages of telling lengths, text and binary, each of which comes back.
#[scenario]
fn exchange() -> Result<(), Error> {
    let mut socket = target().open()?;
    for length in [0, 1, 125, 126, 4096, 65535, 65536, 200_000] {
        let said = "aß7 ".chars().cycle().take(length).collect::<String>();
        socket.send(said.as_str())?;
        let heard = socket.receive(Duration::from_secs(20))?;
        check!(heard, "text comes back" => |heard| heard.as_ref().and_then(|heard| heard.text()) == Some(said.as_str()));
        let said: Vec<u8> = (0..length).map(|at| (at * at / 7) as u8).collect();
        socket.send(&said[..])?;
        let heard = socket.receive(Duration::from_secs(20))?;
        check!(heard, "bytes come back" => |heard| heard.as_ref().is_some_and(|heard| heard.bytes() == said));
    }
    socket.ping("are you there?")?;
    socket.send("behind the ping")?;
    socket.wait()?;
    check!("it is compressed if that was asked for" => socket.is_compressed() == !env_or("DEFLATE", "").is_empty());
    socket.close()
}

/// One socket for all iterations.
#[scenario]
fn lasting() -> Result<(), Error> {
    KEPT.with_borrow_mut(|kept| {
        let socket = match kept {
            Some(socket) => socket,
            None => kept.insert(target().open()?),
        };
        socket.send("still here")?;
        let heard = socket.receive(Duration::from_secs(20))?;
        check!("it comes back" => heard.is_some());
        Ok(())
    })
}

/// A socket that is held until it ends, and says something now and then if SAYS is yes.
#[scenario]
fn held() -> Result<(), Error> {
    let ended = hold();
    sleep(0.5);
    ended
}

fn hold() -> Result<(), Error> {
    let mut socket = target().open()?;
    loop {
        if env_or("SAYS", "") == "yes" {
            socket.send("still here")?;
            sleep(0.1);
        } else {
            socket.wait()?;
        }
    }
}

/// URLs and the codes of errors that they come to, as `url=code`.
#[scenario]
fn codes() {
    for pair in env("URLS").split_whitespace() {
        let (url, code) = pair.rsplit_once('=').expect("url=code");
        // What is to take too long does so soon; all else has the time that a busy machine needs.
        let patience = Duration::from_secs(if code == "1050" { 2 } else { 20 });
        let opened = Connect::new(url).timeout(patience).open();
        let found = opened.as_ref().err().map_or(0, Error::code);
        if found.to_string() != code {
            log::error!("{url}: {found} in place of {code}: {opened:?}");
        }
        check!("the code is that" => found.to_string() == code);
    }
}

/// What the target does on sockets that it closes, is silent on, or speaks on by itself.
#[scenario]
fn manners() -> Result<(), Error> {
    let target = env("TARGET");
    let mut closed = websocket::connect(format!("{target}/ws/close?after=1&code=3001"))?;
    check!("it ends with the server's code" => closed.wait().is_err_and(|error| error.code() == 3001 && error.is_closed()));
    check!("nothing is sent after that" => closed.send("?").is_err());

    let mut silent = Connect::new(format!("{target}/ws/silent")).subprotocol("a").subprotocol("b").open()?;
    check!("nothing comes" => silent.receive(Duration::from_millis(10)) == Ok(None));
    check!("the first subprotocol is taken" => silent.subprotocol().as_deref() == Some("a"));
    check!("headers are told" => silent.headers().iter().any(|(name, value)| name == "Server" && value == "throng"));

    let speaking = websocket::connect(format!("{target}/ws/broadcast?every=5&bytes=20"))?;
    let mut sockets = [silent, speaking];
    check!("who speaks is found" => websocket::receive_any(&sockets, Duration::from_secs(20)) == Some(1));
    check!("the message is as long as asked for" => sockets[1].wait().is_ok_and(|heard| heard.bytes().len() == 20));
    check!("nobody is waited for in vain" => websocket::receive_any([&sockets[0]], Duration::ZERO).is_none());

    let own = Connect::new(format!("{target}/ws/silent")).header("upgrade", "x").open();
    check!("the handshake's headers can't be given" => own.is_err_and(|error| error.code() == 1000));
    let small = Connect::new(format!("{target}/ws/broadcast?every=1&bytes=100")).message_bytes_max(99);
    check!("a message that is too long ends the socket" => small.open()?.wait().is_err());
    Ok(())
}
