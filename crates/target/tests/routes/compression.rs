//! Content codings, in answers and in requests.

use std::io::Read;

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder};
use sha2::{Digest, Sha256};

use crate::client::{Answer, Client, start};

fn read(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

fn decode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => read(GzDecoder::new(bytes)),
        "deflate" => read(ZlibDecoder::new(bytes)),
        "br" => read(brotli::Decompressor::new(bytes, 4096)),
        "zstd" => read(ruzstd::decoding::StreamingDecoder::new(bytes).unwrap()),
        _ => panic!("{coding}"),
    }
}

fn post(client: &mut Client, path: &str, coding: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes());
    client.send(body);
    client.answer(true)
}

#[test]
fn each_coding_decodes_to_the_document() {
    let target = start(1);
    let mut client = Client::new(&target);
    for (path, coding) in [("/gzip", "gzip"), ("/deflate", "deflate"), ("/br", "br"), ("/zstd", "zstd")] {
        let answer = client.get(path);
        assert_eq!(answer.field("Content-Encoding"), Some(coding), "{path}");
        let document = decode(coding, &answer.body);
        assert!(answer.body.len() * 2 < document.len(), "{path}: {} of {}", answer.body.len(), document.len());
        let value: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!((value["encoding"].as_str(), value["headers"]["Host"].as_str()), (Some(coding), Some("x")));
    }
}

#[test]
fn the_client_chooses_among_the_codings() {
    let target = start(1);
    let mut client = Client::new(&target);
    for (accepted, coding) in
        [("gzip, br", Some("br")), ("gzip, br;q=0.1", Some("gzip")), ("identity", None), ("zstd", Some("zstd"))]
    {
        let answer = client.ask("GET", "/compressed", &format!("Accept-Encoding: {accepted}\r\n"));
        let seen = (answer.field("Content-Encoding"), answer.field("Vary"));
        assert_eq!(seen, (coding, Some("Accept-Encoding")), "{accepted}");
        let document = coding.map_or_else(|| answer.body.clone(), |coding| decode(coding, &answer.body));
        assert!(serde_json::from_slice::<serde_json::Value>(&document).is_ok());
    }
}

#[test]
fn an_encoded_body_is_echoed_as_it_is_and_decoded_where_that_is_asked_for() {
    let target = start(1);
    let mut client = Client::new(&target);
    let plain = b"a line that comes again\n".repeat(20_000);
    let sum: String = Sha256::digest(&plain).iter().map(|byte| format!("{byte:02x}")).collect();
    let gzip = read(GzEncoder::new(&plain[..], Compression::default()));
    let brotli = read(brotli::CompressorReader::new(&plain[..], 4096, 5, 20));
    let zstd = ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
    let both = read(ZlibEncoder::new(&gzip[..], Compression::default()));
    for (coding, body) in [("gzip", &gzip), ("br", &brotli), ("zstd", &zstd), ("gzip, deflate", &both), ("", &plain)] {
        let echoed = post(&mut client, "/echo", coding, body);
        assert!(echoed.body == *body && echoed.field("Content-Encoding") == Some(coding), "{coding}");
        let told = post(&mut client, "/decompress", coding, body).json();
        assert_eq!((&told["bytes"], &told["decoded_bytes"]), (&body.len().into(), &plain.len().into()), "{coding}");
        assert_eq!((told["decoded_sha256"].as_str(), told["content_encoding"].as_str()), (Some(&*sum), Some(coding)));
    }
}

#[test]
fn bodies_that_decode_to_nothing_good_are_refused() {
    let target = start(1);
    let mut client = Client::new(&target);
    let gzip = read(GzEncoder::new(&[b'a'; 1000][..], Compression::default()));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        for body in [&b"nonsense that is none of these"[..], &gzip[..gzip.len() - 9], b""] {
            let status = post(&mut client, "/decompress", coding, body).status;
            assert!(
                status == 400 || (status == 200 && coding == "gzip" && body.is_empty()),
                "{coding} {body:?} {status}"
            );
        }
    }
    assert_eq!(post(&mut client, "/decompress", "lzma", b"x").status, 415);
    assert_eq!(post(&mut client, "/decompress", "gzip,gzip,gzip,gzip,gzip", b"x").status, 415);
    // 65 MiB of nothing in some 65 kB.
    let bomb = read(GzEncoder::new(std::io::repeat(0).take(65 << 20), Compression::best()));
    assert_eq!(post(&mut client, "/decompress", "gzip", &bomb).status, 413);
    assert_eq!(client.get("/").status, 200);
}
