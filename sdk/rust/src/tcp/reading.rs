//! Bytes that have come and haven't been asked for.

/// Unread bytes, of which parts are looked for.
#[derive(Debug, Default)]
pub(super) struct Unread {
    bytes: Vec<u8>,
    /// Bytes in front that were read.
    read: usize,
}

impl Unread {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.read
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        // Only when half of it was read, so that no byte is moved again and again.
        if self.read > self.bytes.len() / 2 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// How many bytes there are with the first of these delimiters, which doesn't begin in the first `searched` ones: 0, and
    /// then what this makes of it, until something is taken.
    pub(super) fn find(&self, delimiter: &[u8], searched: &mut usize) -> Option<usize> {
        let unread = &self.bytes[self.read..];
        let from = *searched;
        let place = unread[from..].windows(delimiter.len()).position(|window| window == delimiter);
        if place.is_none() {
            *searched = (unread.len() + 1).saturating_sub(delimiter.len());
        }
        place.map(|place| from + place + delimiter.len())
    }

    /// Takes so many bytes, which are there.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        if self.read == 0 && count == self.bytes.len() {
            return self.take_all();
        }
        let taken = self.bytes[self.read..][..count].to_vec();
        self.skip(count);
        taken
    }

    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.bytes);
        all.drain(..self.read);
        self.read = 0;
        all
    }

    /// Takes as many bytes as `buffer` has room for; their number.
    pub(super) fn copy_to(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[self.read..][..count]);
        self.skip(count);
        count
    }

    fn skip(&mut self, count: usize) {
        self.read += count;
        if self.read == self.bytes.len() {
            self.bytes.clear();
            self.read = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_found_however_they_come() {
        let said = b"a\r\n\r\r\nbc\r\n";
        for size in 1..=said.len() {
            let (mut unread, mut lines, mut searched) = (Unread::default(), Vec::new(), 0);
            for piece in said.chunks(size) {
                unread.put(piece);
                while let Some(count) = unread.find(b"\r\n", &mut searched) {
                    lines.push(unread.take(count));
                    searched = 0;
                }
            }
            assert_eq!(lines, [&b"a\r\n"[..], b"\r\r\n", b"bc\r\n"], "{size}");
            assert!(unread.is_empty());
        }
    }

    #[test]
    fn what_is_taken_is_what_comes_next() {
        let mut unread = Unread::default();
        unread.put(b"one;two");
        let mut searched = 0;
        assert_eq!((unread.find(b"||", &mut searched), searched), (None, 6));
        assert_eq!(unread.take(1), b"o");
        assert_eq!(unread.find(b";", &mut 0), Some(3));
        let mut buffer = [0; 4];
        assert_eq!((unread.copy_to(&mut buffer), &buffer), (4, b"ne;t"));
        assert_eq!(unread.take_all(), b"wo");
        assert!(unread.is_empty());
    }
}
