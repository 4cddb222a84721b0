//! A socket being opened.

use std::rc::Rc;

use throng_transport::Clock;
use throng_transport::http1::ResponseBuffer;
use throng_transport::websocket::{OpenError, open_as};
use throng_vu::SocketFailure;

use super::prepared::{PreparedSocket, Target};
use super::recording::{Records, Scene};
use super::socket::Socket;
use crate::host::unix_ms;
use crate::http::fields;

/// A socket to open, with all that it takes.
pub(crate) struct Opening {
    pub(crate) scene: Scene,
    pub(crate) prepared: Rc<PreparedSocket>,
    /// What the key is made of.
    pub(crate) random: [u8; 16],
}

impl Opening {
    /// Opens it.
    pub(crate) async fn run(self) -> Result<Socket, SocketFailure> {
        let Self { scene, prepared, random } = self;
        let target = match &prepared.target {
            Ok(target) => target,
            Err((code, message)) => return Err(SocketFailure { code: *code, message: message.clone(), status: 0 }),
        };
        let began = Clock::now();
        let lines = cookie_line(&scene, &prepared, target);
        let (result, numbers) =
            open_as(scene.vu(), &scene.shard.shard, &target.upgrade, &lines, random, prepared.timeout).await;
        scene.count(numbers.traffic);
        match result {
            Ok(opened) => {
                let subprotocol = opened.agreed.subprotocol.as_deref();
                let tags = scene.attempted(&prepared, Ok(subprotocol), &numbers);
                keep_cookies(&scene, &prepared, target, &opened.response);
                let records = Records::new(scene, tags, began);
                Ok(Socket::new(opened, records, Rc::clone(&prepared.rules)))
            }
            Err(error) => {
                scene.attempted(&prepared, Err(&error), &numbers);
                if let Some(response) = error.response() {
                    keep_cookies(&scene, &prepared, target, response);
                }
                Err(failure(&error))
            }
        }
    }
}

fn failure(error: &OpenError) -> SocketFailure {
    let status = error.response().map_or(0, ResponseBuffer::status);
    SocketFailure { code: error.code(), message: error.to_string(), status }
}

/// The header `Cookie`, as a line, or nothing.
fn cookie_line(scene: &Scene, prepared: &PreparedSocket, target: &Target) -> Vec<u8> {
    let mut cookies = scene.session.cookies(prepared.jar, &target.url, &[]);
    cookies.splice(0..0, target.cookie_header.clone());
    if cookies.is_empty() {
        return Vec::new();
    }
    format!("Cookie: {}\r\n", cookies.join("; ").replace(char::is_control, "")).into_bytes()
}

fn keep_cookies(scene: &Scene, prepared: &PreparedSocket, target: &Target, response: &ResponseBuffer) {
    if !response.notable().set_cookie {
        return;
    }
    let now = unix_ms();
    for cookie in fields(response, "set-cookie") {
        // A cookie that the client doesn't accept is no fault of the request.
        let _ = scene.session.with_jar(prepared.jar, |jar| jar.store(target.url.url(), &cookie, now));
    }
}
