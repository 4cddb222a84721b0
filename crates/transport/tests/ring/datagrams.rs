//! UDP sockets on real loopback.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use throng_transport::{DATAGRAM_BYTES_MAX, DatagramSocket, SendBytes, Shard};

use super::{config, loopback, on_shard};

/// A server that sends each datagram back, until it gets one that says so.
fn echo() -> SocketAddr {
    let socket = UdpSocket::bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok((count, peer)) = socket.recv_from(&mut bytes) {
            socket.send_to(&bytes[..count], peer).unwrap();
        }
    });
    address
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    UdpSocket::bind(loopback()).unwrap().local_addr().unwrap()
}

fn send(datagrams: &DatagramSocket, bytes: Vec<u8>) {
    datagrams.send(SendBytes::Owned(bytes));
}

/// Waits until all sockets are closed, and returns how many source ports are in use.
async fn ports_in_use(shard: &Shard) -> u64 {
    while shard.counts().sockets > 0 {
        shard.sleep(Duration::from_millis(1)).await;
    }
    shard.source_uses().iter().map(|one| one.in_use).sum()
}

#[test]
fn datagrams_keep_their_bounds_from_none_to_the_longest() {
    let address = echo();
    let (differing, ports) = on_shard(config(10), move |shard| async move {
        let datagrams = shard.open_datagrams(0, address).unwrap();
        let mut differing = Vec::new();
        for count in [1, 0, 1200, 4096, 4097, 8000, 0, DATAGRAM_BYTES_MAX, 3] {
            let sent: Vec<u8> = (0..count).map(|at| (at * 7 / 3) as u8).collect();
            send(&datagrams, sent.clone());
            if datagrams.receive().await.unwrap().bytes != sent {
                differing.push(count);
            }
        }
        drop(datagrams);
        (differing, ports_in_use(&shard).await)
    });
    assert_eq!((differing, ports), (vec![], 0), "what differs, and ports that didn't come back");
}

#[test]
fn a_refusal_is_told_once_and_the_socket_goes_on() {
    let absent = nobody();
    let (first, silence, then, ports) = on_shard(config(10), move |shard| async move {
        let datagrams = shard.open_datagrams(0, absent).unwrap();
        send(&datagrams, vec![1]);
        let first = datagrams.receive().await.unwrap_err().kind();
        let silent = async {
            shard.sleep(Duration::from_millis(20)).await;
            None
        };
        let silence = futures_lite::future::or(async { Some(datagrams.receive().await) }, silent).await.is_none();
        // Somebody listens now.
        let socket = UdpSocket::bind(absent).unwrap();
        send(&datagrams, vec![2, 3]);
        datagrams.flush().await;
        let mut bytes = [0; 9];
        let (count, peer) = socket.recv_from(&mut bytes).unwrap();
        socket.send_to(&bytes[..count], peer).unwrap();
        let then = datagrams.receive().await.unwrap().bytes;
        drop(datagrams);
        (first, silence, then, ports_in_use(&shard).await)
    });
    assert_eq!((first, silence, then, ports), (ErrorKind::ConnectionRefused, true, vec![2, 3], 0));
}

#[test]
fn a_datagram_that_is_too_long_fails_alone() {
    let address = echo();
    let (error, then) = on_shard(config(10), move |shard| async move {
        let datagrams = shard.open_datagrams(0, address).unwrap();
        send(&datagrams, vec![0; DATAGRAM_BYTES_MAX + 1]);
        send(&datagrams, vec![5]);
        (datagrams.receive().await.unwrap_err().raw_os_error(), datagrams.receive().await.unwrap().bytes)
    });
    assert_eq!((error, then), (Some(libc::EMSGSIZE), vec![5]));
}

/// More at a time than there are buffers and than a reader may lag by: what fits into the kernel's own buffer comes.
#[test]
fn a_slow_reader_gets_all_that_the_kernel_kept() {
    const COUNT: u8 = 200;
    let (received, ports) = on_shard(config(10), |shard| async move {
        let server = UdpSocket::bind(loopback()).unwrap();
        let datagrams = shard.open_datagrams(0, server.local_addr().unwrap()).unwrap();
        send(&datagrams, vec![]);
        datagrams.flush().await;
        let (_, peer) = server.recv_from(&mut [0; 1]).unwrap();
        for number in 0..COUNT {
            server.send_to(&[number], peer).unwrap();
            if number % 10 == 0 {
                shard.sleep(Duration::from_millis(1)).await;
            }
        }
        let mut received = Vec::new();
        while received.len() < usize::from(COUNT) {
            received.extend(datagrams.receive().await.unwrap().bytes);
        }
        drop(datagrams);
        (received, ports_in_use(&shard).await)
    });
    assert_eq!((received, ports), ((0..COUNT).collect(), 0));
}

#[test]
fn a_socket_that_is_closed_while_it_sends_and_receives_gives_all_back() {
    let address = echo();
    let ports = on_shard(config(600), move |shard| async move {
        let sockets: Vec<_> = (0..600).map(|_| shard.open_datagrams(0, address).unwrap()).collect();
        for socket in &sockets {
            send(socket, vec![1; 9000]);
            send(socket, vec![2; 9000]);
        }
        sockets[0].receive().await.unwrap();
        assert!(shard.open_datagrams(0, address).is_err(), "the shard has no more sockets");
        drop(sockets);
        ports_in_use(&shard).await
    });
    assert_eq!(ports, 0);
}
