//! Cases for the sections of RFC 6455 and RFC 7692, numbered and ordered as those of the Autobahn test suite: its chapters
//! 1 to 7, 9, 10, 12 and 13. The other end is one that sends every message back.

use super::wire::Frame;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A frame's first byte, and its payload.
type Part<'a> = (u8, &'a [u8]);

/// What is sent, in order.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// A frame as it stands.
    Frame(Frame),
    /// A message in one frame, compressed if that was agreed.
    Message(u8, Vec<u8>),
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The number in Autobahn's order.
    pub(crate) number: String,
    pub(crate) said: Vec<Said>,
    /// Bytes that are written at a time.
    pub(crate) pieces: usize,
    /// What comes back.
    pub(crate) heard: Vec<Frame>,
    /// How many of the frames that takes, where those behind end the connection.
    pub(crate) echoed: usize,
    /// The code that the other closes with because of what was said; none where the test has to close.
    pub(crate) code: Option<u16>,
}

impl Case {
    fn new(number: impl Into<String>, frames: &[(u8, &[u8])], heard: &[(u8, &[u8])], code: Option<u16>) -> Self {
        let frame = |(first, payload): &(u8, &[u8])| Frame(*first, payload.to_vec());
        Self {
            number: number.into(),
            said: frames.iter().map(|said| Said::Frame(frame(said))).collect(),
            pieces: usize::MAX,
            heard: heard.iter().map(frame).collect(),
            echoed: 1,
            code,
        }
    }

    /// One whose messages come back.
    fn echo(number: impl Into<String>, opcode: u8, payloads: Vec<Vec<u8>>) -> Self {
        let heard = payloads.iter().map(|payload| Frame(0x80 | opcode, payload.clone())).collect();
        let said = payloads.into_iter().map(|payload| Said::Message(opcode, payload)).collect();
        Self { number: number.into(), said, pieces: usize::MAX, heard, echoed: 1, code: None }
    }

    fn in_pieces(self, pieces: usize) -> Self {
        Self { pieces, ..self }
    }
}

/// All cases without compression.
pub(crate) fn plain() -> Vec<Case> {
    [framing(), pings(), reserved(), fragmentation(), utf8(), closing(), large()].concat()
}

/// Chapter 1.
fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (chapter, opcode, byte) in [("1.1", 1, b'*'), ("1.2", 2, 0xfe)] {
        let lengths = [0, 125, 126, 127, 128, 65535, 65536, 65536];
        for (at, length) in lengths.into_iter().enumerate() {
            let case = Case::echo(format!("{chapter}.{}", at + 1), opcode, vec![vec![byte; length]]);
            cases.push(if at == 7 { case.in_pieces(997) } else { case });
        }
    }
    cases
}

/// Chapter 2.
fn pings() -> Vec<Case> {
    let long = [0xfe; 126];
    let ten: Vec<_> = (0..10).map(|at| [b'p', b'0' + at]).collect();
    let many = |first: u8| ten.iter().map(|payload| (first, &payload[..])).collect::<Vec<_>>();
    vec![
        Case::new("2.1", &[(PING, b"")], &[(PONG, b"")], None),
        Case::new("2.2", &[(PING, b"Hello, world!")], &[(PONG, b"Hello, world!")], None),
        Case::new("2.3", &[(PING, b"\x00\xff\xfe\xfd")], &[(PONG, b"\x00\xff\xfe\xfd")], None),
        Case::new("2.4", &[(PING, &long[..125])], &[(PONG, &long[..125])], None),
        Case::new("2.5", &[(PING, &long)], &[], Some(1002)),
        Case::new("2.6", &[(PING, &long[..125])], &[(PONG, &long[..125])], None).in_pieces(1),
        Case::new("2.7", &[(PONG, b"")], &[], None),
        Case::new("2.8", &[(PONG, b"unsolicited")], &[], None),
        Case::new("2.9", &[(PONG, b"unsolicited"), (PING, b"ping")], &[(PONG, b"ping")], None),
        Case::new("2.10", &many(PING), &many(PONG), None),
        Case::new("2.11", &many(PING), &many(PONG), None).in_pieces(1),
    ]
}

