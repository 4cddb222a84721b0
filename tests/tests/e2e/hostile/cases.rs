//! What a hostile server does, and what is to come of it.

use std::time::Duration;

use throng_tests::{Play, Step};

/// For requests that are to end by themselves, and for those that only time ends.
pub(super) const LONG: Duration = Duration::from_secs(8);
pub(super) const SHORT: Duration = Duration::from_secs(1);
/// What gives bytes the time to arrive, and a connection that is idle the time to hear of its end, on a busy machine too.
pub(super) const MOMENT: Duration = Duration::from_millis(60);
pub(super) const IDLE: Duration = Duration::from_secs(2);
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\n";
pub(super) const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What a request is to come to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// A response of this status, with so many bytes of body.
    Status(u16, u64),
    /// An error with this code, whose message has this text.
    Code(u16, &'static str),
}

/// A play, the request that meets it, and what is to come of that.
pub(super) struct Case {
    pub(super) play: Play,
    pub(super) method: &'static str,
    pub(super) keep: bool,
    pub(super) timeout: Duration,
    /// Between this request and the good one.
    pub(super) pause: Duration,
    pub(super) sent_bytes: usize,
    pub(super) expected: Expected,
}

pub(super) fn case(name: &'static str, steps: Vec<Step>) -> Case {
    Case {
        play: Play::new(name, steps),
        method: "GET",
        keep: true,
        timeout: LONG,
        pause: Duration::ZERO,
        sent_bytes: 0,
        expected: Expected::Status(200, 0),
    }
}

impl Case {
    pub(super) fn status(self, status: u16, bytes: u64) -> Self {
        Self { expected: Expected::Status(status, bytes), ..self }
    }

    pub(super) fn error(self, text: &'static str) -> Self {
        self.code(1000, text)
    }

    pub(super) fn code(self, code: u16, text: &'static str) -> Self {
        Self { expected: Expected::Code(code, text), ..self }
    }

    /// Nothing but its time limit ends it.
    fn times_out(self) -> Self {
        Self { timeout: SHORT, ..self.code(1050, "no complete response within 1s") }
    }

    pub(super) fn unasked(mut self) -> Self {
        self.play.waits_for_request = false;
        self
    }
}

/// The server sends this and then waits for the client, so that only the client can end it.
fn held(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, vec![Step::Send(bytes.as_ref().to_vec()), Step::Silence])
}

/// The server sends this and goes on as if nothing had been.
fn kept(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, vec![Step::Send(bytes.as_ref().to_vec()), Step::Next])
}

/// The server sends the first, and the second without end.
fn endless(name: &'static str, first: &str, then: &[u8]) -> Case {
    case(name, vec![Step::Send(first.into()), Step::Endless(then.to_vec())])
}

/// The server sends the first, and the second byte by byte without end.
fn dripped(name: &'static str, first: &str, then: &[u8]) -> Case {
    let every = Duration::from_millis(2);
    case(name, vec![Step::Send(first.into()), Step::EndlessDrip(then.to_vec(), every)]).times_out()
}

/// The server sends this, and then breaks the connection.
fn reset(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    let steps = vec![Step::Send(bytes.as_ref().to_vec()), Step::Pause(MOMENT), Step::Reset];
    case(name, steps).code(1220, "connection reset by peer")
}

pub(super) fn all() -> Vec<Case> {
    let groups =
        [connections(), protocols(), status_lines(), fields(), lengths(), chunks(), bodies(), endlessness(), after()];
    groups.into_iter().flatten().collect()
}

fn connections() -> Vec<Case> {
    let length = format!("{OK}Content-Length: 8\r\n\r\n0123");
    vec![
        case("nobody listens", vec![]).code(1212, "refused"),
        Case { timeout: SHORT, ..case("a queue that is full", vec![]).code(1211, "no connection within 1s") },
        case("takes the connection and says nothing", vec![Step::Silence]).unasked().times_out(),
        case("closes at once", vec![]).unasked().error("closed the connection without an answer"),
        case("breaks off at once", vec![Step::Pause(MOMENT), Step::Reset]).unasked().code(1220, "reset by peer"),
        case("reads the request and says nothing", vec![Step::Silence]).times_out(),
        case("reads the request and closes", vec![]).error("closed the connection without an answer"),
        reset("breaks off after the request", ""),
        reset("breaks off in the status line", "HTTP/1."),
        reset("breaks off in the head", format!("{OK}Content-Len")),
        reset("breaks off in the body", &length),
        reset("breaks off in a chunk", format!("{CHUNKED}8\r\n0123")),
        reset("breaks off in a body without length", format!("{OK}\r\n0123")),
        held("stops in the status line", "HTTP/1.1 2").times_out(),
        held("stops in a header", format!("{OK}Content-Len")).times_out(),
        held("stops before the empty line", format!("{OK}Content-Length: 8\r\n")).times_out(),
        held("stops in the body", &length).times_out(),
        held("stops in a chunk size", format!("{CHUNKED}8")).times_out(),
        held("stops in a chunk", format!("{CHUNKED}8\r\n0123")).times_out(),
        held("stops in the trailer", format!("{CHUNKED}0\r\nT: v\r\n")).times_out(),
        held("stops in a body without length", format!("{OK}\r\n0123")).times_out(),
        held("stops after an interim response", "HTTP/1.1 100 Continue\r\n\r\n").times_out(),
        Case {
            method: "POST",
            sent_bytes: 4 << 20,
            ..case("doesn't read the body", vec![Step::Pause(LONG)]).times_out()
        },
    ]
}

