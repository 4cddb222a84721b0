//! One connection's TLS without IO: records in, plaintext and records out.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::{ServerConfig, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{Error, HandshakeKind, ProtocolVersion};

use super::TlsInfo;
use super::client::ServerIdentity;
use super::error::{Stage, TlsError};
use super::options::TlsVersion;

/// Most bytes of records that wait for their rest. rustls allows handshake messages of 64 KiB, in records of 16 KiB.
const HELD_BYTES_MAX: usize = 128 * 1024;
/// A record's plaintext.
const RECORD_BYTES: usize = 16 * 1024;
/// More than a record's header, nonce, tag and type take.
const RECORD_OVERHEAD: usize = 40;
/// A record's header: type, version, length.
const HEADER_BYTES: usize = 5;
/// Most records that are sent for one error: an alert, and what was queued before it.
const LAST_WORDS_MAX: usize = 8;

/// Either side's state.
enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// Does the same with either side's connection, which is of different types.
macro_rules! either {
    ($side:expr, $connection:ident => $what:expr) => {
        match $side {
            Side::Client($connection) => $what,
            Side::Server($connection) => $what,
        }
    };
}

/// The state of one connection.
pub(crate) struct Session {
    side: Side,
    /// An incomplete record or handshake message; without memory while there is none.
    held: Vec<u8>,
    /// Records to be sent.
    out: Vec<u8>,
    /// Plaintext that came with the handshake's last records.
    early: Vec<u8>,
    info: Option<TlsInfo>,
    spoke_tls: bool,
    ended: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Session {
    /// A client's; its first records wait to be sent.
    pub(crate) fn client(server: &ServerIdentity) -> Result<Self, TlsError> {
        let connection = UnbufferedClientConnection::new(Arc::clone(&server.config), server.name.clone());
        let mut session = Self::new(Side::Client(connection.map_err(TlsError::Protocol)?));
        session.advance(&mut [])?;
        Ok(session)
    }

    /// A server's.
    pub(crate) fn server(config: &Arc<ServerConfig>) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(Arc::clone(config)).map_err(TlsError::Protocol)?;
        Ok(Self::new(Side::Server(connection)))
    }

    fn new(side: Side) -> Self {
        Self { side, held: Vec::new(), out: Vec::new(), early: Vec::new(), info: None, spoke_tls: false, ended: false }
    }

    /// What the handshake came to, once it is complete.
    pub(crate) fn info(&self) -> Option<TlsInfo> {
        self.info
    }

