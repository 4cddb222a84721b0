use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn trend_of(values: &[i64]) -> Trend {
    let mut trend = Trend::new();
    for &value in values {
        trend.record(value);
    }
    trend
}

/// k6's rule on the sorted values themselves: the result, and the larger magnitude of
/// the two neighbours, in units.
fn exact_percentile(sorted: &[i64], percent: f64) -> (f64, f64) {
    let position = percent / 100.0 * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high) = (sorted[below] as f64, sorted[above] as f64);
    let value = low + (high - low) * (position - below as f64);
    (value / MILLION, low.abs().max(high.abs()) / MILLION)
}

const PERCENTS: [f64; 11] = [0.0, 0.1, 1.0, 25.0, 33.3, 50.0, 75.0, 90.0, 95.0, 99.9, 100.0];

fn assert_percentiles_within_a_thousandth(values: &[i64]) {
    let trend = trend_of(values);
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    for percent in PERCENTS {
        let (exact, scale) = exact_percentile(&sorted, percent);
        let estimate = trend.percentile(percent);
        assert!(
            (estimate - exact).abs() <= scale * 0.001,
            "p({percent}) of {} values: {estimate} instead of {exact}",
            values.len()
        );
    }
    assert_eq!(trend.min(), sorted[0] as f64 / MILLION);
    assert_eq!(trend.max(), sorted[sorted.len() - 1] as f64 / MILLION);
    assert_eq!(trend.count(), sorted.len() as u64);
    let sum: i128 = sorted.iter().map(|&value| i128::from(value)).sum();
    assert_eq!(trend.sum_millionths(), sum);
}

/// Latencies of microseconds to minutes, evenly over the orders of magnitude.
fn wide() -> impl Strategy<Value = i64> {
    (3.0..11.0_f64).prop_map(|exponent| 10_f64.powf(exponent) as i64)
}

/// A narrow peak round 50 ms with some stalls of a second.
fn peaked() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => 49_900_000..50_900_000_i64,
        1 => 1_000_000_000..1_050_000_000_i64,
    ]
}

/// Few distinct values, zero among them.
fn repeating() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(1), Just(1_000_000), Just(123_456_789)]
}

/// All magnitudes and both signs.
fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(i64::MAX),
        Just(i64::MIN + 1),
        -5_000_000_000..5_000_000_000_i64,
        wide(),
        wide().prop_map(|value| -value),
    ]
}

fn any_samples(sizes: std::ops::Range<usize>) -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        vec(wide(), sizes.clone()),
        vec(peaked(), sizes.clone()),
        vec(repeating(), sizes.clone()),
        vec(signed(), sizes.clone()),
        vec(0..3_000_i64, sizes),
    ]
}

proptest! {
    #[test]
    fn percentiles_are_within_a_thousandth_of_exact_ones(values in any_samples(1..3_000)) {
        assert_percentiles_within_a_thousandth(&values);
    }

    #[test]
    fn few_values_are_exact(values in any_samples(1..MAX_EXACT)) {
        let trend = trend_of(&values);
        let mut sorted = values;
        sorted.sort_unstable();
        for percent in PERCENTS {
            let (exact, scale) = exact_percentile(&sorted, percent);
            prop_assert!((trend.percentile(percent) - exact).abs() <= scale * 1e-12);
        }
    }

    #[test]
    fn merging_is_recording_everything(
        a in any_samples(0..400), b in any_samples(0..400), c in any_samples(0..400),
    ) {
        let mut left = trend_of(&a);
        left.merge(&trend_of(&b));
        left.merge(&trend_of(&c));

        let mut b_and_c = trend_of(&b);
        b_and_c.merge(&trend_of(&c));
        let mut right = trend_of(&a);
        right.merge(&b_and_c);

        let mut backwards = trend_of(&c);
        backwards.merge(&trend_of(&b));
        backwards.merge(&trend_of(&a));

        let all = trend_of(&[a, b, c].concat());
        prop_assert!(left == all, "merging differs from recording");
        prop_assert!(right == all, "merging isn't associative");
        prop_assert!(backwards == all, "merging isn't commutative");
    }

    #[test]
    fn recording_several_times_is_recording_again_and_again(samples in vec((signed(), 0..200_u64), 0..20)) {
        let (mut at_once, mut each) = (Trend::new(), Trend::new());
        for (value, times) in samples {
            at_once.record_times(value, times);
            (0..times).for_each(|_| each.record(value));
        }
        prop_assert_eq!((at_once.count(), at_once.sum_millionths()), (each.count(), each.sum_millionths()));
        prop_assert_eq!((at_once.min(), at_once.max()), (each.min(), each.max()));
        for percent in [0.0, 50.0, 99.0, 100.0] {
            prop_assert_eq!(at_once.percentile(percent), each.percentile(percent));
        }
    }

    #[test]
    fn a_cleared_trend_is_as_new(a in any_samples(0..400), b in any_samples(1..400)) {
        let mut used = trend_of(&a);
        used.clear();
        prop_assert!(used == Trend::new());
        for &value in &b {
            used.record(value);
        }
        prop_assert!(used == trend_of(&b));
    }

    #[test]
    fn percentiles_never_fall_as_the_percent_grows(values in any_samples(1..1_000)) {
        let trend = trend_of(&values);
        let results = PERCENTS.map(|percent| trend.percentile(percent));
        prop_assert!(results.is_sorted(), "{results:?}");
    }
}

#[test]
fn a_large_sample_is_within_a_thousandth() {
    // A linear congruential sequence stands in for half a million latencies.
    let mut state = 1_u64;
    let values: Vec<i64> = (0..500_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let even = (state >> 11) as f64 / (1_u64 << 53) as f64;
            (200_000.0 * (-(1.0 - even).ln()).exp()) as i64
        })
        .collect();
    assert_percentiles_within_a_thousandth(&values);
}

#[test]
fn without_values_everything_is_zero() {
    let trend = Trend::new();
    let all = [trend.avg(), trend.min(), trend.med(), trend.max()];
    assert_eq!(all, [0.0; 4]);
    assert_eq!(trend.percentile(99.0), 0.0);
}

#[test]
fn zeros_touch_no_histogram() {
    let mut trend = Trend::new();
    for _ in 0..100_000 {
        trend.record(0);
    }
    trend.record(2_000_000);
    assert!(trend.positive.is_none() && trend.exact.len() == 1);
    assert_eq!(trend.percentile(99.0), 0.0);
    assert_eq!(trend.max(), 2.0);
}

#[test]
fn interpolation_is_k6s() {
    // 1, 2, 3, 4 milliseconds: position 0.9 × 3 = 2.7.
    let trend = trend_of(&[4_000_000, 1_000_000, 3_000_000, 2_000_000]);
    assert_eq!(trend.percentile(90.0), 3.7);
    assert_eq!(trend.med(), 2.5);
}

#[test]
fn the_smallest_integer_fits() {
    let mut trend = trend_of(&[i64::MIN; 200]);
    trend.record(i64::MAX);
    assert_eq!(trend.min(), i64::MIN as f64 / MILLION);
    assert_eq!(trend.max(), i64::MAX as f64 / MILLION);
}