fn protocols() -> Vec<Case> {
    let not_http = "it doesn't begin with HTTP/1.1 or HTTP/1.0";
    vec![
        held("greets as SSH", "SSH-2.0-OpenSSH_9.6\r\n").unasked().error(not_http),
        held("greets as SMTP", "220 mail.test ESMTP\r\n").unasked().error(not_http),
        held("answers as Redis", "-ERR unknown command 'GET'\r\n").error(not_http),
        held("answers in HTML alone", "<html><body>hello</body></html>").error(not_http),
        held("answers in NULs", [0; 64]).error(not_http),
        held("answers in noise", [0xff, 0xfe, 0x80, 0x01, 0x1b, 0x7f, 0x22]).error(not_http),
        held("answers ICY", "ICY 200 OK\r\n\r\n").error(not_http),
        held("answers with a TLS alert", b"\x15\x03\x01\x00\x02\x02\x16").error("isn't HTTP but TLS"),
        held("answers with a TLS handshake", b"\x16\x03\x03\x00\x31\x02\x00\x00\x2d\x03\x03")
            .error("isn't HTTP but TLS"),
        held("opens HTTP/2", b"\x00\x00\x0c\x04\x00\x00\x00\x00\x00\x00\x03").error("another version of HTTP"),
        held("sends HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").error(not_http),
        held("says HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n").error("another version of HTTP"),
        held("says HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n").error("another version of HTTP"),
        held("says http in lower case", "http/1.1 200 OK\r\n\r\n").error(not_http),
    ]
}

fn status_lines() -> Vec<Case> {
    let digits = "the status code isn't three digits";
    vec![
        held("status 000", "HTTP/1.1 000 X\r\n\r\n").error("status code 000 is below 100"),
        held("status 099", "HTTP/1.1 099 X\r\n\r\n").error("status code 099 is below 100"),
        held("status 99", "HTTP/1.1 99 X\r\n\r\n").error(digits),
        held("status 1000", "HTTP/1.1 1000 X\r\n\r\n").error(digits),
        held("status abc", "HTTP/1.1 abc X\r\n\r\n").error(digits),
        held("status -20", "HTTP/1.1 -20 X\r\n\r\n").error(digits),
        held("no status", "HTTP/1.1\r\n\r\n").error("another version of HTTP"),
        held("NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n").error("reason phrase contains a control character"),
        held("an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n").error("begins with an empty line"),
        held("switches protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").status(101, 0),
        held("17 interim responses", "HTTP/1.1 100 Continue\r\n\r\n".repeat(17)).error("more than 16 interim"),
    ]
}

fn fields() -> Vec<Case> {
    let head = |line: &str| format!("{OK}{line}\r\nContent-Length: 1\r\n\r\na");
    vec![
        held("a line without colon", head("nonsense")).error("header line without a colon"),
        held("a line without name", head(": b")).error("header line without a name"),
        held("space before the colon", head("A : b")).error("white space between a header's name and its colon"),
        held("space in a name", head("A B: b")).error("header name with the invalid byte 0x20"),
        held("NUL in a name", head("A\0: b")).error("header name with the invalid byte 0x00"),
        held("NUL in a value", head("A: b\0c")).error("header value with the control character 0x00"),
        held("ESC in a value", head("A: \x1b[2J")).error("header value with the control character 0x1b"),
        held("CR in a value", head("A: b\rc")).error("CR without LF in the head"),
        held("space before the first header", head(" A: b")).error("white space before the first header"),
        held("129 headers", head(&["A: b"; 128].join("\r\n"))).error("more than 128 header fields"),
        held("a header of 64 KiB", head(&format!("A: {}", "b".repeat(64 << 10)))).error("head is longer than 65536"),
        kept("a folded header", head("A: b\r\n c")).status(200, 1),
        kept("a header in Latin-1", b"HTTP/1.1 200 OK\r\nA: \xe9\r\nContent-Length: 1\r\n\r\na").status(200, 1),
    ]
}

