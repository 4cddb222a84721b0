//! Sets of connections, which have no task each.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use throng_transport::source::PortShare;
use throng_transport::{Clock, ConnectionSet, DialError, Happened, Listener, SendBytes, Shard, ShardConfig};

use super::{TABLE, config, loopback, on_shard, server};

/// What a set's connections have told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    opened: u32,
    bytes: usize,
    due: u32,
    flushed: u32,
    ended: u32,
    failed: u32,
}

/// Accepts `count` connections into a set and sends back what comes, until all have ended.
async fn echo_by_set(shard: Shard, listener: Listener, count: u32) -> Told {
    let (set, mut told) = (ConnectionSet::new(&shard), Told::default());
    for _ in 0..16 {
        set.accept(&listener, 7).unwrap();
    }
    while told.ended < count {
        let event = set.event().await;
        assert_eq!(event.token, 7);
        match event.what {
            Happened::Opened => {
                told.opened += 1;
                assert!(set.client(event.key).is_some());
                if told.opened + 16 <= count {
                    set.accept(&listener, 7).unwrap();
                }
            }
            Happened::Received(chunk) => {
                told.bytes += chunk.len();
                set.send(event.key, SendBytes::Owned(chunk.read(<[u8]>::to_vec)));
            }
            Happened::Ended => {
                told.ended += 1;
                assert!(
                    set.close(event.key) && !set.close(event.key) && !set.send(event.key, SendBytes::Owned(vec![0]))
                );
            }
            what => panic!("{what:?}"),
        }
    }
    told
}

#[test]
fn a_set_serves_many_connections_over_several_rings_without_a_task_each() {
    const COUNT: u32 = 1500;
    let (server, client, rings) = on_shard(config(COUNT * 2 + 16), |shard| async move {
        let listener = Listener::bind(&shard, loopback()).unwrap();
        let address = listener.address();
        let (sender, receiver) = mpsc::channel();
        let server = shard.clone();
        shard.spawn(async move { sender.send(echo_by_set(server.clone(), listener, COUNT).await).unwrap() });
        let (set, mut told) = (ConnectionSet::new(&shard), Told::default());
        for token in 0..COUNT {
            let key = set.connect(0, address, token).unwrap();
            assert!(set.send(key, SendBytes::Owned(token.to_le_bytes().to_vec())));
        }
        while told.due < COUNT {
            let event = set.event().await;
            match event.what {
                Happened::Opened => {
                    told.opened += 1;
                    set.notify_flushed(event.key);
                }
                Happened::Received(chunk) => {
                    assert_eq!(chunk.read(<[u8]>::to_vec), event.token.to_le_bytes());
                    told.bytes += 4;
                    set.wake_at(event.key, Some(Clock::now().after(Duration::from_millis(20))));
                }
                Happened::Flushed => told.flushed += 1,
                Happened::Due => {
                    told.due += 1;
                    assert!(set.close(event.key));
                }
                what => panic!("{what:?}"),
            }
        }
        let rings = shard.counts().rings;
        while shard.counts().sockets > 0 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        assert!(set.is_empty());
        (receiver.recv().unwrap(), told, rings)
    });
    let bytes = COUNT as usize * 4;
    assert_eq!(server, Told { opened: COUNT, bytes, ended: COUNT, ..Told::default() });
    assert_eq!(client, Told { opened: COUNT, bytes, due: COUNT, flushed: COUNT, ..Told::default() });
    assert!(rings >= COUNT.div_ceil(TABLE), "{rings} rings");
}

#[test]
fn a_shard_that_waits_hears_of_a_socket_in_a_further_ring() {
    let peers = TcpListener::bind(loopback()).unwrap();
    let address = peers.local_addr().unwrap();
    let (told, heard) = mpsc::channel();
    let peers = std::thread::spawn(move || {
        let mut streams: Vec<TcpStream> = (0..10).map(|_| peers.accept().unwrap().0).collect();
        for stream in &mut streams {
            // Long enough for the shard to have nothing to do but wait.
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(b"x").unwrap();
            // A shard that is late hears no two of them at once.
            heard.recv().unwrap();
        }
        streams
    });
    let (got, waits) = on_shard(config(TABLE * 2), move |shard| async move {
        let set = ConnectionSet::new(&shard);
        // Nobody comes to these: what is heard can only be of the further ring.
        let listener = Listener::bind(&shard, loopback()).unwrap();
        for _ in 0..TABLE {
            let _ = set.accept(&listener, 0).unwrap();
        }
        for token in 1..=10 {
            set.connect(0, address, token).unwrap();
        }
        let mut got = Vec::new();
        while got.len() < 10 {
            let event = set.event().await;
            if let Happened::Received(_) = event.what {
                got.push(event.token);
                told.send(()).unwrap();
            }
        }
        (got, shard.counts().waits)
    });
    assert_eq!(got.len(), 10);
    assert!(waits >= 5, "it waited {waits} times");
    drop(peers.join().unwrap());
}

