//! A run's segment table: the whole, cut at shares of a sum, so that the segments always make up the whole exactly.

use throng_plan::segment::Fraction;

/// A segment, and all of them, as the options `executionSegment` and `executionSegmentSequence` have them. The whole if
/// there is no such part.
pub(super) fn segment(weights: &[u32], part: u32) -> (String, String) {
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let mut before = 0;
    let mut points = vec![Fraction::ZERO];
    for weight in weights {
        before += u64::from(*weight);
        points.push(Fraction::new(before, sum).unwrap_or(Fraction::ONE));
    }
    let part = part as usize;
    let Some(ends) = points.get(part..part.saturating_add(2)).filter(|ends| ends.len() == 2) else {
        return ("0:1".to_owned(), "0,1".to_owned());
    };
    let sequence = points.iter().map(Fraction::to_string).collect::<Vec<_>>();
    (format!("{}:{}", ends[0], ends[1]), sequence.join(","))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throng_plan::segment::{Segment, SegmentSequence, SegmentTuple};

    use super::*;

    #[test]
    fn segments_are_shares_of_the_sum() {
        assert_eq!(segment(&[1], 0), ("0:1".to_owned(), "0,1".to_owned()));
        assert_eq!(segment(&[1, 1, 1], 1), ("1/3:2/3".to_owned(), "0,1/3,2/3,1".to_owned()));
        assert_eq!(segment(&[3, 1], 1), ("3/4:1".to_owned(), "0,3/4,1".to_owned()));
        assert_eq!(segment(&[3, 1], 2), ("0:1".to_owned(), "0,1".to_owned()));
        assert_eq!(segment(&[], u32::MAX), ("0:1".to_owned(), "0,1".to_owned()));
    }

    proptest! {
        #[test]
        fn whatever_the_weights_the_segments_make_up_the_whole(
            weights in prop::collection::vec(1..=60_u32, 1..8), total in 0..100_000_u64,
        ) {
            let mut sum = 0;
            let mut end = Fraction::ZERO;
            for part in 0..weights.len() {
                let (own, all) = segment(&weights, part as u32);
                let (own, all) = (Segment::parse(&own).unwrap(), SegmentSequence::parse(&all).unwrap());
                prop_assert_eq!(own.from(), end);
                end = own.to();
                sum += SegmentTuple::new(Some(&own), Some(&all)).unwrap().scale(total);
            }
            prop_assert_eq!(end, Fraction::ONE);
            prop_assert_eq!(sum, total);
        }
    }
}
