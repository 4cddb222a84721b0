//! Frames out.

use super::close::Close;
use super::deflate::{Compressor, Deflate};
use super::frame::{CONTROL_BYTES_MAX, Control, HEAD_BYTES_MAX, Head, Kind, Opcode};
use super::mask;
use super::rules::{Role, Rules};

/// One connection's sending side.
#[derive(Debug, Default)]
pub struct Writer {
    /// None unless permessage-deflate is agreed.
    compressor: Option<Box<Compressor>>,
}

impl Writer {
    /// Without compression.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    /// One that compresses as agreed.
    #[must_use]
    pub fn deflate(deflate: Deflate) -> Self {
        Self { compressor: Compressor::new(deflate).map(Box::new) }
    }

    /// Appends a message as one frame. A client's is masked with these bits, which are to be random; a server's isn't.
    pub fn write(&mut self, rules: &Rules, kind: Kind, payload: &[u8], mask: u32, out: &mut Vec<u8>) {
        match &mut self.compressor {
            // An empty message has nothing to compress; that some aren't is allowed (RFC 7692 section 6).
            Some(compressor) if !payload.is_empty() => {
                let mut spare = rules.spare.borrow_mut();
                let compressed = compressor.compress(&mut spare, payload);
                append(rules, Opcode::Data(kind), (true, true), compressed, mask, out);
            }
            _ => append(rules, Opcode::Data(kind), (true, false), payload, mask, out),
        }
    }
}

/// Appends one frame of a message that isn't compressed: its first one, unless it `continues`, and its last one if it is
/// `last`.
#[cfg(test)]
pub(super) fn write_frame(
    rules: &Rules,
    kind: Kind,
    (continues, last): (bool, bool),
    payload: &[u8],
    mask: u32,
    out: &mut Vec<u8>,
) {
    let opcode = if continues { Opcode::Continuation } else { Opcode::Data(kind) };
    append(rules, opcode, (last, false), payload, mask, out);
}

/// Appends a control frame; its payload is cut at [`CONTROL_BYTES_MAX`].
pub fn write_control(rules: &Rules, control: Control, payload: &[u8], mask: u32, out: &mut Vec<u8>) {
    let payload = &payload[..payload.len().min(CONTROL_BYTES_MAX)];
    append(rules, Opcode::Control(control), (true, false), payload, mask, out);
}

/// Appends a close frame; a reason that is too long is cut.
pub fn write_close(rules: &Rules, close: Option<Close<'_>>, mask: u32, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    if let Some(close) = close {
        close.encode(&mut payload);
    }
    write_control(rules, Control::Close, &payload, mask, out);
}

fn append(
    rules: &Rules,
    opcode: Opcode,
    (last, compressed): (bool, bool),
    payload: &[u8],
    mask: u32,
    out: &mut Vec<u8>,
) {
    let mask = (rules.role == Role::Client).then(|| mask.to_ne_bytes());
    out.reserve(HEAD_BYTES_MAX + payload.len());
    Head { last, compressed, opcode, length: payload.len() as u64, mask }.write(out);
    match mask {
        Some(key) => mask::extend(out, key, 0, payload),
        None => out.extend_from_slice(payload),
    }
}
