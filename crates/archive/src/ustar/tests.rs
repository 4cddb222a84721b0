use std::io::Read;

use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::*;

fn ours(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        write(&mut out, name, bytes).unwrap();
    }
    write_end(&mut out).unwrap();
    out
}

/// What the crate `tar` makes of one entry of this type.
fn theirs(kind: EntryType, name: &str) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(0);
    if kind.is_hard_link() || kind.is_symlink() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    builder.append_data(&mut header, name, &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

/// Puts bytes into the first header and makes its checksum right.
fn forged(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut tar = ours(&[("name", b"content")]);
    tar[at..at + bytes.len()].copy_from_slice(bytes);
    let sum = checksum(tar.first_chunk().unwrap()).unwrap();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar
}

fn refusal(bytes: &[u8]) -> TarError {
    read(bytes, 10).unwrap_err()
}

#[test]
fn other_programs_read_what_is_written() {
    let bytes = ours(&[("metadata.json", b"{}"), ("files/000-a.csv", &[7; 1000])]);
    let mut archive = tar::Archive::new(&bytes[..]);
    let read = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), entry.header().mtime().unwrap(), content)
    });
    let wanted = [("metadata.json".to_owned(), 0, b"{}".to_vec()), ("files/000-a.csv".to_owned(), 0, vec![7; 1000])];
    assert_eq!(read.collect::<Vec<_>>(), wanted);
}

#[test]
fn only_files_are_taken() {
    for (kind, what) in [
        (EntryType::Link, "hard link"),
        (EntryType::Symlink, "symbolic link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Directory, "directory"),
        (EntryType::Fifo, "pipe"),
        (EntryType::GNUSparse, "sparse"),
        (EntryType::XHeader, "pax"),
        (EntryType::XGlobalHeader, "pax"),
        (EntryType::GNULongName, "GNU"),
        (EntryType::GNULongLink, "GNU"),
        (EntryType::Continuous, "unknown kind"),
    ] {
        let error = refusal(&theirs(kind, "name"));
        assert!(matches!(error, TarError::NotAFile { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    // As the crate writes a name that is too long for a header.
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, "a".repeat(200), &b""[..]).unwrap();
    assert!(matches!(refusal(&builder.into_inner().unwrap()), TarError::NotAFile { .. }));
    // A directory by its name.
    assert!(matches!(refusal(&forged(0, b"files/")), TarError::Name { .. }));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in
        ["/etc/passwd", "../up", "files/../../up", "..", "./name", "a//b", "a\\..\\b", "a b", "a\nb", "ä", "C:x"]
    {
        let error = refusal(&forged(0, format!("{name:\0<4}").as_bytes()));
        assert!(matches!(error, TarError::Name { .. }), "{name}: {error}");
    }
    assert!(matches!(refusal(&forged(0, b"\xffname")), TarError::NameNotUtf8(_)));
    assert!(matches!(refusal(&forged(0, b"\0\0\0\0")), TarError::Name { .. }));
}

#[test]
fn a_name_is_there_once_in_whatever_case() {
    for (first, second) in [("a", "a"), ("files/a", "Files/A")] {
        assert_eq!(refusal(&ours(&[(first, b"1"), (second, b"2")])), TarError::Duplicate(second.to_owned()));
    }
    assert_eq!(read(&ours(&[("a", b""), ("ab", b"")]), 10).unwrap().len(), 2);
}

#[test]
fn sizes_that_lie_are_refused() {
    for (size, shown) in [("00000010000", 4096), ("77777777777", 0o77_777_777_777)] {
        let error = refusal(&forged(124, size.as_bytes()));
        assert!(matches!(error, TarError::SizeBeyondEnd { size, .. } if size == shown), "{error}");
    }
    // Shorter than the content: the rest of it isn't zeros.
    assert!(matches!(refusal(&forged(124, b"00000000003")), TarError::Padding(_)));
    // As GNU writes sizes over 8 GiB, and with blanks as old programs do.
    for size in [b"\x80\0\0\0\0\0\0\0\0\0\x07", b"         7\0", b"          8"] {
        assert!(matches!(refusal(&forged(124, size)), TarError::SizeNotOctal(_)));
    }
}

#[test]
fn headers_of_other_programs_are_refused_whatever_field_differs() {
    for (at, field) in [
        (100, "0000777\0"),
        (108, "0001750\0"),
        (136, "14000000000\0"),
        (265, "root"),
        (345, "../up"),
        (157, "x"),
        (500, "x"),
    ] {
        assert_eq!(refusal(&forged(at, field.as_bytes())), TarError::NotCanonical("name".into()), "{at}");
    }
    // Rubbish after the name's end.
    assert_eq!(refusal(&forged(4, b"\0hidden")), TarError::NotCanonical("name".into()));
    assert!(matches!(refusal(&forged(257, b"ustar  \0")), TarError::OtherFormat { .. }));
    assert!(matches!(refusal(&forged(257, b"\0\0\0\0\0\0\0\0")), TarError::OtherFormat { .. }));
    assert_eq!(refusal(&[b'x'; 2048]), TarError::NoHeader(0));
}

#[test]
fn it_ends_where_it_ends() {
    let whole = ours(&[("a", &[1; 600]), ("b", b"2")]);
    for length in 0..whole.len() {
        assert!(read(&whole[..length], 10).is_err(), "{length}");
    }
    let (mut zeros, mut rubbish) = (whole.clone(), whole.clone());
    zeros.extend([0; 512]);
    rubbish.extend(b"x");
    assert_eq!(refusal(&zeros), TarError::TrailingData(whole.len()));
    assert_eq!(refusal(&rubbish), TarError::TrailingData(whole.len()));
    assert_eq!(refusal(&[whole.clone(), whole.clone()].concat()), TarError::TrailingData(whole.len()));
}

#[test]
fn the_number_of_entries_is_limited() {
    let names: Vec<String> = (0..11).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert_eq!(refusal(&ours(&files)), TarError::TooManyEntries(10));
    assert_eq!(read(&ours(&files[..10]), 10).unwrap().len(), 10);
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_any_flipped_bit_outside_of_contents_is_noticed(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1200), 0..6),
        flipped in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let names: Vec<String> = (0..contents.len()).map(|number| format!("files/{number:03}-x")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().zip(&contents).map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        let mut bytes = ours(&files);
        let entries = read(&bytes, 10).unwrap();
        prop_assert_eq!(entries.len(), files.len());
        for (entry, (name, content)) in entries.iter().zip(&files) {
            prop_assert_eq!(entry.name, *name);
            prop_assert_eq!(&bytes[entry.range.clone()], *content);
        }
        let at = flipped.index(bytes.len());
        let in_content = entries.iter().any(|entry| entry.range.contains(&at));
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(read(&bytes, 10).is_ok(), in_content);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..3000), mend in any::<bool>()) {
        if mend && let Some(header) = bytes.first_chunk::<BLOCK>() {
            let sum = checksum(header).unwrap();
            bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let _ = read(&bytes, 10);
    }
}
