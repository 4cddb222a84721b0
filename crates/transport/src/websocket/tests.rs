use std::borrow::Cow;

use proptest::prelude::*;

use super::handshake::{Offer, accept, key, take_offer};
use super::*;

/// An event with bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message { kind: Kind::Text, payload } => {
                Self::Text(String::from_utf8(payload.into_owned()).unwrap())
            }
            Event::Message { kind: Kind::Binary, payload } => Self::Binary(payload.into_owned()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(close) => Self::Close(close.map(|close| (close.code.get(), close.reason.to_owned()))),
        }
    }
}

fn rules(role: Role) -> Rules {
    Rules::new(role, Limits { frame_bytes_max: 1 << 20, message_bytes_max: 1 << 20 })
}

/// Feeds bytes in pieces that end at these places.
fn feed(reader: &mut Reader, rules: &Rules, bytes: &[u8], cuts: &[usize]) -> (Vec<Seen>, Result<(), Violation>) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    cuts.sort_unstable();
    let (mut seen, mut scratch) = (Vec::new(), Vec::new());
    for piece in cuts.windows(2) {
        let each = |event: Event<'_>| seen.push(Seen::from(event));
        if let Err(violation) = reader.read(rules, &bytes[piece[0]..piece[1]], &mut scratch, each) {
            return (seen, Err(violation));
        }
    }
    (seen, Ok(()))
}

fn read(role: Role, bytes: &[u8]) -> (Vec<Seen>, Result<(), Violation>) {
    feed(&mut Reader::plain(), &rules(role), bytes, &[])
}

/// Bytes from text such as `81 05 48`.
fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn one(event: Seen) -> (Vec<Seen>, Result<(), Violation>) {
    (vec![event], Ok(()))
}

