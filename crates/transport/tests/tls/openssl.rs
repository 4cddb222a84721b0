//! Against OpenSSL's server, where it is installed.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

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

    /// Waits until it has read all that was typed in: with what comes before, it would be one text.
    #[expect(unsafe_code, reason = "nothing else tells what is left in a pipe")]
    fn await_read(&self) {
        let typed = self.child.stdin.as_ref().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let mut unread: libc::c_int = 0;
            // SAFETY: the operation writes an int.
            let told = unsafe { libc::ioctl(typed.as_raw_fd(), libc::FIONREAD, &raw mut unread) };
            assert!(told == 0 && Instant::now() < until, "{unread} bytes are not read");
            if unread == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
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

/// As it is typed in.
const RESPONSE: &str = "HTTP/1.1 200 OK\nContent-Length: 4\n\nok\n";

/// One GET while somebody types in these, one after the other.
fn get_while_typing<const N: usize>(flag: &str, texts: [&'static str; N]) -> Option<Outcome> {
    let authority = Authority::new();
    // What is typed in is sent, but for some letters at a line's beginning.
    let mut server = Server::start(&authority.issue(&["localhost"]), &[flag, "-crlf"])?;
    let (address, options) = (server.address, authority.trusted());
    let typist = std::thread::spawn(move || {
        server.await_request();
        for text in texts {
            server.await_read();
            server.type_in(text);
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
    let Some(outcome) = get_while_typing("-tls1_3", ["K\n", RESPONSE]) else { return };
    let (body, _) = outcome.unwrap_or_else(|(error, _)| panic!("{error}"));
    assert_eq!(body, b"ok\r\n");
}

#[test]
fn a_renegotiation_is_refused_by_an_error_that_says_so() {
    let Some(outcome) = get_while_typing("-tls1_2", ["R\n"]) else { return };
    let (error, _) = outcome.unwrap_err();
    assert_eq!(error.code(), 1300);
    assert!(error.to_string().contains("renegotiation"), "{error}");
}
