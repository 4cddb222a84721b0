//! Secrets of sessions in a file, so that a capture can be read: the format of `SSLKEYLOGFILE`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustls::KeyLog;

#[derive(Debug)]
pub(super) struct KeyLogFile(File);

impl KeyLogFile {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        File::options().append(true).create(true).open(path).map(Self)
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::with_capacity(label.len() + 2 * (client_random.len() + secret.len()) + 3);
        line.push_str(label);
        for bytes in [client_random, secret] {
            line.push(' ');
            for byte in bytes {
                // Writing to a string can't fail.
                let _ = write!(line, "{byte:02x}");
            }
        }
        line.push('\n');
        // One write a line, so that those of several shards stay whole. A full disk costs the log, not the load.
        let _ = (&self.0).write_all(line.as_bytes());
    }
}
