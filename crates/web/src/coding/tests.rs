use proptest::prelude::*;

use super::*;

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
const LIMIT: usize = 1 << 20;

/// "hello, hello, hello\n" by gzip(1), zlib, Google's brotli and zstd(1).
const OF_OTHERS: [(&str, &str); 4] = [
    ("x-gzip", "1f8b0800000000000203cb48cdc9c9d751c840a2b800e7426e5214000000"),
    ("deflate", "789ccb48cdc9c9d751c840a2b8004b0706df"),
    ("br", "8b098068656c6c6f2c2068656c6c6f2c2068656c6c6f0a03"),
    ("zstd", "28b52ffd24147500004068656c6c6f2c200a0100e28a1121699d87"),
];

fn text() -> Vec<u8> {
    (0..5_000).flat_map(|number| format!("line {number} of a body\n").into_bytes()).collect()
}

fn bare_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn data_of_other_programs_are_read() {
    let hello = b"hello, hello, hello\n";
    for (coding, hexadecimal) in OF_OTHERS {
        let bytes: Vec<u8> = (0..hexadecimal.len() / 2)
            .map(|at| u8::from_str_radix(&hexadecimal[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        assert_eq!(decode(coding, &bytes, LIMIT).as_deref(), Ok(&hello[..]), "{coding}");
    }
}

#[test]
fn lists_are_undone_from_right_to_left() {
    let body = encode(Coding::Brotli, &encode(Coding::Gzip, b"body"));
    assert_eq!(decode("GZIP , identity,, br", &body, LIMIT).unwrap(), b"body");
    assert!(matches!(decode("br, gzip", &body, LIMIT), Err(CodingError::Invalid { coding: "gzip", .. })));
    assert_eq!(decode("", b"body", LIMIT).unwrap(), b"body");
    assert_eq!(decode("identity", b"body", 3), Err(CodingError::TooLong(3)));
    assert_eq!(decode("gzip, lzma", b"", LIMIT), Err(CodingError::Unknown("lzma".into())));
    assert_eq!(decode("br,br,br,br,br", b"", LIMIT), Err(CodingError::TooMany(5)));
    assert_eq!(decode("br,br,br,br", b"", LIMIT), Ok(Vec::new()));
}

#[test]
fn bodies_in_several_members_and_frames_are_one() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut body = encode(coding, b"one, ");
        body.extend(encode(coding, b""));
        body.extend(encode(coding, b"two"));
        assert_eq!(decode(coding.name(), &body, LIMIT).unwrap(), b"one, two", "{coding:?}");
        assert_eq!(decode(coding.name(), &body, 7), Err(CodingError::TooLong(7)), "{coding:?}");
    }
    let mut skipped = vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    skipped.extend(encode(Coding::Zstd, b"x"));
    assert_eq!(decode("zstd", &skipped, LIMIT).unwrap(), b"x");
    assert_eq!(decode("zstd", &skipped[..10], LIMIT), Err(CodingError::Truncated("zstd")));
}

#[test]
fn bare_deflate_data_are_taken_as_browsers_do() {
    assert_eq!(decode("deflate", &bare_deflate(&text()), LIMIT).unwrap(), text());
    assert_eq!(decode("deflate", &bare_deflate(b""), LIMIT).unwrap(), b"");
    // A stored block whose first bytes look like zlib's.
    let mut chance = vec![0x78, 0x01, 0x00, 0xfe, 0xff, b'x', 0x03, 0x00];
    assert_eq!(decode("deflate", &chance, LIMIT).unwrap(), b"x");
    chance.truncate(6);
    assert!(decode("deflate", &chance, LIMIT).is_err());
    let bare = bare_deflate(&text());
    assert_eq!(decode("deflate", &bare[..bare.len() - 1], LIMIT), Err(CodingError::Truncated("deflate")));
    assert_eq!(decode("deflate", &bare, 100), Err(CodingError::TooLong(100)));
}

#[test]
fn a_body_that_ends_early_is_told_from_a_wrong_one() {
    for coding in ALL {
        let body = encode(coding, &text());
        for end in [1, 3, body.len() / 2, body.len() - 1] {
            let error = decode(coding.name(), &body[..end], LIMIT).unwrap_err();
            assert_eq!(error, CodingError::Truncated(coding.name()), "{end} of {}", body.len());
        }
        let error = decode(coding.name(), b"<html>not compressed</html>", LIMIT).unwrap_err();
        assert!(matches!(error, CodingError::Invalid { .. }), "{coding:?}: {error}");
    }
}

#[test]
fn what_follows_the_end_is_an_error() {
    for coding in ALL {
        let mut body = encode(coding, &text());
        body.extend(b"this is none of it");
        let error = decode(coding.name(), &body, LIMIT).unwrap_err();
        assert!(matches!(error, CodingError::Invalid { .. }), "{coding:?}: {error}");
    }
}

#[test]
fn a_changed_byte_is_found_by_checksums() {
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
        let mut body = encode(coding, &text());
        let last = body.len() - 1;
        body[last] ^= 1;
        let error = decode(coding.name(), &body, LIMIT).unwrap_err();
        assert!(matches!(error, CodingError::Invalid { .. }), "{coding:?}: {error}");
    }
}