fn lengths() -> Vec<Case> {
    let length = |value: &str| format!("{OK}Content-Length: {value}\r\n\r\nabcdef");
    let no_number = "Content-Length isn't a decimal number";
    vec![
        held("length negative", length("-1")).error(no_number),
        held("length signed", length("+6")).error(no_number),
        held("length in hexadecimal", length("0x6")).error(no_number),
        held("length in words", length("six")).error(no_number),
        held("length empty", length("")).error(no_number),
        held("length with a fraction", length("6.0")).error(no_number),
        held("length of two numbers", length("6 6")).error(no_number),
        held("length beyond 64 bits", length("99999999999999999999")).error("Content-Length is beyond 64 bits"),
        held("length of 64 bits", length("18446744073709551615")).error("longer than 67108864 bytes"),
        held("length just beyond the limit", length("67108865")).error("longer than 67108864 bytes"),
        case("length at the limit, and then the end", vec![Step::Send(length("67108864").into())])
            .error("ended within the response's body"),
        held("lengths that differ", format!("{OK}Content-Length: 6\r\nContent-Length: 7\r\n\r\nabcdef"))
            .error("several Content-Lengths that differ"),
        held("lengths in a list that differ", length("6, 7")).error("several Content-Lengths that differ"),
        kept("lengths that are the same", format!("{OK}Content-Length: 6\r\nContent-Length: 6\r\n\r\nabcdef"))
            .status(200, 6),
        case("length greater than the body", vec![Step::Send(length("7").into())])
            .error("ended within the response's body"),
        kept(
            "both framings",
            format!("{OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
        )
        .status(200, 2),
        held("chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            .error("Transfer-Encoding in a response of HTTP/1.0"),
        case("coded until the end", vec![Step::Send(format!("{OK}Transfer-Encoding: gzip\r\n\r\nabc").into())])
            .status(200, 3),
    ]
}

fn chunks() -> Vec<Case> {
    let chunks = |text: &str| format!("{CHUNKED}{text}");
    let no_size = "chunk size isn't hexadecimal";
    vec![
        held("chunk size negative", chunks("-1\r\na\r\n")).error(no_size),
        held("chunk size signed", chunks("+1\r\na\r\n")).error(no_size),
        held("chunk size with 0x", chunks("0x1\r\na\r\n")).error(no_size),
        held("chunk size in words", chunks("one\r\na\r\n")).error(no_size),
        held("chunk size missing", chunks("\r\na\r\n")).error(no_size),
        held("chunk size of 64 bits", chunks("ffffffffffffffff\r\na")).error("longer than 67108864 bytes"),
        held("chunk size beyond 64 bits", chunks("10000000000000000\r\na")).error("chunk size is beyond 64 bits"),
        held("chunk size and a word", chunks("1 a\r\na\r\n")).error("something other than an extension"),
        held("chunk size with LF", chunks("1\na\r\n")).error("chunk size line doesn't end in CR LF"),
        held("chunk data too long", chunks("1\r\nab\r\n")).error("data isn't followed by CR LF"),
        held("chunk data with LF", chunks("1\r\na\n0\r\n\r\n")).error("data isn't followed by CR LF"),
        held("last line with LF", chunks("1\r\na\r\n0\r\n\n")).error("trailer doesn't end in CR LF"),
        held("trailer without colon", chunks("0\r\nnonsense\r\n\r\n"))
            .error("malformed trailer: header line without a colon"),
        held("trailer with NUL", chunks("0\r\nT: \0\r\n\r\n"))
            .error("malformed trailer: header value with the control"),
        kept("chunk size with 40 zeros", chunks(&format!("{}1\r\na\r\n0\r\n\r\n", "0".repeat(40)))).status(200, 1),
    ]
}

fn bodies() -> Vec<Case> {
    let length = format!("{OK}Content-Length: 3\r\n\r\nabc");
    let early = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nabc";
    vec![
        case(
            "body beyond the limit, without length",
            vec![Step::Send(format!("{OK}\r\n").into()), Step::Endless(vec![b'a'; 65536])],
        )
        .error("the body is longer than 67108864 bytes"),
        endless("body beyond the limit, in chunks", CHUNKED, format!("10000\r\n{}\r\n", "a".repeat(65536)).as_bytes())
            .error("the body is longer than 67108864 bytes"),
        Case {
            keep: false,
            ..endless("endless body that is discarded", &format!("{OK}\r\n"), &[b'a'; 4096]).times_out()
        },
        Case {
            keep: false,
            ..held("huge length that is discarded", format!("{OK}Content-Length: 99999999999\r\n\r\na")).times_out()
        },
        // In more time a fast machine comes to the limit of what is kept.
        Case {
            timeout: Duration::from_millis(300),
            ..endless("endless chunks of one byte", CHUNKED, b"1\r\na\r\n")
                .code(1050, "no complete response within 300ms")
        },
        Case { method: "HEAD", ..kept("body after HEAD", &length) }.status(200, 0),
        kept("body after 204", "HTTP/1.1 204 X\r\nContent-Length: 3\r\n\r\nabc").status(204, 0),
        kept("body after 304", "HTTP/1.1 304 X\r\nContent-Length: 3\r\n\r\nabc").status(304, 0),
        Case { method: "POST", sent_bytes: 4 << 20, ..held("answers before it has read the body", early) }
            .status(413, 3),
    ]
}

fn endlessness() -> Vec<Case> {
    let too_long = "head is longer than 65536 bytes";
    vec![
        endless("endless status line", "HTTP/1.1 200 ", b"a").error(too_long),
        endless("endless headers", OK, b"A: b\r\n").error("more than 128 header fields"),
        endless("endless header name", OK, b"a").error(too_long),
        endless("endless header value", &format!("{OK}A: "), b"a").error(too_long),
        endless("endless folds", &format!("{OK}A: b\r\n"), b" c\r\n").error(too_long),
        endless("endless empty lines", "", b"\r\n").error("begins with an empty line"),
        endless("endless interim responses", "", b"HTTP/1.1 100 Continue\r\n\r\n").error("more than 16 interim"),
        endless("endless chunk size", CHUNKED, b"0").error("size line is longer than 4096 bytes"),
        endless("endless chunk extension", &format!("{CHUNKED}1;"), b"a").error("size line is longer than 4096 bytes"),
        endless("endless trailer", &format!("{CHUNKED}0\r\n"), b"T: v\r\n")
            .error("the trailer is longer than 65536 bytes"),
        endless("endless trailer line", &format!("{CHUNKED}0\r\nT: "), b"v")
            .error("the trailer is longer than 65536 bytes"),
        dripped("drips a status line", "HTTP/1.1 200 ", b"a"),
        dripped("drips headers", OK, b"A: b\r\n"),
        dripped("drips a body", &format!("{OK}Content-Length: 99999\r\n\r\n"), b"a"),
        dripped("drips chunks", CHUNKED, b"1\r\na\r\n"),
        dripped("drips a chunk size", CHUNKED, b"0"),
        dripped("drips a trailer", &format!("{CHUNKED}0\r\n"), b"T: v\r\n"),
        dripped("drips interim responses", "", b"HTTP/1.1 100 Continue\r\nA: bcdefghijklmnopqrstuvwxyz\r\n\r\n"),
        case(
            "drips a good response",
            vec![Step::Drip(format!("{OK}Content-Length: 3\r\n\r\nabc").into(), Duration::from_millis(1)), Step::Next],
        )
        .status(200, 3),
    ]
}

/// What comes behind a good response must not become the next one.
fn after() -> Vec<Case> {
    let good = format!("{OK}Content-Length: 3\r\n\r\nabc");
    let late = |name, bytes: &str| {
        let steps =
            vec![Step::Send(good.clone().into()), Step::Pause(MOMENT / 2), Step::Send(bytes.into()), Step::Next];
        Case { pause: IDLE, ..case(name, steps) }.status(200, 3)
    };
    let closes = vec![Step::Send(good.clone().into()), Step::Pause(MOMENT / 2)];
    let resets = vec![Step::Send(good.clone().into()), Step::Pause(MOMENT / 2), Step::Reset];
    vec![
        kept("noise behind the response", format!("{good}noise")).status(200, 3),
        kept("an empty line behind the response", format!("{good}\r\n")).status(200, 3),
        kept("another response behind the response", format!("{good}{good}")).status(200, 3),
        kept("another response behind the chunks", format!("{CHUNKED}3\r\nabc\r\n0\r\n\r\n{good}")).status(200, 3),
        late("noise on an idle connection", "noise"),
        late("an unasked-for response on an idle connection", &good),
        late("408 on an idle connection", "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"),
        Case { pause: IDLE, ..case("closes an idle connection", closes.clone()).status(200, 3) },
        case("closes an idle connection as the next request comes", closes).status(200, 3),
        Case { pause: IDLE, ..case("resets an idle connection", resets).status(200, 3) },
        held("a response before the request", &good).unasked().status(200, 3),
        held("says close and doesn't", format!("{OK}Connection: close\r\nContent-Length: 3\r\n\r\nabc")).status(200, 3),
    ]
}
