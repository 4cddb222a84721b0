//! A response's body on its way to a reader that takes it while more of it arrives.

use std::cell::RefCell;

/// Bytes that wait for the reader; with as many the connection isn't read from, and the server has to wait.
const PIPE_BYTES_MAX: usize = 256 << 10;

/// Holds what has arrived of a body until it is taken.
#[derive(Debug, Default)]
pub struct BodyPipe(RefCell<Vec<u8>>);

impl BodyPipe {
    /// Takes all that it holds; none if that is nothing.
    #[must_use]
    pub fn take(&self) -> Option<Vec<u8>> {
        let held = std::mem::take(&mut *self.0.borrow_mut());
        (!held.is_empty()).then_some(held)
    }

    /// Adds bytes behind those held. The limit is the caller's to keep, who knows only afterwards how many come.
    pub fn put(&self, bytes: &[u8]) {
        self.0.borrow_mut().extend_from_slice(bytes);
    }

    /// Whether the reader has to take some before more may come.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.borrow().len() >= PIPE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_until_its_bytes_are_taken() {
        let pipe = BodyPipe::default();
        assert_eq!(pipe.take(), None);
        pipe.put(b"abc");
        pipe.put(b"def");
        assert_eq!(pipe.take().as_deref(), Some(b"abcdef".as_slice()));
        pipe.put(&[0; PIPE_BYTES_MAX - 1]);
        assert!(!pipe.is_full());
        pipe.put(b"x");
        assert!(pipe.is_full());
        assert_eq!(pipe.take().map(|bytes| bytes.len()), Some(PIPE_BYTES_MAX));
        assert!(!pipe.is_full());
    }
}