    /// Whether the peer has said that it sends nothing more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Records that are to be sent now; empty if none are.
    pub(crate) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Plaintext that came before anyone could read it.
    pub(crate) fn take_early(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.early)
    }

    /// Whether there is such plaintext.
    pub(crate) fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Takes received bytes during the handshake.
    pub(crate) fn advance(&mut self, bytes: &mut [u8]) -> Result<(), TlsError> {
        let mut early = std::mem::take(&mut self.early);
        let result = self.receive(bytes, |plaintext| early.extend_from_slice(plaintext));
        self.early = early;
        result
    }

    /// Takes received bytes and calls `read` with the plaintext of every record that they complete; they are
    /// decrypted where they lie. May leave records to be sent, after an error too.
    ///
    /// # Errors
    /// When the peer broke the protocol, sent an alert, or isn't believed. The connection is of no use then.
    pub(crate) fn receive(&mut self, bytes: &mut [u8], mut read: impl FnMut(&[u8])) -> Result<(), TlsError> {
        if self.ended {
            // RFC 8446 section 6.1: what follows close_notify is ignored.
            return Ok(());
        }
        if self.held.is_empty() {
            let consumed = self.process(bytes, &mut read)?;
            return self.hold(&bytes[consumed..]);
        }
        self.hold(bytes)?;
        let mut held = std::mem::take(&mut self.held);
        let consumed = self.process(&mut held, &mut read)?;
        if consumed < held.len() {
            held.drain(..consumed);
            self.held = held;
        }
        Ok(())
    }

    /// The connection has ended before the handshake did.
    pub(crate) fn cut_off(&self) -> TlsError {
        // Types of records: 20 to 23.
        match self.held.first() {
            Some(first) if !self.spoke_tls && !(20..=23).contains(first) => TlsError::NotTls,
            _ => TlsError::CutOff,
        }
    }

    fn stage(&self) -> Stage {
        match self.info {
            Some(_) => Stage::Traffic,
            None if self.spoke_tls => Stage::Handshake,
            None => Stage::Silence,
        }
    }

    fn hold(&mut self, rest: &[u8]) -> Result<(), TlsError> {
        if rest.is_empty() || self.ended {
            return Ok(());
        }
        if self.held.len() + rest.len() > HELD_BYTES_MAX {
            return Err(TlsError::MessageTooLong(HELD_BYTES_MAX));
        }
        if self.held.is_empty() {
            // Room for the whole record, so that it is moved once.
            let length =
                rest.get(3..HEADER_BYTES).map_or(0, |length| usize::from(length[0]) << 8 | usize::from(length[1]));
            self.held.reserve(HEADER_BYTES + length);
        }
        self.held.extend_from_slice(rest);
        Ok(())
    }

    /// Processes whole records; returns how many bytes they were.
    fn process(&mut self, bytes: &mut [u8], read: &mut dyn FnMut(&[u8])) -> Result<usize, TlsError> {
        let mut consumed = 0;
        loop {
            let rest = &mut bytes[consumed..];
            let out = &mut self.out;
            let (discard, step) =
                either!(&mut self.side, connection => step(connection.process_tls_records(rest), out, read));
            consumed += discard;
            self.spoke_tls |= discard > 0;
            match step {
                Step::Again => {}
                Step::Ended => self.ended = true,
                Step::Wait => {
                    self.note_handshake();
                    return Ok(consumed);
                }
                Step::Failed(error) => {
                    self.say_last_words(&mut bytes[consumed..]);
                    return Err(TlsError::of(error, self.stage()));
                }
            }
        }
    }

    /// After an error there may be an alert to send.
    fn say_last_words(&mut self, rest: &mut [u8]) {
        for _ in 0..LAST_WORDS_MAX {
            let out = &mut self.out;
            let before = out.len();
            let _ = either!(&mut self.side, connection => {
                step(connection.process_tls_records(rest), out, &mut |_| {})
            });
            if self.out.len() == before {
                return;
            }
        }
    }

    fn note_handshake(&mut self) {
        if self.info.is_some() {
            return;
        }
        let (handshaking, version, kind) = either!(&self.side, connection => {
            (connection.is_handshaking(), connection.protocol_version(), connection.handshake_kind())
        });
        if handshaking {
            return;
        }
        let version = if version == Some(ProtocolVersion::TLSv1_3) { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
        self.info = Some(TlsInfo { version, resumed: kind == Some(HandshakeKind::Resumed) });
    }

    /// Encrypts bytes behind what is to be sent already.
    ///
    /// # Errors
    /// When the keys are used up, which takes very long, or the connection is of no use.
    pub(crate) fn encrypt(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        if plaintext.is_empty() {
            return Ok(());
        }
        let records = plaintext.len().div_ceil(RECORD_BYTES);
        self.write(Wanted::Data(plaintext), plaintext.len() + records * RECORD_OVERHEAD)
    }

    /// Tells the peer that nothing more comes.
    ///
    /// # Errors
    /// As `encrypt`.
    pub(crate) fn end(&mut self) -> Result<(), TlsError> {
        self.write(Wanted::End, RECORD_OVERHEAD)
    }

    fn write(&mut self, wanted: Wanted<'_>, mut room: usize) -> Result<(), TlsError> {
        loop {
            let (held, out) = (&mut self.held, &mut self.out);
            let (discard, written) =
                either!(&mut self.side, connection => write(connection.process_tls_records(held), out, wanted, room));
            // Nothing, since what is held is incomplete; but if it were something, it had to go.
            self.held.drain(..discard);
            match written {
                Written::All => return Ok(()),
                Written::Again => {}
                Written::NeedsRoom(needed) => room = needed,
                Written::Failed(error) => return Err(TlsError::of(error, self.stage())),
            }
        }
    }
}

