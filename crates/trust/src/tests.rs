//! Both sides of a handshake, in memory.

use std::path::Path;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;

use crate::authority::issue_at;
use crate::{Caller, Credentials, Distrust, Files, Holder, Issued, Request, Role, Tokens, init, issue};

const HOST: &str = "n1.test";
const ADDRESS: &str = "n1.test:7701";

/// A group's certificates.
struct Certs(TempDir);

impl Certs {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        init(directory.path()).unwrap();
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn request(role: Role, name: &str) -> Request {
        let hosts = if role == Role::Peer { vec![HOST.to_owned()] } else { Vec::new() };
        Request { holder: Holder::new(role, name).unwrap(), hosts, days: 30 }
    }

    fn files(&self, issued: Issued) -> Files {
        Files { authority: self.path().join("ca.pem"), own: Some((issued.certificate, issued.key)) }
    }

    fn of(&self, role: Role, name: &str) -> Credentials {
        Credentials::read(&self.files(issue(self.path(), &Self::request(role, name)).unwrap())).unwrap()
    }
}

/// What both sides make of each other.
struct Met {
    dialed: Result<String, String>,
    accepted: Result<Caller, Option<Distrust>>,
}

fn tokens() -> Tokens {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef").unwrap();
    Tokens::read(file.path()).unwrap()
}

fn meet(dialing: &Credentials, accepting: &Credentials, tokens: &Tokens, address: &str) -> Met {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (ours, theirs) = duplex(64 << 10);
        let acceptor = accepting.tls().unwrap().acceptor(tokens).unwrap();
        let accept = async {
            let (mut stream, caller) = acceptor.accept(theirs).await?;
            let _ = stream.write_all(b"hello").await;
            let _ = stream.shutdown().await;
            Ok(caller)
        };
        let dial = async {
            let mut stream = dialing.tls().unwrap().connect(ours, address).await.map_err(|error| {
                Distrust::find(&error).map_or_else(|| format!("no distrust: {error}"), ToString::to_string)
            })?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await.map_err(|error| error.to_string())?;
            Ok(text)
        };
        let (accepted, dialed) = tokio::join!(accept, dial);
        Met { dialed, accepted }
    })
}

fn refused(met: Met) -> (String, String) {
    let accepted = met.accepted.unwrap_err().map(|distrust| distrust.to_string());
    (met.dialed.unwrap_err(), accepted.unwrap_or_default())
}

#[test]
fn a_coordinator_learns_who_calls() {
    let certs = Certs::new();
    let peer = certs.of(Role::Peer, "n1");
    for role in Role::ALL {
        let met = meet(&certs.of(role, "caller"), &peer, &Tokens::default(), ADDRESS);
        assert_eq!(met.dialed.as_deref(), Ok("hello"));
        assert_eq!(met.accepted, Ok(Caller::Holder(Holder::new(role, "caller").unwrap())));
    }
}

#[test]
fn a_caller_without_a_certificate_is_anonymous_if_there_are_tokens_and_refused_if_not() {
    let certs = Certs::new();
    let peer = certs.of(Role::Peer, "n1");
    let nobody = Credentials::read(&Files { authority: certs.path().join("ca.pem"), own: None }).unwrap();
    assert_eq!(meet(&nobody, &peer, &tokens(), ADDRESS).accepted, Ok(Caller::Anonymous));
    let (dialed, accepted) = refused(meet(&nobody, &peer, &Tokens::default(), ADDRESS));
    assert!(dialed.contains("wants a certificate") && dialed.contains("--token"), "{dialed}");
    assert!(accepted.contains("shows no certificate"), "{accepted}");
}

#[test]
fn a_certificate_of_another_authority_is_refused_by_both_sides() {
    let (certs, others) = (Certs::new(), Certs::new());
    let (peer, stranger) = (certs.of(Role::Peer, "n1"), others.of(Role::Agent, "eu-1"));
    // The one that dials looks first.
    let (dialed, accepted) = refused(meet(&stranger, &peer, &Tokens::default(), ADDRESS));
    assert!(dialed.contains("peer n1") && dialed.contains("isn't the authority of --cluster-ca"), "{dialed}");
    assert!(accepted.contains("another authority"), "{accepted}");
    // One that knows both authorities still isn't known itself.
    let both = others.path().join("both.pem");
    let texts = [certs.path(), others.path()].map(|path| std::fs::read_to_string(path.join("ca.pem")).unwrap());
    std::fs::write(&both, texts.concat()).unwrap();
    let own = others.path().join("agent-eu-1");
    let own = (own.with_extension("pem"), own.with_extension("key"));
    let knows_both = Credentials::read(&Files { authority: both, own: Some(own) }).unwrap();
    let (dialed, accepted) = refused(meet(&knows_both, &peer, &Tokens::default(), ADDRESS));
    assert!(dialed.contains("by another authority") && dialed.contains("agent-eu-1.pem"), "{dialed}");
    assert!(accepted.contains("agent eu-1") && accepted.contains("isn't the authority"), "{accepted}");
}

#[test]
fn a_coordinator_is_known_by_its_host_and_its_role() {
    let certs = Certs::new();
    let (peer, client) = (certs.of(Role::Peer, "n1"), certs.of(Role::Client, "ci"));
    let (dialed, accepted) = refused(meet(&client, &peer, &Tokens::default(), "n2.test:7701"));
    assert!(dialed.contains("is for n1.test") && dialed.contains("--host"), "{dialed}");
    assert!(accepted.contains("--host"), "{accepted}");
    let error = certs.of(Role::Agent, "a1").tls().unwrap().acceptor(&Tokens::default()).unwrap_err().to_string();
    assert!(error.contains("agent a1") && error.contains("--role peer"), "{error}");
}

