use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::TestFiles;
use crate::{Declaration, FileFormat};

const COMPONENT: &[u8] = b"\0asm component";

fn archive(files: &[(&str, &str)]) -> Archive {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), Bytes::from((*text).to_owned())));
    let options = json!({ "vus": 3 }).as_object().unwrap().clone();
    let env = [("TARGET".to_owned(), "http://x".to_owned())].into();
    Archive::new(("0.1.0", "0.1.0"), ("shop", COMPONENT.into()), options, env, files.collect()).unwrap()
}

fn bytes(archive: &Archive) -> Vec<u8> {
    let mut out = Vec::new();
    archive.write(&mut out).unwrap();
    out
}

/// A tar of these entries.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in entries {
        ustar::write(&mut out, name, bytes).unwrap();
    }
    ustar::write_end(&mut out).unwrap();
    out
}

/// The archive of one file, with its metadata changed.
fn with_metadata(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut metadata = serde_json::to_value(archive(&[("a.csv", "x\n1\n")]).metadata()).unwrap();
    change(&mut metadata);
    let metadata = metadata.to_string();
    tar(&[(METADATA, metadata.as_bytes()), (SCRIPT, COMPONENT), ("files/000-a.csv", b"x\n1\n")])
}

fn refusal(bytes: Vec<u8>) -> ArchiveError {
    Archive::read(bytes).unwrap_err()
}

#[test]
fn a_test_comes_back_as_it_was_and_has_one_name() {
    let archive = archive(&[("b/users.csv", "name\nann\n"), ("../a.json", "[1]"), ("/b/users.csv", "name\nbob\n")]);
    let bytes = bytes(&archive);
    let read = Archive::read(bytes.clone()).unwrap();
    assert_eq!(read, archive);
    assert_eq!(archive.write(Vec::new()).unwrap(), Digest::of(&bytes));
    let names: Vec<_> = read.metadata().files.iter().map(|file| (file.path.as_str(), file.name.as_str())).collect();
    let wanted = [
        ("../a.json", "files/000-a.json"),
        ("/b/users.csv", "files/001-users.csv"),
        ("b/users.csv", "files/002-users.csv"),
    ];
    assert_eq!(names, wanted);
    let declared = Declaration { path: "b/users.csv".into(), format: FileFormat::Csv };
    let files = TestFiles::load(std::slice::from_ref(&declared), &read.file_source()).unwrap();
    assert_eq!(files.row(0, 0).unwrap(), b"ann");
    let other = Declaration { path: "users.csv".into(), ..declared };
    let error = TestFiles::load(&[other], &read.file_source()).unwrap_err();
    assert!(error.to_string().contains("users.csv: the archive doesn't hold it"), "{error}");
}

#[test]
fn names_in_archives_are_harmless_whatever_the_paths() {
    for (path, name) in [
        ("/etc/..", "files/007-.."),
        ("C:\\data\\käse \n.csv", "files/007-k_se__.csv"),
        ("", "files/007-"),
        (&"x".repeat(100), &format!("files/007-{}", "x".repeat(64))),
    ] {
        assert_eq!(name_of(7, path), name);
    }
}

