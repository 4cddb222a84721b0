use proptest::prelude::*;

use super::*;

fn fraction(text: &str) -> Fraction {
    Fraction::parse(text).unwrap()
}

fn sequence(text: &str) -> SegmentSequence {
    SegmentSequence::parse(text).unwrap()
}

/// The tuples of all segments of a sequence, first to last.
fn tuples(sequence: &SegmentSequence) -> Vec<SegmentTuple> {
    let segments = sequence.filled();
    segments.segments().map(|segment| SegmentTuple::new(Some(&segment), Some(sequence)).unwrap()).collect()
}

fn scaled(tuples: &[SegmentTuple], total: u64) -> Vec<u64> {
    tuples.iter().map(|tuple| tuple.scale(total)).collect()
}

/// Whose each of the first elements is.
fn owners(tuples: &[SegmentTuple], count: u64) -> Vec<usize> {
    let owns = |tuple: &SegmentTuple, element| tuple.scale(element + 1) > tuple.scale(element);
    let owner = |element| tuples.iter().position(|tuple| owns(tuple, element)).unwrap();
    (0..count).map(owner).collect()
}

#[test]
fn numbers_are_read_exactly() {
    for (text, expected) in [
        ("0", "0"),
        ("1", "1"),
        ("1/3", "1/3"),
        ("2/6", "1/3"),
        ("0.1", "1/10"),
        (".25", "1/4"),
        ("0.250", "1/4"),
        ("1.000", "1"),
        ("0.", "0"),
        ("25%", "1/4"),
        ("0%", "0"),
        ("100%", "1"),
        (" 7/20 ", "7/20"),
        ("0.3333333333333333333", "3333333333333333333/10000000000000000000"),
    ] {
        assert_eq!(Fraction::parse(text).map(|one| one.to_string()), Ok(expected.to_owned()), "{text}");
    }
    assert!(fraction("1/3") > fraction("0.333333333"));
}

#[test]
fn segments_are_read_and_written_as_k6_does() {
    for (text, expected) in [
        ("", "0:1"),
        ("0:1", "0:1"),
        ("0.5", "0:1/2"),
        ("0:1/3", "0:1/3"),
        ("25%:3/4", "1/4:3/4"),
        ("0.2:0.4", "1/5:2/5"),
    ] {
        assert_eq!(Segment::parse(text).unwrap().to_string(), expected, "{text}");
    }
    assert_eq!(sequence("0,1/3, 2/3,100%").to_string(), "0,1/3,2/3,1");
    assert_eq!(sequence("0.2,0.5").filled().to_string(), "0,1/5,1/2,1");
}

