//! Files with secrets: made for their owner alone, and never written over.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a directory for its owner alone, if it isn't there.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for its owner alone, which must not be there.
pub(crate) fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes two files, or none.
pub(crate) fn make_both(first: (&Path, &str), second: (&Path, &str)) -> Result<(), (std::path::PathBuf, io::Error)> {
    make(first.0, first.1).map_err(|error| (first.0.to_owned(), error))?;
    make(second.0, second.1).map_err(|error| {
        // It was made just now, and is of no use alone.
        let _ = std::fs::remove_file(first.0);
        (second.0.to_owned(), error)
    })
}