/// Chapters 3 and 4: what is reserved.
fn reserved() -> Vec<Case> {
    let hello: (u8, &[u8]) = (TEXT, b"Hello");
    let mut cases = Vec::new();
    for (number, first, pieces) in [
        ("3.1", 0x91, usize::MAX),
        ("3.2", 0xa1, usize::MAX),
        ("3.3", 0xb1, 7),
        ("3.4", 0xc1, 1),
        ("3.5", 0xd2, usize::MAX),
        ("3.6", 0xe9, usize::MAX),
        ("3.7", 0xf8, usize::MAX),
    ] {
        let (before, behind) = ((number > "3.1").then_some(hello), (PING, &b""[..]));
        let said: Vec<_> = before.into_iter().chain([(first, &b"Hello"[..]), behind]).collect();
        let heard: Vec<_> = before.into_iter().collect();
        cases.push(Case::new(number, &said, &heard, Some(1002)).in_pieces(pieces));
    }
    for (chapter, opcodes) in [("4.1", 3..8), ("4.2", 11..16)] {
        for (at, opcode) in opcodes.enumerate() {
            let said = [hello, (0x80 | opcode, &b"?"[..at % 2]), (PING, b"")];
            cases.push(Case::new(format!("{chapter}.{}", at + 1), &said, &[hello], Some(1002)));
        }
    }
    cases
}

/// Chapter 5.
fn fragmentation() -> Vec<Case> {
    let whole: (u8, &[u8]) = (TEXT, b"fragment1fragment2");
    let (one, two): (Part<'_>, Part<'_>) = ((0x01, b"fragment1"), (0x80, b"fragment2"));
    let (ping, pong): (Part<'_>, Part<'_>) = ((PING, b"ping"), (PONG, b"ping"));
    let middle: (u8, &[u8]) = (0x00, b"");
    let stray: (u8, &[u8]) = (0x80, b"stray");
    let open: (u8, &[u8]) = (0x00, b"stray");
    let hello: (u8, &[u8]) = (TEXT, b"Hello");
    let refused =
        |number: &str, said: &[(u8, &[u8])], heard: &[(u8, &[u8])]| Case::new(number, said, heard, Some(1002));
    let mut cases = vec![
        refused("5.1", &[(0x09, b"frag"), (0x80, b"ment")], &[]),
        refused("5.2", &[(0x0a, b"frag"), (0x80, b"ment")], &[]),
        Case::new("5.3", &[one, two], &[whole], None),
        Case::new("5.4", &[one, two], &[whole], None).in_pieces(11),
        Case::new("5.5", &[one, two], &[whole], None).in_pieces(1),
        Case::new("5.6", &[one, ping, two], &[pong, whole], None),
        Case::new("5.7", &[one, ping, two], &[pong, whole], None).in_pieces(11),
        Case::new("5.8", &[one, ping, two], &[pong, whole], None).in_pieces(1),
    ];
    for (at, frame, pieces) in
        [(9, stray, usize::MAX), (10, stray, 7), (11, stray, 1), (12, open, usize::MAX), (13, open, 7), (14, open, 1)]
    {
        cases.push(refused(&format!("5.{at}"), &[frame, hello], &[]).in_pieces(pieces));
    }
    cases.extend([
        Case { echoed: 2, ..refused("5.15", &[one, two, open, hello], &[whole]) },
        refused("5.16", &[open, one, two], &[]),
        refused("5.17", &[stray, one, two], &[]),
        refused("5.18", &[one, (TEXT, b"fragment2")], &[]),
        Case::new("5.19", &[one, middle, ping, middle, ping, two], &[pong, pong, whole], None),
        Case::new("5.20", &[one, middle, ping, middle, ping, two], &[pong, pong, whole], None).in_pieces(1),
    ]);
    cases
}

