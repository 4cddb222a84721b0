//! Open connections.

use super::Error;
use super::reading::Unread;
use crate::bindings::throng::script::tcp as host;
use crate::checks;
use crate::network_error::{CODE_OTHER, CODE_TIMEOUT};
use crate::time::{Instant, nanoseconds, now};
use std::io;
use std::time::Duration;

/// How long calls may take unless [`TcpSocket::set_timeout`] says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes that one call takes from the host.
const RECEIVE_BYTES_MAX: u32 = 256 << 10;
/// Most bytes that come before a delimiter.
const UNTIL_BYTES_MAX: usize = 16 << 20;

/// A TCP connection. Dropping it closes it, once what was sent has gone, without waiting for that.
///
/// It is a [`Read`](io::Read) and a [`Write`](io::Write) too, for parsers that others wrote.
#[derive(Debug)]
pub struct TcpSocket {
    number: host::Socket,
    timeout: Duration,
    /// What has come, and hasn't been asked for.
    unread: Unread,
}

impl TcpSocket {
    pub(super) fn of(number: host::Socket) -> Self {
        Self { number, timeout: TIMEOUT, unread: Unread::default() }
    }

    /// How long sending, and each of the calls that read something whole, may take from here on; 60 s unless said.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Sends bytes. Waits only where the peer lags behind by more than 256 KiB. That the connection is broken may show at
    /// a later call.
    ///
    /// # Errors
    ///
    /// When the connection is of no use any more, or the peer doesn't catch up in time.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        Ok(host::send(self.number, bytes.as_ref(), Some(nanoseconds(self.timeout)))?)
    }

    /// Takes what has come, as much as there is, waiting for the first of it for at most this long. None when that was too
    /// short; no bytes when the peer has sent its last.
    ///
    /// # Errors
    ///
    /// When the connection has broken, and all that came before was received.
    pub fn receive(&mut self, limit: Duration) -> Result<Option<Vec<u8>>, Error> {
        if !self.unread.is_empty() {
            return Ok(Some(self.unread.take_all()));
        }
        checks::flush();
        Ok(host::receive(self.number, RECEIVE_BYTES_MAX, Some(nanoseconds(limit)))?)
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    ///
    /// When they don't come in time, the peer sends its last before, or the connection breaks. What has come until then may
    /// still be read.
    pub fn read_exact(&mut self, count: usize) -> Result<Vec<u8>, Error> {
        self.fill(|unread| (unread.len() >= count).then_some(count), || format!("{count} bytes"))
    }

    /// Reads until the first of these delimiters, which is the end of what is returned.
    ///
    /// # Errors
    ///
    /// As `read_exact`; and when there is none within 16 MiB.
    ///
    /// # Panics
    ///
    /// When the delimiter is empty.
    #[track_caller]
    pub fn read_until(&mut self, delimiter: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let delimiter = delimiter.as_ref();
        assert!(!delimiter.is_empty(), "an empty delimiter delimits nothing");
        let mut searched = 0;
        self.fill(
            |unread| unread.find(delimiter, &mut searched),
            || format!("{:?}", String::from_utf8_lossy(delimiter)),
        )
    }

    /// Reads a line, without its end, which is LF or CR LF.
    ///
    /// # Errors
    ///
    /// As `read_until`; and when it isn't UTF-8.
    pub fn read_line(&mut self) -> Result<String, Error> {
        let mut searched = 0;
        let mut line = self.fill(|unread| unread.find(b"\n", &mut searched), || "a line".to_owned())?;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(|error| Error::new(CODE_OTHER, format!("the line isn't text: {error}")))
    }

    /// Reads until the peer has sent its last.
    ///
    /// # Errors
    ///
    /// When that doesn't come in time, or the connection breaks.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>, Error> {
        let began = now();
        while self.more(began, || "the end".to_owned())? {}
        Ok(self.unread.take_all())
    }

    /// Tells the peer that nothing more comes, once all that was sent has gone. Receiving goes on.
    ///
    /// # Errors
    ///
    /// When the connection is of no use any more, or the peer doesn't catch up in time.
    pub fn end_sending(&mut self) -> Result<(), Error> {
        checks::flush();
        Ok(host::end_sending(self.number, Some(nanoseconds(self.timeout)))?)
    }

    /// Closes the connection, once what was sent has gone. The same as dropping it.
    pub fn close(self) {}

    /// Breaks the connection off with a reset, as a client that crashes may.
    pub fn reset(self) {
        host::reset(self.number);
    }

    /// Reads until `find` says how many bytes are what is looked for.
    fn fill(
        &mut self,
        mut find: impl FnMut(&Unread) -> Option<usize>,
        what: impl Fn() -> String,
    ) -> Result<Vec<u8>, Error> {
        let began = now();
        loop {
            if let Some(count) = find(&self.unread) {
                return Ok(self.unread.take(count));
            }
            if self.unread.len() >= UNTIL_BYTES_MAX {
                let message = format!("{} bytes came without {}", self.unread.len(), what());
                return Err(Error::new(CODE_OTHER, message));
            }
            if !self.more(began, &what)? {
                let message = format!("the peer has ended sending after {} bytes of {}", self.unread.len(), what());
                return Err(Error::new(CODE_OTHER, message));
            }
        }
    }

    /// Receives more, for a call that has begun then; false when nothing more comes.
    fn more(&mut self, began: Instant, what: impl Fn() -> String) -> Result<bool, Error> {
        checks::flush();
        let left = self.timeout.saturating_sub(began.elapsed());
        match host::receive(self.number, RECEIVE_BYTES_MAX, Some(nanoseconds(left)))? {
            Some(bytes) => {
                self.unread.put(&bytes);
                Ok(!bytes.is_empty())
            }
            None => {
                let count = self.unread.len();
                let message = format!("{} didn't come within {:?}, {count} bytes did", what(), self.timeout);
                Err(Error::new(CODE_TIMEOUT, message))
            }
        }
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        host::drop_socket(self.number);
    }
}

impl io::Read for TcpSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.unread.is_empty() {
            let began = now();
            self.more(began, || "a byte".to_owned())?;
        }
        Ok(self.unread.copy_to(buffer))
    }
}

impl io::Write for TcpSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)?;
        Ok(bytes.len())
    }

    /// Does nothing, since what was written is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
