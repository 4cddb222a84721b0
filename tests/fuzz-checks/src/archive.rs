//! Archives of tests, and the tables in them.

use throng_archive::{Archive, Bytes, Declaration, FileFormat, FileSource, TestFiles, looks_like};

const PATH: &str = "data/rows.csv";

/// With an even first byte the rest is an archive as it is. With an odd one the rest is a data file, of the format that
/// the second byte chooses; it is packed, and the third and fourth byte spoil one byte of the archive.
pub fn archive(data: &[u8]) {
    match data {
        [kind, bytes @ ..] if kind & 1 == 0 => drop(read(bytes.to_vec())),
        [_, format, at, spoilt, file @ ..] => pack(*format, *at, *spoilt, file),
        _ => {}
    }
}

/// What is read is written so that the same is read again.
fn read(bytes: Vec<u8>) -> Option<Archive> {
    let looks = looks_like(&bytes);
    let archive = match Archive::read(bytes) {
        Ok(archive) => archive,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    assert!(looks, "it is one and doesn't look like it");
    assert_eq!(archive.metadata().script.size, archive.component().len() as u64);
    let again = Archive::read(write(&archive));
    assert_eq!(again.ok().as_ref(), Some(&archive), "once more");
    Some(archive)
}

fn write(archive: &Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(archive.write(&mut bytes).is_ok(), "memory takes all");
    bytes
}

fn pack(format: u8, at: u8, spoilt: u8, file: &[u8]) {
    let bytes = Bytes::copy_from_slice(file);
    let files = vec![(PATH.to_owned(), bytes.clone()), (format!("other/{at}"), Bytes::new())];
    let script = ("script", Bytes::from_static(b"\0asm"));
    let packed = match Archive::new(("0.1.0", "0.1.0"), script, Default::default(), Default::default(), files) {
        Ok(packed) => packed,
        Err(error) => panic!("it is small, but {error}"),
    };
    let mut written = write(&packed);
    assert_eq!(read(written.clone()).as_ref(), Some(&packed), "as it was packed");
    let source = packed.file_source();
    look(format, &source, &bytes);
    // Every part of it gets its turn: an archive of one file has some 5 KiB.
    let spoilt_at = usize::from(at) * written.len() / 256 + usize::from(spoilt) % 16;
    if let Some(byte) = written.get_mut(spoilt_at) {
        *byte ^= spoilt;
    }
    if let Some(archive) = read(written) {
        // Things may be called something else, and so come in another order, but data are what they were.
        assert_eq!(archive.component(), packed.component());
        assert_eq!(data(archive.file_source()), data(source));
    }
}

/// The files' bytes, in an order of their own.
fn data(source: FileSource) -> Vec<Bytes> {
    let FileSource::Archive(files) = source else { return Vec::new() };
    let mut data: Vec<_> = files.into_values().collect();
    data.sort();
    data
}

/// A file's rows are parts of it, one behind the other.
fn look(format: u8, source: &FileSource, bytes: &[u8]) {
    let format = [FileFormat::Raw, FileFormat::Csv, FileFormat::Json][usize::from(format) % 3];
    let declarations = [Declaration { path: PATH.to_owned(), format }];
    let files = match TestFiles::load(&declarations, source) {
        Ok(files) => files,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(files.size(0), Ok(bytes.len() as u64));
    let rows = files.rows(0).unwrap_or(0);
    let mut in_rows = 0;
    for index in 0..rows {
        match files.row(0, index) {
            Ok(row) => in_rows += row.len(),
            Err(error) => panic!("row {index} of {rows}: {error}"),
        }
    }
    assert!(in_rows <= bytes.len() && rows <= bytes.len() as u64, "{rows} rows of {in_rows} bytes");
    assert!(files.row(0, rows).is_err());
    assert!(files.row(0, u64::MAX).is_err() && files.row(1, 0).is_err());
    let half = bytes.len() / 2;
    assert_eq!(files.read(0, half as u64, (bytes.len() - half) as u32), Ok(&bytes[half..]));
    assert!(files.read(0, half as u64, bytes.len() as u32 + 1).is_err());
}
