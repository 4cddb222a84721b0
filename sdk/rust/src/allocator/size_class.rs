//! Sizes of blocks.

/// A size that blocks have: multiples of 16 up to 128 bytes, then four sizes for each doubling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SizeClass(u8);

impl SizeClass {
    /// How many there are, the largest a quarter below 4 GiB.
    pub(super) const COUNT: usize = 8 + 4 * 24 + 3;

    /// The smallest class that holds as many bytes; none when there is none.
    pub(super) fn of(bytes: usize) -> Option<Self> {
        let last = bytes.max(1) - 1;
        let index = if last < 128 {
            last / 16
        } else {
            // The highest bit says which doubling, the two below which quarter of it.
            let exponent = last.ilog2() as usize;
            8 + (exponent - 7) * 4 + ((last >> (exponent - 2)) & 3)
        };
        // COUNT is below 256.
        (index < Self::COUNT).then_some(Self(index as u8))
    }

    /// Its place in an array of [`SizeClass::COUNT`].
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// How long its blocks are.
    pub(super) fn bytes(self) -> usize {
        let index = self.index();
        if index < 8 {
            return (index + 1) * 16;
        }
        let (exponent, quarter) = (7 + (index - 8) / 4, (index - 8) % 4);
        (5 + quarter) << (exponent - 2)
    }
}

#[cfg(test)]
mod tests {
    use super::SizeClass;

    #[test]
    fn every_size_fits_its_class_and_not_the_one_below() {
        let sizes = (0..5_000).chain((12..32).flat_map(|bit| (0..40).map(move |step| (1_usize << bit) + step * 97)));
        for size in sizes.filter(|size| *size <= 7 << 29) {
            let class = SizeClass::of(size).unwrap();
            assert!(class.bytes() >= size, "{size}");
            assert_eq!(class.bytes() % 16, 0);
            if class.index() > 0 {
                assert!(SizeClass(class.0 - 1).bytes() < size, "{size}");
            }
            assert!(class.bytes() <= (size + 16).max(size + size / 4), "{size} wastes too much");
        }
    }

    #[test]
    fn classes_rise_and_end_within_32_bits() {
        let sizes: Vec<_> = (0..SizeClass::COUNT as u8).map(|index| SizeClass(index).bytes()).collect();
        assert!(sizes.is_sorted_by(|small, large| small < large));
        assert_eq!(sizes.last(), Some(&(7 << 29)));
        assert_eq!(SizeClass::of((7 << 29) + 1), None);
    }
}
