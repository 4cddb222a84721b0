//! permessage-deflate: RFC 7692 section 7.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::violation::Violation;

/// What a message's last block would end with: RFC 7692 section 7.2.1 takes it away.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// The largest window, and what DEFLATE has where nothing else is agreed.
pub(super) const WINDOW_BITS_MAX: u8 = 15;
/// The smallest one of RFC 7692, and the smallest one that zlib compresses with.
pub(super) const WINDOW_BITS_MIN: u8 = 8;
const COMPRESSED_BITS_MIN: u8 = 9;
/// Bytes that are made room for at a time.
const ROOM: usize = 4096;

/// What both ends have agreed on, from the view of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// Whether what this end sends may refer to messages before.
    pub sends_with_context: bool,
    /// The same of what it receives.
    pub receives_with_context: bool,
    /// The window of what it sends: 2 to this power bytes; 8 to 15.
    pub send_window_bits: u8,
    /// The window of what it receives.
    pub receive_window_bits: u8,
}

impl Deflate {
    /// About what this end holds for a connection, from its first compressed message on. A direction without context costs
    /// nothing, since all connections of an endpoint share what it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        // By zlib's own sizes, not measured: twice the window and its chains, hashes, and 16,384 symbols of 5 bytes.
        let compress = (4usize << self.send_window_bits) + (208 << 10);
        let decompress = (1usize << self.receive_window_bits) + (15 << 10);
        let sends = self.sends_with_context && self.send_window_bits >= COMPRESSED_BITS_MIN;
        usize::from(sends) * compress + usize::from(self.receives_with_context) * decompress
    }
}

/// What connections without context use in turn.
#[derive(Default)]
pub(super) struct Spare {
    compress: Option<(u8, Compress)>,
    decompress: Option<(u8, Decompress)>,
    /// What was compressed last.
    out: Vec<u8>,
}

impl fmt::Debug for Spare {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Spare").finish_non_exhaustive()
    }
}

/// The sending side.
#[derive(Debug)]
pub(super) struct Compressor {
    deflate: Deflate,
    /// Made by the first message; none without context.
    own: Option<Compress>,
}

impl Compressor {
    /// None where the window is smaller than what zlib can: then messages are sent as they are, which is always allowed.
    pub(super) fn new(deflate: Deflate) -> Option<Self> {
        (deflate.send_window_bits >= COMPRESSED_BITS_MIN).then_some(Self { deflate, own: None })
    }

    /// Compresses a message that isn't empty.
    pub(super) fn compress<'a>(&mut self, spare: &'a mut Spare, payload: &[u8]) -> &'a [u8] {
        let bits = self.deflate.send_window_bits;
        let make = || Compress::new_with_window_bits(Compression::fast(), false, bits);
        let Spare { compress, out, .. } = spare;
        let compress = if self.deflate.sends_with_context {
            self.own.get_or_insert_with(make)
        } else {
            let (known, compress) = compress.get_or_insert_with(|| (bits, make()));
            if *known == bits {
                compress.reset();
            } else {
                (*known, *compress) = (bits, make());
            }
            compress
        };
        out.clear();
        let before = compress.total_in();
        loop {
            out.reserve(payload.len() / 2 + ROOM);
            let done = (compress.total_in() - before) as usize;
            // The window is made for any input, and what is passed is in order: no error is left.
            let status = compress.compress_vec(&payload[done..], out, FlushCompress::Sync);
            let is_complete = out.len() < out.capacity() && compress.total_in() - before == payload.len() as u64;
            if is_complete || status.is_err() {
                break;
            }
        }
        out.strip_suffix(&TAIL).unwrap_or(out)
    }
}

/// The receiving side.
#[derive(Debug)]
pub(super) struct Inflater {
    deflate: Deflate,
    /// Made by the first message; none without context.
    own: Option<Box<Decompress>>,
}

impl Inflater {
    pub(super) fn new(deflate: Deflate) -> Self {
        Self { deflate, own: None }
    }

    /// Appends the message to `out`, of at most `bytes_max` bytes: nothing is decompressed beyond them.
    pub(super) fn inflate(
        &mut self,
        spare: &mut Spare,
        payload: &[u8],
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let bits = self.deflate.receive_window_bits.max(COMPRESSED_BITS_MIN);
        let make = || Decompress::new_with_window_bits(false, bits);
        let decompress = if self.deflate.receives_with_context {
            &mut **self.own.get_or_insert_with(|| Box::new(make()))
        } else {
            let (known, decompress) = spare.decompress.get_or_insert_with(|| (bits, make()));
            if *known == bits {
                decompress.reset(false);
            } else {
                (*known, *decompress) = (bits, make());
            }
            decompress
        };
        for part in [payload, &TAIL] {
            inflate_part(decompress, part, bytes_max, out)?;
        }
        Ok(())
    }
}

fn inflate_part(
    decompress: &mut Decompress,
    mut input: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), Violation> {
    loop {
        // One byte beyond the limit shows that there are more.
        let room = (bytes_max + 1 - out.len()).min((2 * input.len()).max(ROOM));
        let start = out.len();
        out.resize(start + room, 0);
        let (before_in, before_out) = (decompress.total_in(), decompress.total_out());
        let status = decompress.decompress(input, &mut out[start..], FlushDecompress::Sync);
        let made = (decompress.total_out() - before_out) as usize;
        out.truncate(start + made);
        input = &input[(decompress.total_in() - before_in) as usize..];
        if out.len() > bytes_max {
            return Err(Violation::MessageTooLong(bytes_max));
        }
        match status.map_err(|_| Violation::Compression)? {
            // RFC 7692 section 7.2.3.4: a block may say that it is the last one, and others follow.
            Status::StreamEnd => {
                decompress.reset(false);
                let recent = &out[out.len().saturating_sub(1 << WINDOW_BITS_MAX)..];
                decompress.set_dictionary(recent).map_err(|_| Violation::Compression)?;
                if input.is_empty() {
                    return Ok(());
                }
            }
            Status::Ok | Status::BufError if input.is_empty() && made < room => return Ok(()),
            Status::BufError if made == 0 => return Err(Violation::Compression),
            Status::Ok | Status::BufError => {}
        }
    }
}
