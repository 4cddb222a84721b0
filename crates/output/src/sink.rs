//! Where bytes go.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::spec::Destination;

/// An open destination.
pub(crate) enum Sink {
    Plain(Box<dyn Write + Send>),
    /// A file whose name ends in `.gz`.
    Gzip(Box<GzEncoder<File>>),
}

impl Sink {
    /// Opens it. A named pipe makes this wait for its reader.
    pub(crate) fn open(destination: &Destination) -> io::Result<Self> {
        match destination {
            Destination::Stdout => Ok(Self::Plain(Box::new(io::stdout()))),
            Destination::File(path) => {
                let file = File::create(path)?;
                Ok(if is_gzip(path) {
                    Self::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
                } else {
                    Self::Plain(Box::new(file))
                })
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.write_all(bytes),
            Self::Gzip(gzip) => gzip.write_all(bytes),
        }
    }

    /// Writes what is left over, such as the end of the compressed data.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut plain) => plain.flush(),
            Self::Gzip(gzip) => gzip.finish()?.flush(),
        }
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}
