//! Files of any kind.

use super::Declaration;
use crate::bindings::throng::script::files as host;
use crate::bindings::throng::script::http::FileRange as HostRange;
use std::ops::Range;

/// What one call to the host reads at most.
const READ_BYTES_MAX: u64 = 16 << 20;

/// A file of any kind: `static PHOTO: data::File = data::file!("photo.jpg");`
///
/// It is in memory once for all VUs. What is read of it is copied into the VU's own, which is limited; what is sent of
/// it, as a body or a part of one (`http::post(url, &PHOTO)`), isn't.
#[derive(Debug)]
pub struct File(&'static Declaration);

impl File {
    /// Used by [`data::file!`](crate::data::file).
    #[doc(hidden)]
    #[must_use]
    pub const fn new(file: &'static Declaration) -> Self {
        Self(file)
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        host::size(self.0.number())
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        self.read(0..self.size())
    }

    /// A part of it, to be sent: as a body, or as a file of a form.
    ///
    /// # Panics
    ///
    /// When it has no such part.
    #[track_caller]
    pub fn range(&self, range: Range<u64>) -> FileRange {
        self.check(&range);
        FileRange::of(self.0.number(), range)
    }

    /// A part of it, copied.
    ///
    /// # Panics
    ///
    /// When it has no such part.
    #[track_caller]
    pub fn read(&self, range: Range<u64>) -> Vec<u8> {
        self.check(&range);
        let mut parts =
            parts(range).map(|part| host::read(self.0.number(), part.start, (part.end - part.start) as u32));
        let mut bytes = parts.next().unwrap_or_default();
        parts.for_each(|part| bytes.extend(part));
        bytes
    }

    #[track_caller]
    fn check(&self, range: &Range<u64>) {
        let size = self.size();
        assert!(
            range.start <= range.end && range.end <= size,
            "{} has {size} bytes, not {}..{}",
            self.0.path(),
            range.start,
            range.end
        );
    }
}

/// A part of a data file, which stays where it is; see [`File::range`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRange {
    file: host::File,
    offset: u64,
    length: u64,
}

impl FileRange {
    /// Of the file of this number.
    pub(crate) fn of(file: host::File, range: Range<u64>) -> Self {
        Self { file, offset: range.start, length: range.end - range.start }
    }

    /// As the host takes it.
    pub(crate) fn into_host(self) -> HostRange {
        let Self { file, offset, length } = self;
        HostRange { file, offset, length }
    }
}

/// A range in parts that the host reads at once.
fn parts(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let starts = (range.start..range.end).step_by(READ_BYTES_MAX as usize);
    starts.map(move |start| start..range.end.min(start + READ_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_ranges_are_read_in_parts() {
        const MAX: u64 = READ_BYTES_MAX;
        assert_eq!(parts(3..3).count(), 0);
        let found = |range| parts(range).map(|part| (part.start, part.end)).collect::<Vec<_>>();
        assert_eq!(found(3..5), [(3, 5)]);
        assert_eq!(found(1..1 + MAX), [(1, 1 + MAX)]);
        assert_eq!(found(1..2 + 2 * MAX), [(1, 1 + MAX), (1 + MAX, 1 + 2 * MAX), (1 + 2 * MAX, 2 + 2 * MAX)]);
    }
}