/// Chapter 6.
fn utf8() -> Vec<Case> {
    let valid = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    let (begin, end) = valid.split_at(7);
    let invalid: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    let refused = |number: &str, said: &[(u8, &[u8])]| Case::new(number, said, &[], Some(1007));
    let mut cases = vec![
        Case::new("6.1.1", &[(TEXT, b"")], &[(TEXT, b"")], None),
        Case::new("6.1.2", &[(1, b""), (0, b""), (0x80, b"")], &[(TEXT, b"")], None),
        Case::new("6.1.3", &[(1, b""), (0, b"middle"), (0x80, b"")], &[(TEXT, b"middle")], None),
        Case::new("6.2.1", &[(TEXT, valid)], &[(TEXT, valid)], None),
        // Within the bytes of a character.
        Case::new("6.2.2", &[(1, begin), (0x80, end)], &[(TEXT, valid)], None),
        Case::new("6.2.3", &[(TEXT, valid)], &[(TEXT, valid)], None).in_pieces(1),
        refused("6.3.1", &[(TEXT, invalid)]),
        refused("6.3.2", &[(TEXT, invalid)]).in_pieces(1),
        // The rest never comes: it has to be seen before.
        refused("6.4.1", &[(1, b"\xce\xba\xe1\xbd\xb9"), (0, b"\xf4\x90\x80\x80")]),
        refused("6.4.2", &[(1, b"\xce\xba\xe1\xbd\xb9\xf4"), (0, b"\x90")]),
    ];
    let bytes: Vec<Vec<u8>> = invalid.iter().map(|byte| vec![*byte]).collect();
    let mut fragments: Vec<(u8, &[u8])> = bytes.iter().map(|byte| (0, &byte[..])).collect();
    fragments[0].0 = 1;
    cases.push(refused("6.3.3", &fragments));
    for (at, (text, is_valid)) in SEQUENCES.iter().enumerate() {
        let number = format!("6.{}", 5 + at);
        let echo: &[(u8, &[u8])] = if *is_valid { &[(TEXT, text)] } else { &[] };
        cases.push(Case::new(number, &[(TEXT, text)], echo, (!*is_valid).then_some(1007)));
    }
    cases
}

/// Sequences of Kuhn's stress test of UTF-8 decoders, and whether they are valid.
const SEQUENCES: &[(&[u8], bool)] = &[
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true),
    // Incomplete ones.
    (b"\xce", false),
    (b"\xce\xba\xe1", false),
    (b"\xce\xba\xe1\xbd", false),
    // The first of each length.
    (b"\x00", true),
    (b"\xc2\x80", true),
    (b"\xe0\xa0\x80", true),
    (b"\xf0\x90\x80\x80", true),
    (b"\xf8\x88\x80\x80\x80", false),
    (b"\xfc\x84\x80\x80\x80\x80", false),
    // The last of each length.
    (b"\x7f", true),
    (b"\xdf\xbf", true),
    (b"\xef\xbf\xbf", true),
    (b"\xf7\xbf\xbf\xbf", false),
    (b"\xfb\xbf\xbf\xbf\xbf", false),
    (b"\xfd\xbf\xbf\xbf\xbf\xbf", false),
    // Other boundaries.
    (b"\xed\x9f\xbf", true),
    (b"\xee\x80\x80", true),
    (b"\xef\xbf\xbd", true),
    (b"\xf4\x8f\xbf\xbf", true),
    (b"\xf4\x90\x80\x80", false),
    // Continuations without a beginning, and beginnings without one.
    (b"\x80", false),
    (b"\xbf", false),
    (b"\x80\xbf\x80", false),
    (b"\xc0 \xc1 ", false),
    (b"\xe0 \xef ", false),
    (b"\xf0 \xf7 ", false),
    // Impossible bytes.
    (b"\xfe", false),
    (b"\xff", false),
    (b"\xfe\xfe\xff\xff", false),
    // Overlong ones.
    (b"\xc0\xaf", false),
    (b"\xe0\x80\xaf", false),
    (b"\xf0\x80\x80\xaf", false),
    (b"\xf8\x80\x80\x80\xaf", false),
    (b"\xc1\xbf", false),
    (b"\xe0\x9f\xbf", false),
    (b"\xf0\x8f\xbf\xbf", false),
    (b"\xc0\x80", false),
    (b"\xe0\x80\x80", false),
    // Surrogates, alone and in pairs.
    (b"\xed\xa0\x80", false),
    (b"\xed\xbf\xbf", false),
    (b"\xed\xa0\x80\xed\xb0\x80", false),
    // No characters, and yet valid.
    (b"\xef\xbf\xbe", true),
    (b"\xef\xb7\x90", true),
    (b"\xf0\x9f\xbf\xbe", true),
    (b"\xf4\x8f\xbf\xbe", true),
];

