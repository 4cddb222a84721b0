//! What a hostile server does with TLS, and what is to come of it.

use std::time::Duration;

use throng_tests::{Certificate, Layer, Sends, Step, Tls};

use super::cases::{CHUNKED, Case, IDLE, MOMENT, OK, SHORT, case};

/// Types of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
const WARNING: u8 = 1;
const FATAL: u8 = 2;

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

impl Case {
    fn on(mut self, layer: Layer) -> Self {
        self.play.layer = layer;
        self
    }

    /// On TLS 1.3 with a change.
    fn by(self, change: impl FnOnce(&mut Tls)) -> Self {
        let mut tls = Tls::default();
        change(&mut tls);
        self.on(Layer::Tls(tls))
    }

    fn tls_error(self, text: &'static str) -> Self {
        self.code(1300, text)
    }

    fn shakes_hands_for_ever(self) -> Self {
        Self { timeout: SHORT, ..self.code(1211, "no TLS handshake within 1s") }
    }
}

/// A record in plain.
fn record(kind: u8, version: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[kind, 3, version], &length[..], payload].concat()
}

/// A ServerHello of this version, with a suite that it had.
fn server_hello(version: u8) -> Vec<u8> {
    let mut hello = vec![2, 0, 0, 38, 3, version];
    hello.extend([7; 32]);
    // No session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    hello.extend([0, 0, 0x2f, 0]);
    record(HANDSHAKE, version, &hello)
}

/// The server hears the ClientHello, sends this, and waits for the client.
fn answers(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    let steps = vec![Step::Hear, Step::Send(bytes.as_ref().to_vec()), Step::Silence];
    case(name, steps).unasked().on(Layer::Bare)
}

/// Handshakes are completed, and then the server does this after the request.
fn after_request(name: &'static str, steps: Vec<Step>) -> Case {
    case(name, steps).by(|_| {})
}

pub(super) fn all() -> Vec<Case> {
    let groups = [certificates(), not_tls(), alerts(), handshakes(), old_ones(), stopped(), records(), ends()];
    groups.into_iter().flatten().collect()
}

fn certificates() -> Vec<Case> {
    let mut cases = Vec::new();
    for old in [false, true] {
        for (kind, certificate, code, text) in [
            ("expired", Certificate::Expired, 1300, "renew it, or set insecureSkipTLSVerify"),
            ("not valid yet", Certificate::NotYetValid, 1300, "look at this machine's clock"),
            ("another host's", Certificate::OtherName, 1311, "is for other.test, not for 127.0.0.1: use such a name"),
            ("self-signed", Certificate::SelfSigned, 1310, "give its authority's certificate as a CA of your own"),
            ("by nobody", Certificate::UnknownAuthority, 1310, "give its authority's certificate as a CA of your own"),
        ] {
            let name = format!("certificate {kind}, TLS 1.{}", if old { 2 } else { 3 }).leak();
            let steps = vec![Step::Send(GOOD.into()), Step::Next];
            cases.push(case(name, steps).by(|tls| (tls.old, tls.certificate) = (old, certificate)).code(code, text));
        }
        let name = if old { "wants a certificate, TLS 1.2" } else { "wants a certificate, TLS 1.3" };
        let text =
            if old { "wants a client's certificate (tlsAuth)" } else { "certificate_required: it wants a client's" };
        let wants = case(name, vec![Step::Silence]).by(|tls| (tls.old, tls.wants_certificate) = (old, true));
        cases.push(wants.tls_error(text));
    }
    cases
}

