//! The process's own randomness, from the seed.
//!
//! Libraries draw numbers by themselves: the order of hash maps, tokio's `select!`. All of them come from `getrandom`,
//! which the standard library leaves open to be replaced by the program. With these, one seed gives one trace without
//! another build of all libraries (`--cfg tokio_unstable` would need one).

#![expect(unsafe_code, reason = "a function of the C library is replaced")]

use std::sync::atomic::{AtomicU64, Ordering};

static STATE: AtomicU64 = AtomicU64::new(0);

/// Has all numbers from here on come from a seed. What was drawn before, did not.
pub(crate) fn seed(seed: u64) {
    STATE.store(seed ^ 0x5851_f42d_4c95_7f2d, Ordering::SeqCst);
}

fn next() -> u8 {
    let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
    let mixed = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed.to_be_bytes()[0]
}

/// In place of the C library's function of this name: bytes that follow from the seed.
///
/// # Safety
/// `buffer` has to be writable for `bytes` bytes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(buffer: *mut u8, bytes: usize, _flags: u32) -> isize {
    for at in 0..bytes {
        // SAFETY: the caller has room for all of them.
        unsafe { buffer.add(at).write(next()) };
    }
    isize::try_from(bytes).unwrap_or(isize::MAX)
}