#[test]
fn what_is_no_segment_is_said_with_its_remedy() {
    for (text, part) in [
        ("x", "write it like `1/3`"),
        ("1/0", "write it like"),
        ("-1", "write it like"),
        ("1.2.3", "write it like"),
        ("1.5%", "write it like"),
        (":0.5", "write it like"),
        ("1e-1", "write it like"),
        (".", "write it like"),
        ("101%", "shares are 0 to 1"),
        ("1.1", "shares are 0 to 1"),
        ("0.33333333333333333333", "too many digits"),
        ("0.5:0.5", "must end above its begin"),
        ("0", "must end above its begin"),
        ("0.6:0.5", "must end above its begin"),
    ] {
        let error = Segment::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(matches!(SegmentSequence::parse("1"), Err(SegmentError::FewPoints(_))));
    assert!(matches!(SegmentSequence::parse("0,0.5,0.5,1"), Err(SegmentError::Empty(_))));
    let tuple = |segment: Option<&str>, points: &str| {
        let segment = segment.map(|text| Segment::parse(text).unwrap());
        SegmentTuple::new(segment.as_ref(), Some(&sequence(points)))
    };
    assert!(matches!(tuple(Some("0:0.4"), "0,0.5,1"), Err(SegmentError::NotInSequence { .. })));
    assert!(matches!(tuple(None, "0,0.5,1"), Err(SegmentError::NoSegment(_))));
    assert_eq!(tuple(None, "0,1").unwrap(), SegmentTuple::whole());
    assert!(matches!(tuple(Some("0:1/16777259"), "0,1/16777259"), Err(SegmentError::Cycle(16_777_259))));
}

/// Sequence (none where empty), segment, start, offsets, cycle.
const STRIPED: [(&str, &str, u64, &[u64], u64); 16] = [
    ("0,0.3,0.5,0.6,0.7,0.8,0.9,1", "0:0.3", 0, &[4, 3, 3], 10),
    ("0,0.3,0.5,0.6,0.7,0.8,0.9,1", "0.3:0.5", 1, &[4, 6], 10),
    ("0,0.3,0.5,0.6,0.7,0.8,0.9,1", "0.5:0.6", 2, &[10], 10),
    ("0,0.3,0.5,0.6,0.7,0.8,0.9,1", "0.6:0.7", 3, &[10], 10),
    ("0,0.3,0.5,0.6,0.7,0.8,0.9,1", "0.8:0.9", 8, &[10], 10),
    ("0,0.3,0.5,0.6,0.7,0.8,0.9,1", "0.9:1", 9, &[10], 10),
    ("0,0.2,0.5,0.6,0.7,0.8,0.9,1", "0:0.2", 1, &[4, 6], 10),
    ("0,0.2,0.5,0.6,0.7,0.8,0.9,1", "0.6:0.7", 3, &[10], 10),
    ("0,0.2,0.5", "0:0.2", 3, &[6, 4], 10),
    ("0,0.2,0.5", "0.2:0.5", 1, &[4, 2, 4], 10),
    ("0,2/5,4/5", "0:2/5", 0, &[3, 2], 5),
    ("0,2/5,4/5", "2/5:4/5", 1, &[3, 2], 5),
    ("", "0:0.2", 1, &[5], 5),
    ("", "0:0.4", 1, &[2, 3], 5),
    ("", "2/5:4/5", 1, &[3, 2], 5),
    ("", "1/10:5/10", 1, &[2, 2, 4, 2], 10),
];

#[test]
fn stripes_are_k6s() {
    for (points, segment, start, offsets, cycle) in STRIPED {
        let sequence = (!points.is_empty()).then(|| sequence(points));
        let tuple = SegmentTuple::new(Some(&Segment::parse(segment).unwrap()), sequence.as_ref()).unwrap();
        let found = (tuple.start(), tuple.offsets(), tuple.cycle());
        assert_eq!(found, (start, offsets.to_vec(), cycle), "{points} {segment}");
    }
}

#[test]
fn slots_have_k6s_owners() {
    for (points, expected) in [
        ("0,1/2,3/4,1", "0 1 0 2"),
        ("0,0.2,0.7,1", "1 2 1 0 1 2 1 2 1 0"),
        ("0,3/5,14/15,1", "0 1 0 1 0 0 1 0 2 0 0 1 0 1 0"),
    ] {
        let expected: Vec<usize> = expected.split(' ').map(|owner| owner.parse().unwrap()).collect();
        assert_eq!(owners(&tuples(&sequence(points)), expected.len() as u64), expected, "{points}");
    }
}

#[test]
fn values_are_scaled_as_k6_does() {
    for (points, total, expected) in [
        ("0,1/3,2/3,1", 10, [4, 3, 3]),
        ("0,1/3,2/3,1", 20, [7, 7, 6]),
        ("0,1/3,2/3,1", 100, [34, 33, 33]),
        ("0,1/2,3/4,1", 5, [3, 1, 1]),
        ("0,1/2,3/4,1", 7, [4, 2, 1]),
        ("0,0.2,0.7,1", 7, [1, 4, 2]),
        ("0,3/5,14/15,1", 10, [6, 3, 1]),
        ("0,3/5,14/15,1", 20, [12, 7, 1]),
        ("0,3/5,14/15,1", 100, [60, 33, 7]),
    ] {
        assert_eq!(scaled(&tuples(&sequence(points)), total), expected, "{points} of {total}");
    }
}

#[test]
fn a_derived_tuple_has_the_shares_that_the_vus_have() {
    let thirds = tuples(&sequence("0,1/3,2/3,1"));
    let derived: Vec<_> = thirds.iter().map(|tuple| tuple.derived(20).unwrap().unwrap()).collect();
    assert_eq!(derived, tuples(&sequence("0,7/20,7/10,1")));

    // With two VUs the third part has none, and takes no part.
    let derived: Vec<_> = thirds.iter().map(|tuple| tuple.derived(2).unwrap()).collect();
    let shares: Vec<_> = derived.iter().map(|tuple| tuple.as_ref().map(|tuple| tuple.scale(100))).collect();
    assert_eq!(shares, [Some(50), Some(50), None]);
    assert_eq!(thirds[0].derived(0), Ok(None));
    assert_eq!(thirds[1].derived(300), Ok(Some(thirds[1].clone())));
    assert_eq!(SegmentTuple::whole().derived(u64::MAX), Ok(Some(SegmentTuple::whole())));
}

#[test]
fn the_index_moves_over_own_elements() {
    let tuple = &tuples(&sequence("0,0.2,0.5"))[1];
    let mut index = tuple.index();
    let mut seen = vec![(index.scaled(), index.unscaled())];
    for _ in 0..4 {
        index.forward();
        seen.push((index.scaled(), index.unscaled()));
    }
    // Start 1 and offsets 4, 2, 4, counted from 1.
    assert_eq!(seen, [(0, 0), (1, 2), (2, 6), (3, 8), (4, 12)]);
    index.back();
    assert_eq!((index.scaled(), index.unscaled()), (3, 8));
    for (to, expected) in [(1, (0, 0)), (2, (1, 2)), (7, (2, 6)), (12, (4, 12))] {
        index.go_to(to);
        assert_eq!((index.scaled(), index.unscaled()), expected, "{to}");
    }
}

#[test]
fn parts_of_segments_are_exact() {
    let half = Segment::parse("1/2:1").unwrap();
    let parts: Vec<_> = half.split(3).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(parts, ["1/2:2/3", "2/3:5/6", "5/6:1"]);
    let child = Segment::parse("25%:75%").unwrap();
    assert_eq!(half.sub_segment(&child).unwrap().to_string(), "5/8:7/8");
    assert_eq!(Segment::WHOLE.sub_segment(&child), Ok(child));
    assert_eq!(SegmentSequence::equal(3), sequence("0,1/3,2/3,1"));
}

#[test]
fn equal_parts_take_turns() {
    let shards: Vec<_> = (0..3).map(|part| SegmentTuple::equal(part, 3)).collect();
    assert_eq!(owners(&shards, 7), [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(shards, tuples(&SegmentSequence::equal(3)));
}

#[test]
fn numbers_beyond_64_bits_saturate() {
    let tuple = SegmentTuple::equal(1, 3);
    assert_eq!(tuple.nth(u64::MAX), u64::MAX);
    assert_eq!(tuple.scale(u64::MAX), u64::MAX / 3);
}

/// The rule as k6 states it, slot by slot.
fn owners_by_the_rule(weights: &[u64]) -> Vec<usize> {
    let cycle: u64 = weights.iter().sum();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&part| std::cmp::Reverse(weights[part]));
    let mut taken = vec![0; weights.len()];
    let mut owner = |slot| {
        let part = *order.iter().find(|&&part| taken[part] * cycle <= slot * weights[part]).unwrap();
        taken[part] += 1;
        part
    };
    (0..cycle).map(&mut owner).collect()
}

fn cut_points() -> impl Strategy<Value = SegmentSequence> {
    (2..60_u64, prop::collection::btree_set(1..59_u64, 0..8)).prop_map(|(denominator, cuts)| {
        let inner = cuts.into_iter().filter(|&cut| cut < denominator).map(|cut| format!(",{cut}/{denominator}"));
        sequence(&format!("0{},1", inner.collect::<String>()))
    })
}

/// A share for every shard of every segment.
pub(crate) fn shares(sequence: &SegmentSequence, shards: u32) -> Vec<Share> {
    let shard = move |agent: &SegmentTuple| {
        let agent = agent.clone();
        (0..shards).map(move |part| Share::new(agent.clone(), SegmentTuple::equal(part, shards)))
    };
    tuples(sequence).iter().flat_map(shard).collect()
}

/// Cut points in a text, for the tests of load models.
pub(crate) fn sequences() -> impl Strategy<Value = SegmentSequence> {
    cut_points()
}

proptest! {
    #[test]
    fn shares_add_up_for_every_value(sequence in cut_points(), totals in prop::collection::vec(0..u64::MAX, 1..20)) {
        let tuples = tuples(&sequence);
        for total in totals.into_iter().chain(0..200) {
            prop_assert_eq!(scaled(&tuples, total).into_iter().map(u128::from).sum::<u128>(), total.into());
        }
    }

    #[test]
    fn elements_have_exactly_one_owner_and_it_is_that_of_the_rule(sequence in cut_points()) {
        let tuples = tuples(&sequence);
        let cycle = tuples[0].cycle();
        let weights: Vec<_> = tuples.iter().map(|tuple| tuple.offsets().len() as u64).collect();
        prop_assert_eq!(weights.iter().sum::<u64>(), cycle);
        prop_assert_eq!(owners(&tuples, cycle), owners_by_the_rule(&weights));

        let mut all = Vec::new();
        for tuple in &tuples {
            prop_assert_eq!(tuple.offsets().iter().sum::<u64>(), cycle);
            all.extend((0..3 * tuple.offsets().len() as u64).map(|n| tuple.nth(n)));
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..3 * cycle).collect::<Vec<_>>());
    }

    #[test]
    fn deriving_again_agrees(sequence in cut_points(), vus in 1..500_u64, work in 0..100_000_u64) {
        let tuples = tuples(&sequence);
        let derived: Vec<_> = tuples.iter().map(|tuple| tuple.derived(vus).unwrap()).collect();
        let of = |n: usize, total| derived[n].as_ref().map_or(0, |tuple: &SegmentTuple| tuple.scale(total));
        let work_of: Vec<_> = (0..tuples.len()).map(|n| of(n, work)).collect();
        prop_assert_eq!(work_of.iter().sum::<u64>(), work);
        for (n, tuple) in tuples.iter().enumerate() {
            prop_assert_eq!(of(n, vus), tuple.scale(vus));
            prop_assert_eq!(derived[n].is_none(), tuple.scale(vus) == 0);
            if let Some(once) = &derived[n] {
                prop_assert_eq!(&once.derived(vus).unwrap().unwrap(), once);
            }
        }
    }

    #[test]
    fn shards_of_agents_divide_the_whole(sequence in cut_points(), shards in 1..6_u32, vus in 1..60_u64) {
        let shares = shares(&sequence, shards);
        let derived = shares.iter().map(|share| share.derived(vus).unwrap());
        for shares in [shares.iter().cloned().map(Some).collect::<Vec<_>>(), derived.collect()] {
            let end = 5_000;
            let mut all = Vec::new();
            for share in shares.iter().flatten() {
                let own: Vec<_> = (0..share.scale(end)).map(|n| share.nth(n)).collect();
                prop_assert!(own.is_sorted() && own.iter().all(|&element| element < end));
                prop_assert!(share.nth(own.len() as u64) >= end);
                all.extend(own);
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..end).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_index_agrees_with_scaling(sequence in cut_points(), to in 0..1_000_u64) {
        for tuple in &tuples(&sequence) {
            let mut index = tuple.index();
            index.go_to(to);
            prop_assert_eq!(index.scaled(), tuple.scale(to));
            prop_assert!(index.unscaled() <= to);
            index.forward();
            prop_assert!(index.unscaled() > to);
        }
    }

    #[test]
    fn reading_never_panics(text in "[0-9./:%, x-]{0,24}") {
        let _ = (Segment::parse(&text), SegmentSequence::parse(&text));
    }
}
