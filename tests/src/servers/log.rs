//! A server's log: one line per request, `request STATUS NUMBER`, where NUMBER counts on each connection.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// What a server's log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// Requests that were answered by 200.
    pub ok: u64,
    /// All other requests.
    pub others: u64,
    /// Connections that had a request.
    pub connections: u64,
}

impl Logged {
    /// Counts the lines of a file. Those that tell of something else than a request are passed over.
    pub(super) fn read(path: &Path, counted_from: u64) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut logged = Self::default();
        for line in BufReader::with_capacity(1 << 20, file).lines() {
            let line = line?;
            let Some(request) = line.strip_prefix("request ") else { continue };
            let (status, number) = request.split_once(' ').with_context(|| line.clone())?;
            let number: u64 = number.trim().parse().with_context(|| line.clone())?;
            ensure!(number >= counted_from, "requests of a connection are counted from {counted_from}: {line}");
            *(if status == "200" { &mut logged.ok } else { &mut logged.others }) += 1;
            logged.connections += u64::from(number == counted_from);
        }
        Ok(logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_connections_are_counted_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "request 200 1\nstarted\nrequest 200 2\nrequest 200 1\nrequest 503 3\n").unwrap();
        let logged = Logged::read(&path, 1).unwrap();
        assert_eq!(logged, Logged { ok: 3, others: 1, connections: 2 });
        assert!(Logged::read(&path, 2).is_err());
        std::fs::write(&path, "request 200\n").unwrap();
        assert!(Logged::read(&path, 1).is_err());
    }
}