#[test]
fn ones_own_certificate_is_looked_at_first() {
    let certs = Certs::new();
    let expired = issue_at(certs.path(), &Certs::request(Role::Agent, "old"), 2020, 2021);
    let error = Credentials::read(&certs.files(expired)).unwrap_err().to_string();
    assert!(
        error.contains("has expired: it was valid until 2021-01-01") && error.contains("issue a new one"),
        "{error}"
    );
    let early = issue_at(certs.path(), &Certs::request(Role::Agent, "new"), 2090, 2091);
    let error = Credentials::read(&certs.files(early)).unwrap_err().to_string();
    assert!(error.contains("isn't valid yet: it is from 2090-01-01"), "{error}");
    let one = issue(certs.path(), &Certs::request(Role::Agent, "one")).unwrap();
    let two = issue(certs.path(), &Certs::request(Role::Agent, "two")).unwrap();
    let mixed = Issued { certificate: one.certificate.clone(), key: two.key };
    let error = Credentials::read(&certs.files(mixed)).unwrap_err().to_string();
    assert!(error.contains("agent-two.key") && error.contains("private key of"), "{error}");
    let files = Files { authority: one.certificate.clone(), own: None };
    assert!(Credentials::read(&files).unwrap_err().to_string().contains("isn't an authority's certificate"));
    let other = Certs::new();
    let files = Files { authority: other.path().join("ca.pem"), own: Some((one.certificate, one.key)) };
    assert!(Credentials::read(&files).unwrap_err().to_string().contains("isn't the authority of --cluster-ca"));
}

#[test]
fn whoever_speaks_without_tls_is_told_in_http_2() {
    let certs = Certs::new();
    let acceptor = certs.of(Role::Peer, "n1").tls().unwrap().acceptor(&Tokens::default()).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (said, accepted) = runtime.block_on(async {
        let (mut ours, theirs): (DuplexStream, DuplexStream) = duplex(64 << 10);
        let talk = async {
            ours.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            let mut said = Vec::new();
            ours.read_to_end(&mut said).await.unwrap();
            drop(ours);
            said
        };
        tokio::join!(talk, acceptor.accept(theirs))
    });
    assert!(accepted.unwrap_err().unwrap().to_string().contains("without certificates"));
    let frame = usize::from(said[9 + 2]);
    assert_eq!((said[3], said[9 + 3], said.len()), (4, 7, 9 + 9 + frame));
    assert!(String::from_utf8_lossy(&said).contains("--cluster-ca"), "{said:?}");
}

#[test]
fn whoever_expects_tls_and_finds_none_is_told() {
    let certs = Certs::new();
    let client = certs.of(Role::Client, "ci");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async {
        let (ours, mut theirs) = duplex(64 << 10);
        theirs.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        client.tls().unwrap().connect(ours, ADDRESS).await.unwrap_err()
    });
    let text = Distrust::find(&error).unwrap().to_string();
    assert!(text.contains("n1.test:7701 doesn't speak throng's TLS"), "{text}");
}

#[test]
fn without_certificates_only_loopback_is_dialed() {
    let plain = Credentials::plain(false);
    assert!(
        plain.may_dial("127.9.9.9:1".parse().unwrap()).is_ok() && plain.may_dial("[::1]:1".parse().unwrap()).is_ok()
    );
    let error = plain.may_dial("192.0.2.1:7701".parse().unwrap()).unwrap_err();
    let text = Distrust::find(&error).unwrap().to_string();
    assert!(text.contains("192.0.2.1:7701") && text.contains("--insecure"), "{text}");
    assert!(Credentials::plain(true).may_dial("192.0.2.1:7701".parse().unwrap()).is_ok());
}

/// Waits until something is there.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "not yet: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn certificates_are_read_again_when_their_files_are_other_ones_and_can_be_used() {
    let certs = Certs::new();
    let node = certs.of(Role::Peer, "n1");
    let first = certs.files(issue(certs.path(), &Certs::request(Role::Agent, "a")).unwrap());
    let (certificate, key) = first.own.clone().unwrap();
    let agent = Credentials::read(&first).unwrap();
    let fingerprint = || agent.certificate().unwrap().fingerprint;
    let before = fingerprint();
    for file in [&certificate, &key] {
        std::fs::remove_file(file).unwrap();
    }
    issue(certs.path(), &Certs::request(Role::Agent, "a")).unwrap();
    let after = until("the new certificate", || Some(fingerprint()).filter(|now| *now != before));
    let holder = Holder::new(Role::Agent, "a").unwrap();
    assert_eq!(meet(&agent, &node, &Tokens::default(), ADDRESS).accepted.unwrap(), Caller::Holder(holder.clone()));
    // What can't be used isn't, and it is told why.
    let tls = agent.tls().unwrap();
    let _ = tls.take_trouble();
    std::fs::write(&certificate, "half of it").unwrap();
    let told = until("why it isn't used", || {
        let _ = fingerprint();
        tls.take_trouble()
    });
    assert!(told.contains(&certificate.display().to_string()), "{told}");
    // Nor is somebody else's.
    let other = issue(certs.path(), &Certs::request(Role::Agent, "b")).unwrap();
    std::fs::copy(other.certificate, &certificate).unwrap();
    std::fs::copy(other.key, &key).unwrap();
    until("why it isn't used", || {
        let _ = fingerprint();
        tls.take_trouble().filter(|told| told.contains("role or name"))
    });
    assert_eq!((agent.holder(), fingerprint()), (Some(holder.clone()), after));
    assert_eq!(meet(&agent, &node, &Tokens::default(), ADDRESS).accepted.unwrap(), Caller::Holder(holder));
}
