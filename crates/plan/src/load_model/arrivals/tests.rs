use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::load_model::Ticks;
use crate::segment::Share;
use crate::segment::tests::{sequences, shares};

const SECOND: Duration = Duration::from_secs(1);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn stage(duration: Duration, target: u64) -> Stage {
    Stage { duration, target }
}

fn times(arrivals: &Arrivals) -> Vec<u64> {
    let ticks = Ticks::new(Arc::new(arrivals.clone()), Share::whole());
    ticks.map(|tick| tick.at.as_nanos() as u64).collect()
}

/// Milliseconds, as the tests of ramps are written.
fn times_ms(arrivals: &Arrivals) -> Vec<u64> {
    times(arrivals).into_iter().map(|ns| ns / 1_000_000).collect()
}

#[test]
fn a_constant_rate_begins_at_once_and_keeps_its_period() {
    let arrivals = Arrivals::constant(10, SECOND, SECOND).unwrap();
    assert_eq!(times_ms(&arrivals), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    let arrivals = Arrivals::constant(2, seconds(3), seconds(4)).unwrap();
    assert_eq!(times_ms(&arrivals), [0, 1_500, 3_000]);
}

#[test]
fn a_period_that_isnt_whole_does_not_drift() {
    // k6's period is cut to 1428 ns here, and after an hour it is 1.5 s ahead.
    let arrivals = Arrivals::constant(700_000, SECOND, seconds(3_600)).unwrap();
    assert_eq!(arrivals.total(), 700_000 * 3_600);
    for second in [0, 1, 60, 3_599] {
        assert_eq!(arrivals.at(700_000 * second), Some(seconds(second)));
    }
    assert_eq!(arrivals.at(1), Some(Duration::from_nanos(1_429)));
    assert_eq!(arrivals.at(700_000 * 3_600), None);
}

#[test]
fn a_ramp_from_nothing_begins_when_the_area_is_one() {
    // ∫R = t²/2·(10/s) for 10/s² over 1 s: tick n at sqrt(n/5) s.
    let arrivals = Arrivals::ramping(0, SECOND, &[stage(SECOND, 10)]).unwrap();
    let expected: Vec<_> = (1..=5).map(|n| (f64::from(n) / 5.0).sqrt()).map(|at| (at * 1e9).ceil() as u64).collect();
    assert_eq!(times(&arrivals), expected);
}

#[test]
fn a_steady_stage_begins_after_one_period_and_ends_with_a_tick() {
    let arrivals = Arrivals::ramping(10, SECOND, &[stage(SECOND, 10)]).unwrap();
    assert_eq!(times_ms(&arrivals), [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
}

#[test]
fn a_fraction_carries_over_into_the_next_stage() {
    let stages = [stage(Duration::from_millis(1_500), 1), stage(SECOND, 1), stage(Duration::from_millis(500), 1)];
    let arrivals = Arrivals::ramping(1, SECOND, &stages).unwrap();
    assert_eq!(times_ms(&arrivals), [1_000, 2_000, 3_000]);
}

#[test]
fn a_jump_changes_the_rate_at_once() {
    let stages = [stage(SECOND, 2), stage(Duration::ZERO, 10), stage(SECOND, 10)];
    let arrivals = Arrivals::ramping(2, SECOND, &stages).unwrap();
    let expected: Vec<_> = [500, 1_000].into_iter().chain((11..=20).map(|n| n * 100)).collect();
    assert_eq!(times_ms(&arrivals), expected);
    assert_eq!(arrivals.rate_at(Duration::from_millis(500)), 2.0);
    assert_eq!(arrivals.rate_at(SECOND), 10.0);
    assert_eq!(arrivals.rate_at(seconds(2)), 0.0);
}

#[test]
fn no_tick_comes_while_the_rate_is_nothing() {
    let jump = Duration::ZERO;
    let stages = [stage(SECOND, 2), stage(jump, 0), stage(seconds(10), 0), stage(jump, 2), stage(SECOND, 2)];
    let arrivals = Arrivals::ramping(2, SECOND, &stages).unwrap();
    assert_eq!(times_ms(&arrivals), [500, 1_000, 11_500, 12_000]);
    assert_eq!(arrivals.due_by(seconds(5)), 2);
    let silent = Arrivals::ramping(0, SECOND, &[stage(seconds(5), 0)]).unwrap();
    assert_eq!((silent.total(), silent.at(0), silent.due_by(seconds(9))), (0, None, 0));
}

#[test]
fn a_ramp_down_to_nothing_ends_with_its_last_tick() {
    // ∫R = 10t − 5t² reaches n at 1 − sqrt(1 − n/5).
    let arrivals = Arrivals::ramping(10, SECOND, &[stage(SECOND, 0)]).unwrap();
    let expected = [105_572_810, 225_403_331, 367_544_468, 552_786_405, 1_000_000_000];
    assert_eq!(times(&arrivals), expected);
}

#[test]
fn long_and_fast_ramps_stay_exact() {
    // A year up to a million a second.
    let year = seconds(365 * 86_400);
    let arrivals = Arrivals::ramping(0, SECOND, &[stage(year, 1_000_000)]).unwrap();
    let total = 365 * 86_400 * 500_000;
    assert_eq!(arrivals.total(), total);
    assert_eq!(arrivals.at(total - 1), Some(year));
    // A quarter of all comes in the first half.
    assert_eq!(arrivals.at(total / 4 - 1), Some(year / 2));
    assert_eq!(arrivals.due_by(year / 2), total / 4);
}

#[test]
fn what_cant_be_numbered_is_an_error() {
    let long = Duration::from_secs(10_000_000_000);
    assert_eq!(Arrivals::constant(1, SECOND, long), Err(ScheduleError::TooLong));
    let century = seconds(100 * 365 * 86_400);
    assert_eq!(Arrivals::ramping(0, SECOND, &[stage(century, 1); 3]), Err(ScheduleError::TooLong));
    assert_eq!(Arrivals::constant(u64::MAX, SECOND, SECOND), Err(ScheduleError::TooMany));
    let every_ns = Duration::from_nanos(1);
    assert_eq!(Arrivals::constant(i64::MAX as u64, every_ns, century), Err(ScheduleError::TooMany));
    let many = Arrivals::constant(i64::MAX as u64, every_ns, Duration::from_nanos(2)).unwrap();
    assert_eq!(many.total(), u64::MAX - 1);
    assert_eq!(many.at(many.total() - 1), Some(Duration::from_nanos(2)));
}

/// Open models as users write them, and odd ones.
fn models() -> impl Strategy<Value = Arrivals> {
    let constant = (1..3_000_u64, 1..5_000_u64, 1..3_000_u64).prop_map(|(rate, unit_ms, duration_ms)| {
        Arrivals::constant(rate, Duration::from_millis(unit_ms), Duration::from_millis(duration_ms)).unwrap()
    });
    let duration = prop_oneof![1 => Just(0), 4 => 1..3_000_000_000_u64];
    let target = prop_oneof![1 => Just(0), 4 => 1..2_000_u64];
    let stages = prop::collection::vec((duration, target.clone()), 1..6);
    let ramping = (target, 1..3_000_u64, stages).prop_map(|(start, unit_ms, stages)| {
        let stages: Vec<_> = stages.iter().map(|&(ns, to)| stage(Duration::from_nanos(ns), to)).collect();
        Arrivals::ramping(start, Duration::from_millis(unit_ms), &stages).unwrap()
    });
    prop_oneof![1 => constant, 2 => ramping]
}

proptest! {
    #[test]
    fn ticks_rise_and_agree_with_counts(arrivals in models()) {
        let times = times(&arrivals);
        prop_assert_eq!(times.len() as u64, arrivals.total());
        prop_assert!(times.is_sorted());
        for (n, &ns) in times.iter().enumerate().step_by(1 + times.len() / 500) {
            let n = n as u64;
            prop_assert_eq!(arrivals.at(n), Some(Duration::from_nanos(ns)));
            // Due by its time and not a nanosecond earlier.
            prop_assert!(arrivals.due_by(Duration::from_nanos(ns)) > n);
            prop_assert!(ns == 0 || arrivals.due_by(Duration::from_nanos(ns - 1)) <= n);
        }
    }

    #[test]
    fn agents_and_shards_overlaid_are_the_whole_schedule(
        arrivals in models(), sequence in sequences(), shards in 1..5_u32, vus in 1..50_u64,
    ) {
        let arrivals = Arc::new(arrivals);
        let whole: Vec<_> = Ticks::new(Arc::clone(&arrivals), Share::whole()).map(|tick| (tick.number, tick.at)).collect();
        let mut overlaid = Vec::new();
        for share in shares(&sequence, shards) {
            let Some(derived) = share.derived(vus).unwrap() else {
                prop_assert_eq!(share.scale(vus), 0);
                continue;
            };
            prop_assert!(share.scale(vus) > 0);
            let ticks = Ticks::new(Arc::clone(&arrivals), derived);
            let total = ticks.total();
            let own: Vec<_> = ticks.collect();
            prop_assert_eq!(own.len() as u64, total);
            prop_assert!(own.iter().enumerate().all(|(n, tick)| tick.own == n as u64));
            prop_assert!(own.is_sorted_by_key(|tick| tick.at));
            overlaid.extend(own.iter().map(|tick| (tick.number, tick.at)));
        }
        overlaid.sort_unstable();
        prop_assert_eq!(overlaid, whole);
    }

    #[test]
    fn releases_over_adjacent_intervals_add_up(
        arrivals in models(), sequence in sequences(), cuts in prop::collection::vec(0..20_000_000_000_u64, 1..20),
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let arrivals = Arc::new(arrivals);
        for share in shares(&sequence, 2).into_iter().filter_map(|share| share.derived(7).unwrap()) {
            let mut ticks = Ticks::new(Arc::clone(&arrivals), share);
            let mut before = 0;
            for &cut in &cuts {
                let now = Duration::from_nanos(cut);
                let mut joined = ticks.clone();
                joined.skip_due_by(now);
                let released = std::iter::from_fn(|| ticks.take_due(now)).count() as u64;
                prop_assert_eq!(before + released, ticks.due_by(now));
                prop_assert_eq!(joined.peek(), ticks.peek());
                before += released;
            }
            prop_assert_eq!(before + ticks.by_ref().count() as u64, ticks.total());
        }
    }

    #[test]
    fn the_root_is_the_first_nanosecond_that_reaches(
        from in 0..1_u64 << 40, to in 0..1_u64 << 40, duration in 1..1_u64 << 50, share in 0.0..1.0,
    ) {
        let whole = u128::from(from + to) * u128::from(duration);
        let piece = Piece { start_ns: 0, duration_ns: duration, from, to, area_before: 0, area_after: whole };
        let area = (((whole as f64) * share) as u128).clamp(1, whole.max(1));
        prop_assume!(whole > 0);
        let x = piece.reach(area);
        prop_assert!(x <= duration && piece.area(x) >= area);
        prop_assert!(x == 0 || piece.area(x - 1) < area);
        prop_assert_eq!(piece.area(duration), whole);
    }
}