/// Chapter 7.
fn closing() -> Vec<Case> {
    let normal: (u8, &[u8]) = (CLOSE, b"\x03\xe8");
    let hello: (u8, &[u8]) = (TEXT, b"Hello World!");
    let reason = [&b"\x03\xe8"[..], &[b'*'; 124]].concat();
    let invalid = [&b"\x03\xe8"[..], b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"].concat();
    let closed =
        |number: &str, said: &[(u8, &[u8])], heard: &[(u8, &[u8])], code| Case::new(number, said, heard, Some(code));
    let mut cases = vec![
        closed("7.1.1", &[hello, normal], &[hello], 1000),
        closed("7.1.2", &[normal, normal], &[], 1000),
        closed("7.1.3", &[normal, (PING, b"")], &[], 1000),
        closed("7.1.4", &[normal, hello], &[], 1000),
        closed("7.1.5", &[(0x01, b"fragment1"), normal, (0x80, b"fragment2")], &[], 1000),
        closed("7.3.1", &[(CLOSE, b"")], &[], 1005),
        closed("7.3.2", &[(CLOSE, b"a")], &[], 1002),
        closed("7.3.3", &[normal], &[], 1000),
        closed("7.3.4", &[(CLOSE, b"\x03\xe8Hello World!")], &[], 1000),
        closed("7.3.5", &[(CLOSE, &reason[..125])], &[], 1000),
        closed("7.3.6", &[(CLOSE, &reason)], &[], 1002),
        closed("7.5.1", &[(CLOSE, &invalid)], &[], 1007),
    ];
    let mut codes = |chapter: &str, codes: &[u16], answered: fn(u16) -> u16| {
        for (at, code) in codes.iter().enumerate() {
            let payload = code.to_be_bytes();
            cases.push(closed(&format!("{chapter}.{}", at + 1), &[(CLOSE, &payload)], &[], answered(*code)));
        }
    };
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014];
    codes("7.7", &valid, |code| code);
    codes("7.9", &[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999], |_| 1002);
    codes("7.13", &[5000, 65535], |_| 1002);
    cases
}

/// Chapters 9 and 10: large messages, whole and in fragments, in one write and in small ones.
fn large() -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, kib) in [64, 256, 1024, 4096].into_iter().enumerate() {
        for (chapter, opcode) in [("9.1", 1), ("9.2", 2)] {
            cases.push(Case::echo(format!("{chapter}.{}", at + 1), opcode, vec![vec![b'*'; kib << 10]]));
        }
    }
    for (at, bytes) in [64, 1024, 16384, 262_144].into_iter().enumerate() {
        for (chapter, opcode) in [("9.3", 1), ("9.4", 2)] {
            cases.push(fragments(format!("{chapter}.{}", at + 1), opcode, 1 << 20, bytes));
        }
    }
    for (at, pieces) in [64, 256, 1024].into_iter().enumerate() {
        let text = Case::echo(format!("9.5.{}", at + 1), 1, vec![vec![b'*'; 256 << 10]]);
        cases.push(text.in_pieces(pieces));
    }
    for (at, bytes) in [0, 16, 64, 256, 1024].into_iter().enumerate() {
        cases.push(Case::echo(format!("9.7.{}", at + 1), 1, vec![vec![b'*'; bytes]; 500]));
    }
    cases.push(fragments("10.1.1".to_owned(), 1, 65536, 1300));
    cases
}

