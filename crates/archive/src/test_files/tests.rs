use std::fs;

use super::*;

fn declare(path: &str, format: FileFormat) -> Declaration {
    Declaration { path: path.to_owned(), format }
}

#[test]
fn files_are_given_by_number_in_the_order_of_their_declaration() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("scripts")).unwrap();
    fs::write(directory.path().join("users.csv"), "name,age\nann,3\nbob,4\n").unwrap();
    fs::write(directory.path().join("scripts/list.json"), "[1, 2]").unwrap();
    let absolute = directory.path().join("users.csv");
    let source = FileSource::Directory(directory.path().join("scripts"));
    let files = TestFiles::load(
        &[
            declare("../users.csv", FileFormat::Csv),
            declare("list.json", FileFormat::Json),
            declare(absolute.to_str().unwrap(), FileFormat::Raw),
            declare("../users.csv", FileFormat::Raw),
        ],
        &source,
    )
    .unwrap();
    assert_eq!(files.header(0).unwrap(), ["name", "age"]);
    assert_eq!((files.rows(0), files.row(0, 1)), (Ok(2), Ok(&b"bob,4"[..])));
    assert_eq!((files.rows(1), files.row(1, 1)), (Ok(2), Ok(&b"2"[..])));
    assert_eq!((files.size(2), files.read(2, 9, 5)), (Ok(21), Ok(&b"ann,3"[..])));
    assert_eq!(files.read(0, 21, 0), Ok(&b""[..]));
    assert_eq!(files.0[0].bytes.as_ptr(), files.0[3].bytes.as_ptr(), "a file in two formats is in memory once");
    assert_eq!(files.by_path().len(), 3);
    let told = serde_json::to_value(files.summaries()).unwrap();
    let sha256 = "3a316d6d3226f84c1e46e4447fa8d5fd800bff4a1bc6498152523cd4a602b69b";
    let list = serde_json::json!({"path": "list.json", "format": "json", "bytes": 6, "rows": 2, "sha256": sha256});
    assert_eq!((&told[1], &told[3]["rows"]), (&list, &serde_json::Value::Null));
}

#[test]
fn what_is_not_there_is_told_by_name() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.csv", "b.json", "c"] {
        fs::write(directory.path().join(name), "[1]").unwrap();
    }
    let source = FileSource::Directory(directory.path().to_owned());
    let declared =
        [declare("a.csv", FileFormat::Csv), declare("b.json", FileFormat::Json), declare("c", FileFormat::Raw)];
    let files = TestFiles::load(&declared, &source).unwrap();
    for (refused, wanted) in [
        (files.size(3), "no data file 3: the script declares 3"),
        (files.rows(2), "c is declared as raw bytes: it has no rows"),
        (files.row(1, 1).map(|_| 0), "b.json has 1 rows, and none of number 1"),
        (files.row(1, u64::MAX).map(|_| 0), "b.json has 1 rows, and none of number"),
        (files.row(0, 0).map(|_| 0), "a.csv has 0 rows"),
        (files.header(1).map(|_| 0), "b.json isn't declared as CSV"),
        (files.read(2, 2, 2).map(|_| 0), "c has 3 bytes, not 2 from byte 2 on"),
        (files.read(2, u64::MAX, 1).map(|_| 0), "c has 3 bytes, not 1 from byte"),
        (files.read(2, 0, READ_BYTES_MAX + 1).map(|_| 0), "over the limit of 16777216"),
        (TestFiles::default().size(0), "there is no data file 0: the script declares 0"),
    ] {
        let refused = refused.unwrap_err();
        assert!(refused.contains(wanted), "{refused}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("latin.csv"), b"name\nann\nk\xe4se\n").unwrap();
    fs::write(at("short.csv"), "a,b\n1\n").unwrap();
    fs::write(at("object.json"), "{}").unwrap();
    make_pipe(&at("pipe"));
    let names = [
        ("missing.csv", FileFormat::Csv, "missing.csv: it can't be read at "),
        ("directory", FileFormat::Raw, "is no regular file"),
        ("pipe", FileFormat::Raw, "is no regular file"),
        ("/dev/zero", FileFormat::Raw, "/dev/zero is no regular file"),
        ("latin.csv", FileFormat::Csv, "latin.csv: line 3, byte 11 of the file: not UTF-8; convert it"),
        ("short.csv", FileFormat::Csv, "short.csv: line 2, byte 5 of the file: 1 fields"),
        ("object.json", FileFormat::Json, "object.json: it isn't a JSON array"),
    ];
    let declared: Vec<_> = names.iter().map(|(name, format, _)| declare(name, *format)).collect();
    let errors = TestFiles::load(&declared, &FileSource::Directory(directory.path().to_owned())).unwrap_err();
    let text = errors.to_string();
    assert!(text.starts_with("7 data files can't be used:\n  - "), "{text}");
    for (error, (_, _, wanted)) in errors.0.iter().zip(names) {
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

fn make_pipe(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn the_size_of_all_files_and_their_number_are_limited() {
    let directory = tempfile::tempdir().unwrap();
    let large = fs::File::create(directory.path().join("large")).unwrap();
    // It has no blocks, and isn't read.
    large.set_len(FILES_BYTES_MAX).unwrap();
    fs::write(directory.path().join("a"), "x").unwrap();
    let source = FileSource::Directory(directory.path().to_owned());
    let both = [declare("a", FileFormat::Raw), declare("large", FileFormat::Raw)];
    let error = TestFiles::load(&both, &source).unwrap_err().to_string();
    assert!(
        error.contains("large: with it the test's data files have 1073741825 bytes, and at most 1073741824"),
        "{error}"
    );

    let many: Vec<_> = (0..FILES_MAX + 5).map(|_| declare("a", FileFormat::Raw)).collect();
    assert!(TestFiles::load(&many[..FILES_MAX], &source).is_ok());
    let errors = TestFiles::load(&many, &source).unwrap_err();
    assert_eq!(errors.to_string(), "a data file can't be used: a: a test has at most 256 data files: join some");
}
