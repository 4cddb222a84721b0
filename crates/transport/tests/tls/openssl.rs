//! Against OpenSSL's server, where it is installed.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use throng_transport::tls::TlsVersion;

use super::authority::{Authority, Identity};
use super::{Client, Outcome, loopback, on_shard};

const PORTS_TRIED_MAX: u32 = 8;

/// `openssl s_server`, which answers GET with a page about the connection, and ends with the test.
struct Server {
    child: Child,
    /// What it prints once it listens.
    printed: Option<Receiver<String>>,
    address: SocketAddr,
    directory: std::path::PathBuf,
}

impl Server {
    /// None where there is no OpenSSL.
    fn start(identity: &Identity, arguments: &[&str]) -> Option<Self> {
        // Its own port can't be asked for, so one that was free a moment ago; another test may have taken it since.
        for _ in 0..PORTS_TRIED_MAX {
            let mut server = Self::spawn(identity, arguments)?;
            if server.listens() {
                return Some(server);
            }
        }
        panic!("openssl s_server doesn't listen")
    }

    fn spawn(identity: &Identity, arguments: &[&str]) -> Option<Self> {
        let address = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
        let directory = std::env::temp_dir().join(format!("throng-openssl-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&directory).unwrap();
        let (chain, key) = (directory.join("chain.pem"), directory.join("key.pem"));
        std::fs::write(&chain, &identity.chain).unwrap();
        std::fs::write(&key, &identity.key).unwrap();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", &address.to_string(), "-cert"]).arg(&chain).arg("-key").arg(&key);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            child => Some(Self { child: child.unwrap(), printed: None, address, directory }),
        }
    }

    /// Waits until it takes connections; false if it ends instead.
    fn listens(&mut self) -> bool {
        let output = BufReader::new(self.child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        let listens = lines.any(|line| line == "ACCEPT");
        let (sender, printed) = channel();
        self.printed = Some(printed);
        // Who waits for nothing leaves the lines where they are.
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        listens
    }

    /// Waits until it has shown the head of a request.
    fn await_request(&self) {
        let printed = self.printed.as_ref().unwrap();
        while !printed.recv_timeout(Duration::from_secs(30)).unwrap().contains("GET / HTTP/1.1") {}
    }

    fn type_in(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn openssl_answers_by_either_version_and_resumes() {
    let authority = Authority::new();
    for (version, flag) in [(TlsVersion::Tls12, "-tls1_2"), (TlsVersion::Tls13, "-tls1_3")] {
        // `-www` closes each connection after its page, which has no length.
        let Some(server) = Server::start(&authority.issue(&["localhost"]), &["-www", flag]) else { return };
        let (address, options) = (server.address, authority.trusted());
        on_shard(move |shard| async move {
            let mut client = Client::new(&shard, address, &options);
            for number in 0..4 {
                let (body, numbers) = client.get().await.unwrap_or_else(|(error, _)| panic!("{version}: {error}"));
                assert!(body.len() > 500);
                let info = numbers.tls.unwrap();
                assert_eq!((info.version, info.resumed), (version, number > 0));
            }
        });
    }
}

/// One GET while somebody types in first this order, then a response.
fn get_while_typing(flag: &str, order: &'static str) -> Option<Outcome> {
    let authority = Authority::new();
    // What is typed in is sent, but for some letters at a line's beginning.
    let mut server = Server::start(&authority.issue(&["localhost"]), &[flag, "-crlf"])?;
    let (address, options) = (server.address, authority.trusted());
    let typist = std::thread::spawn(move || {
        // What is typed in before would be read at once, as one text.
        server.await_request();
        for text in [order, "HTTP/1.1 200 OK\nContent-Length: 4\n\nok\n"] {
            server.type_in(text);
            std::thread::sleep(Duration::from_secs(1));
        }
        server
    });
    let outcome = on_shard(move |shard| async move {
        let mut client = Client::new(&shard, address, &options);
        client.get().await
    });
    // It ends when the outcome is there.
    drop(typist.join().unwrap());
    Some(outcome)
}

#[test]
fn openssl_changes_its_keys_while_a_response_is_awaited() {
    let Some(outcome) = get_while_typing("-tls1_3", "K\n") else { return };
    let (body, _) = outcome.unwrap_or_else(|(error, _)| panic!("{error}"));
    assert_eq!(body, b"ok\r\n");
}

#[test]
fn a_renegotiation_is_refused_by_an_error_that_says_so() {
    let Some(outcome) = get_while_typing("-tls1_2", "R\n") else { return };
    let (error, _) = outcome.unwrap_err();
    assert_eq!(error.code(), 1300);
    assert!(error.to_string().contains("renegotiation"), "{error}");
}