fn not_tls() -> Vec<Case> {
    let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let plain = |case: Case| case.code(1301, "write http:// instead of https://");
    vec![
        plain(answers("plain HTTP", refusal)),
        plain(answers("plain HTTP in HTML alone", "<html><body>The plain HTTP request was sent</body></html>")),
        plain(answers("SSH", "SSH-2.0-OpenSSH_9.6\r\n")),
        plain(answers("noise", [0xde, 0xad, 0xbe, 0xef, 0xff, 0x00, 0x80, 0x7f])),
        plain(answers("NULs", [0; 64])),
        plain(answers("HTTP/2's settings", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")),
        plain(case("a few bytes and the end", vec![Step::Hear, Step::Send("HT".into())]).unasked().on(Layer::Bare)),
        plain(case("greets as SMTP", vec![Step::Send("220 mail.test ESMTP\r\n".into()), Step::Silence]))
            .unasked()
            .on(Layer::Bare),
        case("endless noise", vec![Step::Hear, Step::Endless(vec![0xaa])])
            .unasked()
            .on(Layer::Bare)
            .code(1301, "isn't TLS"),
    ]
}

fn alerts() -> Vec<Case> {
    let alert = |name, level, number| answers(name, record(ALERT, 3, &[level, number]));
    vec![
        alert("alert handshake_failure", FATAL, 40).tls_error("handshake_failure: no cipher suite, group or signature"),
        alert("alert protocol_version", FATAL, 70).tls_error("protocol_version: it speaks none of the TLS versions"),
        alert("alert insufficient_security", FATAL, 71).tls_error("TLS alert insufficient_security"),
        alert("alert internal_error", FATAL, 80).tls_error("TLS alert internal_error"),
        alert("alert decode_error", FATAL, 50).tls_error("TLS alert decode_error"),
        alert("alert access_denied", FATAL, 49)
            .tls_error("access_denied: it doesn't take the other side's certificate"),
        alert("alert unknown_ca", FATAL, 48).tls_error("unknown_ca: it doesn't take the other side's certificate"),
        alert("alert unrecognized_name", FATAL, 112).tls_error("it doesn't serve a host of this name"),
        alert("alert no_application_protocol", FATAL, 120).tls_error("it doesn't speak HTTP/1.1"),
        alert("alert without a name", FATAL, 199).tls_error("TLS alert 199"),
        alert("alert of no level", 9, 40).tls_error("TLS"),
        // Before the handshake's end anyone may have sent it: what counts is the end of the connection.
        case(
            "alert close_notify and the end",
            vec![Step::Hear, Step::Send(record(ALERT, 3, &[WARNING, 0])), Step::Pause(MOMENT)],
        )
        .unasked()
        .on(Layer::Bare)
        .tls_error("ended during the TLS handshake"),
        alert("one warning", WARNING, 112).shakes_hands_for_ever(),
        case("endless warnings", vec![Step::Hear, Step::Endless(record(ALERT, 3, &[WARNING, 112]))])
            .unasked()
            .on(Layer::Bare)
            .tls_error("TLS"),
        answers("alert of one byte", record(ALERT, 3, &[FATAL])).tls_error("TLS failed"),
        after_request(
            "alert in plain after the handshake",
            vec![Step::Bare(record(ALERT, 3, &[FATAL, 80])), Step::Silence],
        )
        .tls_error("TLS"),
        after_request("alert close_notify in place of a response", vec![])
            .error("closed the connection without an answer"),
    ]
}

fn handshakes() -> Vec<Case> {
    let dripped = |old| move |tls: &mut Tls| (tls.old, tls.sends) = (old, Sends::Dripped(Duration::from_micros(200)));
    let good = || vec![Step::Send(GOOD.into()), Step::Next];
    vec![
        case("says nothing", vec![Step::Silence]).unasked().on(Layer::Bare).shakes_hands_for_ever(),
        case("hears and says nothing", vec![Step::Hear, Step::Silence])
            .unasked()
            .on(Layer::Bare)
            .shakes_hands_for_ever(),
        case("hears and closes", vec![Step::Hear])
            .unasked()
            .on(Layer::Bare)
            .tls_error("ended during the TLS handshake"),
        case("hears and breaks off", vec![Step::Hear, Step::Pause(MOMENT), Step::Reset])
            .unasked()
            .on(Layer::Bare)
            .code(1220, "connection reset by peer"),
        case("drips all, TLS 1.3", good()).by(dripped(false)).status(200, 3),
        case("drips all, TLS 1.2", good()).by(dripped(true)).status(200, 3),
        case(
            "drips a record without end",
            vec![
                Step::Hear,
                Step::Send(vec![HANDSHAKE, 3, 3, 0x3f, 0xff]),
                Step::EndlessDrip(vec![2], Duration::from_millis(2)),
            ],
        )
        .unasked()
        .on(Layer::Bare)
        .shakes_hands_for_ever(),
        answers("a record of 65,535 bytes", [&[HANDSHAKE, 3, 3, 0xff, 0xff][..], &[2; 1024]].concat())
            .code(1301, "isn't TLS"),
        answers("a message of 16 MiB", record(HANDSHAKE, 3, &[2, 0xff, 0xff, 0xff, 3, 3])).tls_error("TLS failed"),
        answers("an empty record", record(HANDSHAKE, 3, &[])).code(1301, "isn't TLS"),
        answers("noise in a ServerHello", record(HANDSHAKE, 3, &[2, 0, 0, 6, 3, 3, 9, 9, 9, 9]))
            .tls_error("TLS failed"),
        answers("a message of no type", record(HANDSHAKE, 3, &[99, 0, 0, 0])).tls_error("TLS failed"),
        answers("data before the handshake", record(DATA, 3, b"HTTP/1.1 200 OK\r\n\r\n")).tls_error("TLS failed"),
        answers("HelloRequest before ServerHello", record(HANDSHAKE, 3, &[0, 0, 0, 0])).tls_error("TLS failed"),
        answers("Finished before ServerHello", record(HANDSHAKE, 3, &[20, 0, 0, 4, 1, 2, 3, 4]))
            .tls_error("TLS failed"),
        case("endless ServerHellos", vec![Step::Hear, Step::Endless(server_hello(3))])
            .unasked()
            .on(Layer::Bare)
            .tls_error("TLS"),
    ]
}

fn old_ones() -> Vec<Case> {
    let speaks_none = "allow further versions or cipher suites, or update the peer";
    vec![
        answers("speaks TLS 1.0 alone", server_hello(1)).tls_error(speaks_none),
        answers("speaks TLS 1.1 alone", server_hello(2)).tls_error(speaks_none),
        answers("speaks SSL 3.0 alone", server_hello(0)).tls_error("TLS"),
        answers("chooses a suite that wasn't offered", server_hello(3)).tls_error("TLS"),
    ]
}

/// Handshakes that stop behind each message: the server's first flight, and in TLS 1.2 its Finished.
fn stopped() -> Vec<Case> {
    let mut cases = Vec::new();
    for (old, records) in [(false, 3), (true, 6)] {
        for sent in 1..records {
            let name = format!("stops after {sent} records, TLS 1.{}", if old { 2 } else { 3 }).leak();
            let stopped = case(name, vec![Step::Silence]).by(|tls| (tls.old, tls.sends) = (old, Sends::Records(sent)));
            cases.push(stopped.shakes_hands_for_ever());
        }
    }
    cases
}

fn records() -> Vec<Case> {
    let bare = |name, bytes: Vec<u8>| after_request(name, vec![Step::Bare(bytes), Step::Silence]);
    let endless = |name, bytes: Vec<u8>| after_request(name, vec![Step::BareEndless(bytes)]);
    vec![
        bare("a record that is too long", [&[DATA, 3, 3, 0x48, 0x01][..], &[0; 0x4801]].concat())
            .tls_error("TLS failed"),
        bare("a record that nobody encrypted", record(DATA, 3, GOOD.as_bytes())).tls_error("TLS failed"),
        bare("noise after the handshake", vec![0xaa; 64]).tls_error("TLS failed"),
        bare("plain HTTP after the handshake", GOOD.into()).tls_error("TLS failed"),
        bare("a record that ends before it began", record(DATA, 3, &[])).tls_error("TLS failed"),
        endless("endless empty records", record(DATA, 3, &[])).tls_error("TLS failed"),
        endless("endless ChangeCipherSpec", record(20, 3, &[1])).tls_error("TLS failed"),
        Case {
            timeout: SHORT,
            ..bare("a record that never ends", [&[DATA, 3, 3, 0x40, 0x00][..], &[0; 100]].concat())
                .code(1050, "no complete response within 1s")
        },
        after_request(
            "noise behind a part of the response",
            vec![Step::Send(GOOD.as_bytes()[..30].to_vec()), Step::Bare(vec![0xaa; 64]), Step::Silence],
        )
        .tls_error("TLS failed"),
        after_request(
            "noise behind the response",
            vec![Step::Send(GOOD.into()), Step::Bare(vec![0xaa; 64]), Step::Silence],
        )
        .status(200, 3),
    ]
}

/// Ends of the connection without close_notify, which anyone may have made.
fn ends() -> Vec<Case> {
    let cut = |name, sent: String| after_request(name, vec![Step::Send(sent.into()), Step::Pause(MOMENT), Step::Cut]);
    let ended = |name, sent: String| after_request(name, vec![Step::Send(sent.into())]);
    vec![
        cut("cut in a body with length", format!("{OK}Content-Length: 8\r\n\r\n0123"))
            .error("ended within the response's body"),
        cut("cut in a chunk", format!("{CHUNKED}8\r\n0123")).error("ended within the response's chunked body"),
        cut("cut in a body without length", format!("{OK}\r\n0123")).tls_error("without TLS's close_notify"),
        cut("cut in the head", format!("{OK}Content-Le")).error("ended within the response's head"),
        cut("cut in place of a response", String::new()).error("closed the connection without an answer"),
        cut("cut behind a whole response", GOOD.into()).status(200, 3),
        ended("close_notify in a body with length", format!("{OK}Content-Length: 8\r\n\r\n0123"))
            .error("ended within the response's body"),
        ended("close_notify in a chunk", format!("{CHUNKED}8\r\n0123"))
            .error("ended within the response's chunked body"),
        ended("close_notify behind a body without length", format!("{OK}\r\n0123")).status(200, 4),
        Case {
            pause: IDLE,
            ..after_request(
                "cut on an idle connection",
                vec![Step::Send(GOOD.into()), Step::Pause(MOMENT / 2), Step::Cut],
            )
            .status(200, 3)
        },
    ]
}

/// A handshake that is cut after each of its bytes.
pub(super) fn cut() -> Vec<Case> {
    let mut cases = Vec::new();
    for old in [false, true] {
        // A flight has more than 500 bytes.
        for sent in (0..500).step_by(7) {
            let name = format!("handshake cut after {sent} bytes, TLS 1.{}", if old { 2 } else { 3 }).leak();
            let cut = case(name, vec![]).by(|tls| (tls.old, tls.sends) = (old, Sends::Bytes(sent)));
            cases.push(cut.tls_error("the connection ended during the TLS handshake"));
        }
    }
    cases
}