#[test]
fn bombs_end_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for coding in ALL {
        let bomb = encode(coding, &zeros);
        assert!(bomb.len() < 1 << 17, "{coding:?} has {} bytes", bomb.len());
        assert_eq!(decode(coding.name(), &bomb, LIMIT), Err(CodingError::TooLong(LIMIT)), "{coding:?}");
        let nested = encode(coding, &bomb);
        let list = format!("{0}, {0}", coding.name());
        assert_eq!(decode(&list, &nested, LIMIT), Err(CodingError::TooLong(LIMIT)), "{coding:?} twice");
        let exact = encode(coding, &zeros[..LIMIT]);
        assert_eq!(decode(coding.name(), &exact, LIMIT).map(|body| body.len()), Ok(LIMIT), "{coding:?}");
        assert_eq!(decode(coding.name(), &exact, LIMIT - 1), Err(CodingError::TooLong(LIMIT - 1)), "{coding:?}");
        assert_eq!(decode(coding.name(), &exact, 0), Err(CodingError::TooLong(0)), "{coding:?}");
    }
}

#[test]
fn windows_beyond_what_the_rfcs_ask_for_are_refused() {
    // A zstd frame's header with a window of 16 MiB, and a brotli one of the large-window format.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00];
    assert!(matches!(decode("zstd", &zstd, LIMIT), Err(CodingError::Invalid { .. })));
    let eight = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00];
    assert_eq!(decode("zstd", &eight, LIMIT), Ok(Vec::new()));
    let large = brotli::enc::BrotliEncoderParams { lgwin: 28, large_window: true, ..Default::default() };
    let mut body = Vec::new();
    brotli::BrotliCompress(&mut text().as_slice(), &mut body, &large).unwrap();
    assert!(matches!(decode("br", &body, LIMIT), Err(CodingError::Invalid { .. })));
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(
        body in prop::collection::vec(any::<u8>(), 0..3000), repeated in 1_usize..20, codings in prop::collection::vec(0_usize..4, 0..=4),
    ) {
        let body = body.repeat(repeated);
        let mut encoded = body.clone();
        for coding in &codings {
            encoded = encode(ALL[*coding], &encoded);
        }
        let list: Vec<&str> = codings.iter().map(|coding| ALL[*coding].name()).collect();
        prop_assert_eq!(decode(&list.join(", "), &encoded, LIMIT), Ok(body));
    }

    #[test]
    fn no_bytes_make_it_panic_or_pass_the_limit(
        head in 0_usize..6, mut body in prop::collection::vec(any::<u8>(), 0..400), list in "((gzip|deflate|br|zstd), ?){1,3}", limit in 0_usize..5000,
    ) {
        let heads: [&[u8]; 6] = [b"", &[0x1f, 0x8b, 8, 0], &[0x78, 0x9c], &[0x28, 0xb5, 0x2f, 0xfd, 0], &[0x28, 0xb5, 0x2f, 0xfd, 0x20], &[0x0b]];
        body.splice(0..0, heads[head].iter().copied());
        prop_assert!(decode(&list, &body, limit).is_ok_and(|decoded| decoded.len() <= limit) || decode(&list, &body, limit).is_err());
    }

    #[test]
    fn no_change_of_valid_data_makes_it_panic(coding in 0_usize..4, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), end in any::<prop::sample::Index>()) {
        let coding = ALL[coding];
        let mut body = encode(coding, &text()[..3000]);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = decode(coding.name(), &body, LIMIT);
        let _ = decode(coding.name(), &body[..end.index(body.len())], LIMIT);
    }
}
