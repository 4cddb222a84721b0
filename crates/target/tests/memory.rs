//! What the server holds for clients that lag. A process of its own, and one test at a time, since it is the process's
//! memory that is measured.
#![expect(clippy::unwrap_used, reason = "a test that fails is to panic")]
#![allow(dead_code, reason = "the client has more than these tests use")]

mod client;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use client::{Client, start, start_with, wait_until};
use serde_json::Value;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_slow_reader_of_a_huge_body_costs_no_memory() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    const BYTES: usize = 1 << 30;
    let target = start(1);
    let mut clients: Vec<Client> = (0..4).map(|_| Client::new(&target)).collect();
    let before = resident_bytes();
    for client in &mut clients {
        client.send(format!("GET /bytes/{BYTES} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    // Until each client's socket buffers are full: the server has sent what it may and waits.
    let mut last = Value::Null;
    wait_until("the server sends without end", || {
        std::thread::sleep(Duration::from_millis(20));
        let sent = target.stats()["bytes"]["out"].clone();
        std::mem::replace(&mut last, sent.clone()) == sent
    });
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
    // The whole of one, to see that it goes on to the end.
    let client = &mut clients[0];
    let mut bytes = vec![0; 1 << 20];
    let mut total = client.stream.read(&mut bytes).unwrap();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    while total < head + BYTES {
        let count = client.stream.read(&mut bytes).unwrap();
        assert_ne!(count, 0);
        total += count;
    }
    assert!(total == head + BYTES && bytes.contains(&b'x'), "{total} bytes, {head} of them head");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
}

/// VmRSS, in which the clients' own buffers count too.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_client_that_pipelines_and_never_reads_is_held_back() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = start(1);
    let client = Client::new(&target);
    client.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let requests = "GET /bytes/4096 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let before = resident_bytes();
    let mut accepted = 0;
    // The sockets' buffers hold some MB; a server that read on would take all of these 200 MB of requests.
    while accepted < 200 << 20 {
        match (&client.stream).write(requests.as_bytes()) {
            Ok(count) => accepted += count,
            Err(_) => break,
        }
    }
    assert!(accepted < 100 << 20, "{accepted} bytes of requests were taken");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
}

#[test]
fn a_connection_on_which_nothing_is_said_takes_its_record_alone() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    const COUNT: u64 = 6000;
    let target = start_with(1, 10_000);
    let connect = || TcpStream::connect(target.address()).unwrap();
    // What the first ones take serves the later ones too.
    let first: Vec<TcpStream> = (0..COUNT / 10).map(|_| connect()).collect();
    wait_until("the first are accepted", || target.stats()["connections"]["open"] == COUNT / 10);
    let before = resident_bytes();
    let mut later = Vec::with_capacity(COUNT as usize);
    later.extend((0..COUNT).map(|_| connect()));
    wait_until("all are accepted", || target.stats()["connections"]["open"] == COUNT + COUNT / 10);
    let each = resident_bytes().saturating_sub(before) / COUNT;
    assert!(each < 512, "{each} bytes a connection");
    // Each of them can still be spoken on.
    let stream = &mut later[COUNT as usize / 2];
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"HTTP/1.1");
    drop((first, later));
    wait_until("all are closed", || target.stats()["connections"]["open"] == 0);
}

#[test]
fn a_client_that_pauses_for_long_is_answered_as_before() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = start(1);
    let mut client = Client::new(&target);
    for _ in 0..2 {
        assert_eq!(client.get("/").status, 200);
        // Longer than a connection has a task for.
        std::thread::sleep(Duration::from_millis(2500));
    }
    client.send(b"GET / HTTP/1.1\r\n");
    std::thread::sleep(Duration::from_millis(2500));
    client.send(b"Host: x\r\n\r\n");
    assert_eq!(client.answer(true).status, 200);
    let connections = target.stats()["connections"].clone();
    assert_eq!((&connections["opened"], &connections["open"]), (&1.into(), &1.into()), "{connections}");
}
