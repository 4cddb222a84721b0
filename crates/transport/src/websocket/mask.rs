//! Masking: RFC 6455 section 5.3.

/// Changes bytes between masked and plain; `offset` is that of their first one within the frame's payload.
pub(super) fn apply(key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    // As many bytes at a time as the machine's vectors have, which the compiler sees to.
    let shift = (offset % 4) as u32 * 8;
    let key = u32::from_ne_bytes(key);
    let key = if cfg!(target_endian = "little") { key.rotate_right(shift) } else { key.rotate_left(shift) };
    let wide = (u64::from(key) << 32 | u64::from(key)).to_ne_bytes();
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ u64::from_ne_bytes(wide)).to_ne_bytes();
    }
    rest.iter_mut().zip(wide).for_each(|(byte, mask)| *byte ^= mask);
}

/// Appends `bytes`, masked or unmasked.
pub(super) fn extend(out: &mut Vec<u8>, key: [u8; 4], offset: u64, bytes: &[u8]) {
    let start = out.len();
    out.extend_from_slice(bytes);
    apply(key, offset, &mut out[start..]);
}