#[test]
fn the_examples_of_rfc_6455_section_5_7_are_read_and_written() {
    let hello = || one(Seen::Text("Hello".into()));
    assert_eq!(read(Role::Client, &hex("81 05 48 65 6c 6c 6f")), hello());
    assert_eq!(read(Role::Server, &hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")), hello());
    assert_eq!(read(Role::Client, &hex("01 03 48 65 6c 80 02 6c 6f")), hello());
    assert_eq!(read(Role::Client, &hex("89 05 48 65 6c 6c 6f")), one(Seen::Ping(b"Hello".into())));
    assert_eq!(read(Role::Server, &hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")), one(Seen::Pong(b"Hello".into())));
    for (length, head) in [(256, "82 7e 01 00"), (65536, "82 7f 00 00 00 00 00 01 00 00")] {
        let mut bytes = hex(head);
        bytes.resize(bytes.len() + length, 7);
        assert_eq!(read(Role::Client, &bytes), one(Seen::Binary(vec![7; length])));
        let mut out = Vec::new();
        Writer::plain().write(&rules(Role::Server), Kind::Binary, &vec![7; length], 0, &mut out);
        assert_eq!(out, bytes);
    }
    let mut out = Vec::new();
    let mask = u32::from_ne_bytes([0x37, 0xfa, 0x21, 0x3d]);
    Writer::plain().write(&rules(Role::Client), Kind::Text, b"Hello", mask, &mut out);
    assert_eq!(out, hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
}

const DEFLATE: Deflate =
    Deflate { sends_with_context: true, receives_with_context: true, send_window_bits: 15, receive_window_bits: 15 };

#[test]
fn the_examples_of_rfc_7692_section_7_2_3_are_read() {
    let hello = Seen::Text("Hello".into());
    let read = |deflate, bytes: &str| feed(&mut Reader::deflate(deflate), &rules(Role::Client), &hex(bytes), &[]);
    let without = Deflate { receives_with_context: false, ..DEFLATE };
    for deflate in [DEFLATE, without] {
        // In one frame, in two, uncompressed in a stored block, as a last block, in two blocks.
        assert_eq!(read(deflate, "c1 07 f2 48 cd c9 c9 07 00"), one(hello.clone()));
        assert_eq!(read(deflate, "41 03 f2 48 cd 80 04 c9 c9 07 00"), one(hello.clone()));
        assert_eq!(read(deflate, "c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00"), one(hello.clone()));
        assert_eq!(read(deflate, "c1 08 f3 48 cd c9 c9 07 00 00"), one(hello.clone()));
        assert_eq!(read(deflate, "c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), one(hello.clone()));
        // A message that isn't compressed may come between.
        let mixed = read(deflate, "c1 07 f2 48 cd c9 c9 07 00 81 05 48 65 6c 6c 6f");
        assert_eq!(mixed, (vec![hello.clone(), hello.clone()], Ok(())));
    }
    // The second one refers to the first.
    let twice = "c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00";
    assert_eq!(read(DEFLATE, twice), (vec![hello.clone(), hello.clone()], Ok(())));
    assert_eq!(read(without, twice), (vec![hello], Err(Violation::Compression)));
}

#[test]
fn a_block_behind_a_last_one_may_refer_to_what_was_before_it() {
    let hello = Seen::Text("Hello".into());
    let bytes = hex("c1 08 f3 48 cd c9 c9 07 00 00 c1 05 f2 00 11 00 00");
    let read = feed(&mut Reader::deflate(DEFLATE), &rules(Role::Client), &bytes, &[]);
    assert_eq!(read, (vec![hello.clone(), hello], Ok(())));
}

#[test]
fn what_compresses_well_is_not_decompressed_beyond_the_limit() {
    let limits = Limits { frame_bytes_max: 1 << 20, message_bytes_max: 100_000 };
    let (sender, receiver) = (rules(Role::Server), Rules::new(Role::Client, limits));
    for (length, expected) in [(100_000, Ok(())), (100_001, Err(Violation::MessageTooLong(100_000)))] {
        let mut out = Vec::new();
        Writer::deflate(DEFLATE).write(&sender, Kind::Binary, &vec![0; length], 0, &mut out);
        assert!(out.len() < 1000, "{}", out.len());
        let (seen, result) = feed(&mut Reader::deflate(DEFLATE), &receiver, &out, &[]);
        assert_eq!((result, seen.len()), (expected, usize::from(expected.is_ok())));
    }
    let mut scratch = Vec::new();
    let mut out = Vec::new();
    Writer::deflate(DEFLATE).write(&sender, Kind::Binary, &vec![0; 1 << 20], 0, &mut out);
    Reader::deflate(DEFLATE).read(&receiver, &out, &mut scratch, |_| {}).unwrap_err();
    assert!(scratch.capacity() < 300_000, "{}", scratch.capacity());
}

#[test]
fn limits_are_judged_by_the_head_alone() {
    let limits = Limits { frame_bytes_max: 100, message_bytes_max: 150 };
    let receiver = Rules::new(Role::Client, limits);
    let read = |bytes: &[u8]| feed(&mut Reader::plain(), &receiver, bytes, &[]).1;
    assert_eq!(read(&hex("82 65")), Err(Violation::FrameTooLong(100)));
    assert_eq!(read(&hex("82 7f 7f ff ff ff ff ff ff ff")), Err(Violation::FrameTooLong(100)));
    let mut parts = hex("02 64");
    parts.extend_from_slice(&[0; 100]);
    parts.extend_from_slice(&hex("80 33"));
    assert_eq!(read(&parts), Err(Violation::MessageTooLong(150)));
}

#[test]
fn memory_is_held_only_while_something_is_under_way() {
    assert_eq!((size_of::<Reader>(), size_of::<Writer>()), (8, 8));
    let rules = rules(Role::Client);
    let mut reader = Reader::plain();
    // In pieces of which none is a whole frame.
    let bytes = hex("01 03 48 65 6c 89 01 00 80 02 6c 6f");
    for byte in &bytes[..bytes.len() - 1] {
        reader.read(&rules, &[*byte], &mut Vec::new(), |_| {}).unwrap();
        assert!(!reader.is_idle());
    }
    reader.read(&rules, &bytes[bytes.len() - 1..], &mut Vec::new(), |_| {}).unwrap();
    assert!(reader.is_idle());
}

#[test]
fn an_offer_and_its_answer_come_to_the_same_for_both_ends() {
    for bits in 0..64u8 {
        let offer = Offer {
            client_no_context_takeover: bits & 1 != 0,
            server_no_context_takeover: bits & 2 != 0,
            client_max_window_bits: 8 + (bits >> 2 & 1) * 7,
            server_max_window_bits: (bits & 8 != 0).then_some(9 + (bits >> 4)),
        };
        let (server, header) = take_offer([&*offer.header()]).unwrap();
        let key = key([bits; 16]);
        let accepted = accept(key.as_bytes());
        let answer = handshake::Answer {
            upgrade: vec!["WebSocket"],
            connection: vec!["keep-alive, Upgrade"],
            accept: vec![&accepted],
            extensions: vec![&header],
            ..Default::default()
        };
        let client = answer.judge(&key, &[], Some(&offer)).unwrap().deflate.unwrap();
        let mirrored = Deflate {
            sends_with_context: server.receives_with_context,
            receives_with_context: server.sends_with_context,
            send_window_bits: server.receive_window_bits,
            receive_window_bits: server.send_window_bits,
        };
        assert_eq!(client, mirrored, "{header}");
        assert!(answer.judge(&key, &[], None).is_err());
    }
}

#[test]
fn the_example_of_rfc_6455_section_1_3_is_accepted() {
    assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(handshake::is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
    assert!(!handshake::is_key(b"dGhlIHNhbXBsZSBub25jZQ"));
}

#[test]
fn offers_that_a_server_cannot_take_are_passed_over() {
    let taken = |offer: &str| take_offer([offer]).map(|(_, header)| header);
    let plain = || Some("permessage-deflate".to_owned());
    assert_eq!(taken("permessage-deflate"), plain());
    assert_eq!(taken("Permessage-Deflate; client_max_window_bits"), plain());
    for wrong in [
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "x-webkit-deflate-frame",
        "",
    ] {
        assert_eq!(taken(wrong), None, "{wrong}");
        assert_eq!(taken(&format!("{wrong}, foo; a=\"b\", permessage-deflate")), plain(), "{wrong}");
    }
    let quoted = taken("permessage-deflate; server_max_window_bits=\"10\"");
    assert_eq!(quoted.as_deref(), Some("permessage-deflate; server_max_window_bits=10"));
    assert_eq!(taken("permessage-deflate;;"), None);
}

fn message() -> impl Strategy<Value = Seen> {
    let bytes = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(0..4u8, 120..132),
        1 => prop::collection::vec(any::<u8>(), 65_530..65_540),
    ];
    let control = || prop::collection::vec(any::<u8>(), 0..=125);
    prop_oneof![
        3 => "\\PC{0,60}".prop_map(Seen::Text),
        3 => bytes.prop_map(Seen::Binary),
        1 => control().prop_map(Seen::Ping),
        1 => control().prop_map(Seen::Pong),
    ]
}

/// Writes what is to be seen, data that isn't compressed in fragments that end at these places, with a ping between.
fn write(rules: &Rules, writer: Option<&mut Writer>, seen: &Seen, cuts: &[usize], out: &mut Vec<u8>) -> usize {
    let mask = 0xa1b2_c3d4;
    let (kind, payload) = match seen {
        Seen::Text(text) => (Kind::Text, Cow::Borrowed(text.as_bytes())),
        Seen::Binary(bytes) => (Kind::Binary, Cow::Borrowed(&bytes[..])),
        Seen::Ping(bytes) => {
            write_control(rules, Control::Ping, bytes, mask, out);
            return 0;
        }
        Seen::Pong(bytes) => {
            write_control(rules, Control::Pong, bytes, mask, out);
            return 0;
        }
        Seen::Close(_) => return 0,
    };
    if let Some(writer) = writer {
        writer.write(rules, kind, &payload, mask, out);
        return 0;
    }
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (payload.len() + 1)).chain([0, payload.len()]).collect();
    cuts.sort_unstable();
    for (index, piece) in cuts.windows(2).enumerate() {
        if index > 0 {
            write_control(rules, Control::Ping, b"between", mask, out);
        }
        write_frame(rules, kind, (index > 0, index + 2 == cuts.len()), &payload[piece[0]..piece[1]], mask, out);
    }
    cuts.len() - 2
}

fn deflates() -> impl Strategy<Value = Option<Deflate>> {
    let deflate = (any::<bool>(), 8..=15u8).prop_map(|(context, bits)| Deflate {
        sends_with_context: context,
        receives_with_context: context,
        send_window_bits: bits,
        receive_window_bits: bits,
    });
    prop::option::of(deflate)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        messages in prop::collection::vec(message(), 1..6),
        deflate in deflates(),
        to_server in any::<bool>(),
        fragments in prop::collection::vec(any::<usize>(), 0..3),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let (from, to) = if to_server { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let (sender, receiver) = (rules(from), rules(to));
        let mut writer = deflate.map(Writer::deflate);
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for message in &messages {
            let pings = write(&sender, writer.as_mut(), message, &fragments, &mut bytes);
            expected.extend(std::iter::repeat_n(Seen::Ping(b"between".into()), pings));
            expected.push(message.clone());
        }
        let mut reader = deflate.map_or_else(Reader::plain, Reader::deflate);
        let (seen, result) = feed(&mut reader, &receiver, &bytes, &cuts);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(seen, expected);
        prop_assert!(deflate.is_some() || reader.is_idle());
    }

    #[test]
    fn any_bytes_come_to_the_same_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(vec![0, 1, 2, 0x80, 0x81, 0x82, 0x88, 0x89])], 0..60),
        is_server in any::<bool>(),
        with_deflate in any::<bool>(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let rules = rules(if is_server { Role::Server } else { Role::Client });
        let reader = || if with_deflate { Reader::deflate(DEFLATE) } else { Reader::plain() };
        let whole = feed(&mut reader(), &rules, &bytes, &[]);
        prop_assert_eq!(feed(&mut reader(), &rules, &bytes, &cuts), whole);
    }

    #[test]
    fn masking_is_byte_by_byte_the_rfc_s(
        bytes in prop::collection::vec(any::<u8>(), 0..70),
        key in any::<[u8; 4]>(),
        offset in 0..9u64,
    ) {
        let mut masked = bytes.clone();
        mask::apply(key, offset, &mut masked);
        let by_byte = |(index, byte): (usize, &u8)| byte ^ key[(index + offset as usize) % 4];
        prop_assert_eq!(masked, bytes.iter().enumerate().map(by_byte).collect::<Vec<_>>());
    }

    #[test]
    fn text_fails_with_the_byte_that_makes_it_invalid(text in "\\PC{0,12}", bytes in prop::collection::vec(any::<u8>(), 0..8)) {
        let mut payload = text.into_bytes();
        payload.extend_from_slice(&bytes);
        // By the standard's own judgement of each prefix.
        let invalid_at = (1..=payload.len()).find(|end| {
            std::str::from_utf8(&payload[..*end]).is_err_and(|error| error.error_len().is_some())
        });
        let mut reader = Reader::plain();
        let rules = rules(Role::Client);
        // A fragment that isn't the last one, and longer than what is sent.
        reader.read(&rules, &[1, 125], &mut Vec::new(), |_| {}).unwrap();
        let failed_at = (1..=payload.len()).find(|end| {
            reader.read(&rules, &payload[end - 1..*end], &mut Vec::new(), |_| {}).is_err()
        });
        prop_assert_eq!(failed_at, invalid_at);
    }
}
