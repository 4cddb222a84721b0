//! The least of an HTTP client, which shares no code with the one under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const PATIENCE: Duration = Duration::from_secs(60);

/// The body of `GET path`.
///
/// # Errors
/// When there is no answer, or another status than 2xx.
pub fn get(address: SocketAddr, path: &str) -> Result<String> {
    exchange(address, "GET", path)
}

/// The body of `POST path`, sent without one.
///
/// # Errors
/// When there is no answer, or another status than 2xx.
pub fn post(address: SocketAddr, path: &str) -> Result<String> {
    exchange(address, "POST", path)
}

fn exchange(address: SocketAddr, method: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    ensure!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {head}");
    Ok(body.to_owned())
}
