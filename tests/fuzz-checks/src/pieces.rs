//! Ways to cut bytes into pieces, as a network might.

/// The bytes in pieces of 1 to 16 bytes that follow from `seed`.
pub(crate) fn uneven(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        // Numerical Recipes' generator: its upper bits are good enough for lengths.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at(rest.len().min(1 + (state >> 28) as usize));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