fn fragments(number: String, opcode: u8, length: usize, bytes: usize) -> Case {
    let payload = vec![b'*'; length];
    let last = length.div_ceil(bytes) - 1;
    let frame = |(at, piece): (usize, &[u8])| {
        let first = if at == 0 { opcode } else { 0 } | if at == last { 0x80 } else { 0 };
        Said::Frame(Frame(first, piece.to_vec()))
    };
    Case {
        number,
        said: payload.chunks(bytes).enumerate().map(frame).collect(),
        pieces: usize::MAX,
        heard: vec![Frame(0x80 | opcode, payload.clone())],
        echoed: 1,
        code: None,
    }
}

/// How compression is agreed on in a case of chapters 12 and 13.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The parameters of the offer, and of the answer, behind `permessage-deflate`.
    pub(crate) offer: &'static str,
    pub(crate) answer: &'static str,
    /// Whether the client, and the server, begin anew with each message.
    pub(crate) client_resets: bool,
    pub(crate) server_resets: bool,
    pub(crate) client_bits: u8,
    pub(crate) server_bits: u8,
}

/// All cases with compression.
pub(crate) fn compressed() -> Vec<(Terms, Case)> {
    let both = Terms {
        offer: "; client_max_window_bits",
        answer: "",
        client_resets: false,
        server_resets: false,
        client_bits: 15,
        server_bits: 15,
    };
    let mut cases = Vec::new();
    for (chapter, opcode) in [("12.1", 1), ("12.2", 2)] {
        for (at, length) in [16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131_072].into_iter().enumerate() {
            let messages = (0..20).map(|seed| text(seed, length)).collect();
            cases.push((both.clone(), Case::echo(format!("{chapter}.{}", at + 1), opcode, messages)));
        }
    }
    let terms = [
        Terms {
            answer: "; client_no_context_takeover",
            client_resets: true,
            offer: "; client_no_context_takeover; client_max_window_bits",
            ..both.clone()
        },
        Terms {
            offer: "; server_no_context_takeover; client_max_window_bits",
            answer: "; server_no_context_takeover",
            server_resets: true,
            ..both.clone()
        },
        Terms {
            offer: "; client_max_window_bits=9",
            answer: "; client_max_window_bits=9",
            client_bits: 9,
            ..both.clone()
        },
        Terms {
            offer: "; client_max_window_bits; server_max_window_bits=9",
            answer: "; server_max_window_bits=9",
            server_bits: 9,
            ..both.clone()
        },
        Terms {
            offer: "; client_max_window_bits=8; server_max_window_bits=8",
            answer: "; server_max_window_bits=8; client_max_window_bits=8",
            server_bits: 8,
            client_bits: 8,
            ..both.clone()
        },
        Terms {
            offer: "; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=9; server_max_window_bits=9",
            answer: "; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9",
            client_resets: true,
            server_resets: true,
            client_bits: 9,
            server_bits: 9,
        },
    ];
    for (at, terms) in terms.into_iter().enumerate() {
        for (part, length) in [16, 1024, 65536].into_iter().enumerate() {
            let messages = (0..20).map(|seed| text(seed, length)).collect();
            cases.push((terms.clone(), Case::echo(format!("13.{}.{}", at + 1, part + 1), 1, messages)));
        }
    }
    cases
}

/// Text that compresses about as people's does, and repeats from message to message.
fn text(seed: usize, length: usize) -> Vec<u8> {
    let words = ["load", "test", "socket", "message", "Straße", "agent", "server", "client", "window", "frame"];
    let mut text = String::new();
    let mut state = seed as u64 % 7 + 1;
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(words[(state >> 33) as usize % words.len()]);
        text.push(' ');
    }
    text.into_bytes()
}