/// What came of one look at a connection's state.
enum Step {
    /// There may be more.
    Again,
    /// Not without further bytes.
    Wait,
    /// The peer sends nothing more.
    Ended,
    Failed(Error),
}

fn step<D>(status: UnbufferedStatus<'_, '_, D>, out: &mut Vec<u8>, read: &mut dyn FnMut(&[u8])) -> (usize, Step) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Ok(state) => take(state, &mut discard, out, read),
        Err(error) => Step::Failed(error),
    };
    (discard, step)
}

fn take<D>(
    state: ConnectionState<'_, '_, D>,
    discard: &mut usize,
    out: &mut Vec<u8>,
    read: &mut dyn FnMut(&[u8]),
) -> Step {
    match state {
        ConnectionState::ReadTraffic(mut records) => {
            while let Some(record) = records.next_record() {
                match record {
                    Ok(record) => {
                        *discard += record.discard;
                        read(record.payload);
                    }
                    Err(error) => return Step::Failed(error),
                }
            }
            Step::Again
        }
        ConnectionState::EncodeTlsData(mut records) => {
            // Asked with no room it says how much it needs.
            let start = out.len();
            if let Err(EncodeError::InsufficientSize(needed)) = records.encode(&mut []) {
                out.resize(start + needed.required_size, 0);
                if records.encode(&mut out[start..]).is_err() {
                    out.truncate(start);
                }
            }
            Step::Again
        }
        ConnectionState::TransmitTlsData(records) => {
            // They are in `out`, whose owner sends it.
            records.done();
            Step::Again
        }
        ConnectionState::PeerClosed => Step::Ended,
        ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) | ConnectionState::Closed => Step::Wait,
        // Early data, which no configuration of ours offers or takes, and states that rustls may add.
        _ => Step::Failed(Error::General("an unexpected state of the connection".into())),
    }
}

/// What is to be sent.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Data(&'a [u8]),
    End,
}

/// What came of sending it.
enum Written {
    All,
    /// There was something to do before.
    Again,
    NeedsRoom(usize),
    Failed(Error),
}

fn write<D>(
    status: UnbufferedStatus<'_, '_, D>,
    out: &mut Vec<u8>,
    wanted: Wanted<'_>,
    room: usize,
) -> (usize, Written) {
    let UnbufferedStatus { mut discard, state } = status;
    let mut writer = match state {
        Ok(ConnectionState::WriteTraffic(writer)) => writer,
        Ok(state) => {
            let written = match take(state, &mut discard, out, &mut |_| {}) {
                Step::Again | Step::Ended => Written::Again,
                Step::Wait => Written::Failed(Error::HandshakeNotComplete),
                Step::Failed(error) => Written::Failed(error),
            };
            return (discard, written);
        }
        Err(error) => return (discard, Written::Failed(error)),
    };
    let start = out.len();
    if start == 0 {
        // Zeroed memory of the allocator is cheaper than zeroing it.
        *out = vec![0; room];
    } else {
        out.resize(start + room, 0);
    }
    let written = match wanted {
        Wanted::Data(plaintext) => writer.encrypt(plaintext, &mut out[start..]),
        Wanted::End => writer.queue_close_notify(&mut out[start..]),
    };
    out.truncate(start + written.as_ref().copied().unwrap_or(0));
    let written = match written {
        Ok(_) => Written::All,
        Err(EncryptError::InsufficientSize(needed)) if needed.required_size > room => {
            Written::NeedsRoom(needed.required_size)
        }
        Err(_) => Written::Failed(Error::EncryptError),
    };
    (discard, written)
}