#[test]
fn a_refused_connection_is_told_to_its_set_and_its_port_comes_back() {
    let free = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let ports = PortShare { lowest: 61_020, highest: 61_021, index: 0, of: 1, first: 0 };
    let refused = on_shard(ShardConfig { ports, ..config(100) }, move |shard| async move {
        let set = ConnectionSet::new(&shard);
        let mut refused = Vec::new();
        for token in 0..6 {
            let key = loop {
                match set.connect(0, free, token) {
                    Ok(key) => break key,
                    // Both ports are in use until their sockets are closed.
                    Err(DialError::Source(_)) => shard.sleep(Duration::from_millis(1)).await,
                    Err(error) => panic!("{error}"),
                }
            };
            let event = set.event().await;
            assert_eq!((event.key, event.token), (key, token));
            let Happened::Refused(error) = event.what else { panic!("{:?}", event.what) };
            refused.push(error.errno());
            set.close(key);
        }
        refused
    });
    assert_eq!(refused, [Some(nix::libc::ECONNREFUSED); 6]);
}

#[test]
fn a_close_ends_whatever_is_under_way_on_its_socket() {
    const EACH: u32 = 40;
    // It reads nothing, so that sends stay with the kernel; and one whose queue is full, so that connects do.
    let silent = server(|stream, _| std::mem::forget(stream));
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&loopback().into()).unwrap();
    full.listen(0).unwrap();
    let full_address = full.local_addr().unwrap().as_socket().unwrap();
    let _first = TcpStream::connect(full_address).unwrap();
    let (still_sending, opening, in_use) = on_shard(config(200), move |shard| async move {
        let set = ConnectionSet::new(&shard);
        let mut keys: Vec<_> = (0..EACH).map(|token| set.connect(0, silent, token).unwrap()).collect();
        for _ in 0..EACH {
            let event = set.event().await;
            assert!(matches!(event.what, Happened::Opened), "{:?}", event.what);
            if event.token % 2 == 0 {
                set.send(event.key, SendBytes::Owned(vec![1; 16 << 20]));
            }
        }
        keys.extend((0..EACH).map(|token| set.connect(0, full_address, token).unwrap()));
        shard.sleep(Duration::from_millis(50)).await;
        let still_sending = keys.iter().filter(|key| set.is_sending(**key)).count();
        let opening = EACH as usize - std::iter::from_fn(|| set.try_event()).count();
        for key in &keys {
            assert!(set.close(*key));
        }
        while shard.counts().sockets > 0 {
            shard.sleep(Duration::from_millis(1)).await;
        }
        (still_sending, opening, shard.source_uses().iter().map(|one| one.in_use).sum::<u64>())
    });
    assert_eq!((still_sending, in_use), (EACH as usize / 2, 0));
    assert!(opening > 0, "no connect was under way");
}

#[test]
fn connections_go_from_tasks_to_sets_and_back_with_what_is_unread() {
    let address = server(|mut stream, _| {
        stream.write_all(b"before").unwrap();
        let mut bytes = [0; 3];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
    });
    let (by_set, by_task) = on_shard(config(10), move |shard| async move {
        let set = ConnectionSet::new(&shard);
        let connection = shard.connect(address).await.unwrap();
        drop(connection.receive().await.unwrap());
        connection.send(SendBytes::Owned(b"one".to_vec()));
        let key = set.adopt(connection, 3);
        let event = set.event().await;
        let Happened::Received(chunk) = event.what else { panic!("{:?}", event.what) };
        let by_set = (event.token, chunk.read(<[u8]>::to_vec));
        chunk.put_back();
        let connection = set.release(key).unwrap();
        assert!(set.release(key).is_none() && set.is_empty());
        let again = connection.receive().await.unwrap().unwrap().read(<[u8]>::to_vec);
        assert_eq!(again, by_set.1);
        // The peer ends when it has answered.
        let key = set.adopt(connection, 4);
        let event = set.event().await;
        assert!(matches!(event.what, Happened::Ended) && (event.key, event.token) == (key, 4), "{event:?}");
        (by_set, set.release(key).unwrap().receive().await.unwrap().is_none())
    });
    assert_eq!(by_set, (3, b"one".to_vec()));
    assert!(by_task, "the end comes to the task");
}