#[test]
fn compressed_archives_are_refused_by_name() {
    for (magic, name) in
        [(&b"\x1f\x8b\x08\0"[..], "gzip"), (b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")]
    {
        let error = refusal(magic.to_vec());
        assert!(looks_like(magic) && matches!(error, ArchiveError::Compressed(kind) if kind == name), "{error}");
    }
    assert!(looks_like(&bytes(&archive(&[]))) && !looks_like(COMPONENT) && !looks_like(b""));
}

#[test]
fn entries_are_those_of_the_metadata_in_their_order() {
    let whole = archive(&[("a.csv", "x\n1\n")]);
    let metadata = whole.metadata().to_json().unwrap();
    let file = ("files/000-a.csv", &b"x\n1\n"[..]);
    for entries in [
        &[][..],
        &[(SCRIPT, COMPONENT), (METADATA, &metadata), file],
        &[(METADATA, &metadata)],
        &[(METADATA, &metadata), file, (SCRIPT, COMPONENT)],
        &[(METADATA, &metadata), (SCRIPT, COMPONENT)],
        &[(METADATA, &metadata), (SCRIPT, COMPONENT), ("files/000-b.csv", b"x\n1\n")],
    ] {
        let error = refusal(tar(entries));
        assert!(matches!(error, ArchiveError::Entry { .. }), "{error}");
    }
    let error = refusal(tar(&[(METADATA, &metadata), (SCRIPT, COMPONENT), file, ("files/001-b", b"")]));
    assert!(matches!(&error, ArchiveError::Unknown(name) if name == "files/001-b"), "{error}");
    let error = refusal(tar(&[(METADATA, &metadata), (SCRIPT, COMPONENT), file, ("extra", b"")]));
    assert!(matches!(error, ArchiveError::Unknown(_)), "{error}");
}

#[test]
fn contents_are_those_of_the_metadata() {
    assert!(Archive::read(with_metadata(|_| {})).is_ok());
    for (pointer, value, what) in [
        ("/script/size", json!(3), "size"),
        ("/files/0/size", json!(3), "size"),
        ("/files/0/sha256", json!("0".repeat(64)), "digest"),
        ("/script/sha256", json!("0".repeat(64)), "digest"),
        ("/files/0/name", json!("files/000-b.csv"), "name"),
    ] {
        let error = refusal(with_metadata(|metadata| *metadata.pointer_mut(pointer).unwrap() = value));
        assert!(matches!(error, ArchiveError::Mismatch { what: found, .. } if found == what), "{pointer}: {error}");
    }
    let error =
        refusal(with_metadata(|metadata| metadata["files"] = json!([metadata["files"][0], metadata["files"][0]])));
    assert!(matches!(error, ArchiveError::SamePath(_)), "{error}");
}

#[test]
fn metadata_is_read_strictly() {
    let changes: [fn(&mut Value); 6] = [
        |metadata| metadata["more"] = json!(1),
        |metadata| metadata["script"]["more"] = json!(1),
        |metadata| metadata["files"][0]["more"] = json!(1),
        |metadata| metadata["env"] = json!({ "A": 1 }),
        |metadata| metadata["options"] = json!([]),
        |metadata| metadata["script"]["sha256"] = json!("abc"),
    ];
    for change in changes {
        let error = refusal(with_metadata(change));
        assert!(matches!(error, ArchiveError::Metadata(MetadataError::Shape(_))), "{error}");
    }
    for text in [&b""[..], b"{", b"null", b"\xff"] {
        let error = refusal(tar(&[(METADATA, text)]));
        assert!(matches!(error, ArchiveError::Metadata(MetadataError::Shape(_))), "{error}");
    }
    let deep = format!("{{\"format\": 1, \"throng\": \"1\", \"options\": {{\"a\": {}", "[".repeat(9_000));
    let error = refusal(tar(&[(METADATA, format!("{deep}{}}}}}", "]".repeat(9_000)).as_bytes())]));
    assert!(error.to_string().contains("recursion limit"), "{error}");
    let error = refusal(tar(&[(METADATA, &b" ".repeat(METADATA_BYTES_MAX + 1))]));
    assert!(matches!(error, ArchiveError::Metadata(MetadataError::TooLarge(_))), "{error}");
    let error = refusal(with_metadata(|metadata| *metadata = json!({ "format": 2, "throng": "7.0.0", "new": 1 })));
    assert!(error.to_string().contains("throng 7.0.0 in format 2"), "{error}");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let env = [("A".to_owned(), "x".repeat(METADATA_BYTES_MAX))].into();
    let made = Archive::new(("0.1.0", "0.1.0"), ("shop", COMPONENT.into()), Map::new(), env, Vec::new());
    assert!(matches!(made, Err(ArchiveError::Metadata(MetadataError::TooLarge(_)))));
}

proptest! {
    #[test]
    fn archives_are_read_as_they_were_made(
        component in prop::collection::vec(any::<u8>(), 0..2000),
        env in prop::collection::btree_map("[A-Z]{1,5}", ".{0,20}", 0..4),
        files in prop::collection::btree_map(".{0,80}", prop::collection::vec(any::<u8>(), 0..1500), 0..8),
        flipped in any::<prop::sample::Index>(),
    ) {
        let files = files.into_iter().map(|(path, bytes)| (path, Bytes::from(bytes))).collect();
        let archive = Archive::new(("0.1.0", "0.1.0"), ("a", component.into()), Map::new(), env, files).unwrap();
        let mut bytes = bytes(&archive);
        prop_assert_eq!(&Archive::read(bytes.clone()).unwrap(), &archive);
        // Whatever is changed is noticed, but for what the metadata says of options, variables and paths.
        let at = flipped.index(bytes.len());
        bytes[at] ^= 0x20;
        if let Ok(other) = Archive::read(bytes) {
            prop_assert_eq!(other.component(), archive.component());
            prop_assert_eq!(&other.files, &archive.files);
        }
    }

    #[test]
    fn any_bytes_are_an_archive_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Archive::read(bytes).is_err());
    }
}
