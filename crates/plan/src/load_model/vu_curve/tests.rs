use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::load_model::{VuStep, VuSteps};
use crate::segment::Share;
use crate::segment::tests::{sequences, shares};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn curve(start_vus: u64, stages: &[(u64, u64)]) -> VuCurve {
    let stages: Vec<_> =
        stages.iter().map(|&(ms, target)| Stage { duration: Duration::from_millis(ms), target }).collect();
    VuCurve::new(start_vus, &stages).unwrap()
}

fn steps(curve: &VuCurve) -> Vec<VuStep> {
    VuSteps::new(Arc::new(curve.clone()), Share::whole()).collect()
}

/// Time in milliseconds and the number of VUs from then on, one for each instant.
fn levels(curve: &VuCurve) -> Vec<(u64, u64)> {
    let mut levels: Vec<(u64, u64)> = Vec::new();
    for step in steps(curve) {
        let (at, level) = (step.at.as_millis() as u64, step.vu + u64::from(step.wanted));
        levels.pop_if(|last| last.0 == at);
        levels.push((at, level));
    }
    levels
}

/// The same for the VUs that are reserved, looked up every millisecond.
fn reserved(curve: &VuCurve, graceful: Duration, until_ms: u64) -> Vec<(u64, u64)> {
    let mut levels: Vec<(u64, u64)> = Vec::new();
    for ms in 0..=until_ms {
        let level = curve.reserved_at(Duration::from_millis(ms), graceful);
        if levels.last().is_none_or(|last| last.1 != level) {
            levels.push((ms, level));
        }
    }
    levels
}

#[test]
fn vus_come_one_by_one_and_leave_a_step_later_than_the_mirror_image() {
    let curve = curve(0, &[(10_000, 5), (10_000, 0)]);
    let up = [(2_000, 1), (4_000, 2), (6_000, 3), (8_000, 4), (10_000, 5)];
    let down = [(12_000, 4), (14_000, 3), (16_000, 2), (18_000, 1), (20_000, 0)];
    assert_eq!(levels(&curve), [up, down].concat());
    assert_eq!(curve.level_at(Duration::from_millis(11_999)), 5);
    assert_eq!(curve.level_at(seconds(12)), 4);
}

#[test]
fn a_ramp_begins_at_the_start_level_and_turns() {
    let curve = curve(4, &[(2_000, 6), (6_000, 0), (2_000, 2)]);
    let expected = [(0, 4), (1_000, 5), (2_000, 6), (3_000, 5), (4_000, 4), (5_000, 3), (6_000, 2), (7_000, 1)];
    assert_eq!(levels(&curve), [expected.as_slice(), &[(8_000, 0), (9_000, 1), (10_000, 2)]].concat());
    assert_eq!((curve.peak(), curve.end()), (6, seconds(10)));
}

#[test]
fn zero_length_stages_jump_and_equal_ones_hold() {
    let curve = curve(1, &[(0, 3), (5_000, 3), (0, 1), (1_000, 1), (0, 2)]);
    assert_eq!(levels(&curve), [(0, 3), (5_000, 1), (6_000, 2)]);
    assert_eq!(curve.level_at(seconds(100)), 2);
}

#[test]
fn a_step_between_nanoseconds_comes_at_the_next() {
    let three = curve(0, &[(1_000, 3)]);
    let times: Vec<_> = steps(&three).iter().map(|step| step.at.as_nanos()).collect();
    assert_eq!(times, [333_333_334, 666_666_667, 1_000_000_000]);
}

#[test]
fn leaving_vus_stay_reserved_for_the_graceful_period() {
    let falling = curve(3, &[(3_000, 0), (10_000, 0)]);
    assert_eq!(reserved(&falling, seconds(2), 13_000), [(0, 3), (3_000, 2), (4_000, 1), (5_000, 0)]);
    assert_eq!(reserved(&falling, Duration::ZERO, 13_000), [(0, 3), (1_000, 2), (2_000, 1), (3_000, 0)]);
}

#[test]
fn a_dip_within_the_graceful_period_releases_nothing() {
    let dip = curve(5, &[(1_000, 5), (0, 1), (2_000, 1), (0, 5), (5_000, 5)]);
    assert_eq!(reserved(&dip, seconds(3), 8_000), [(0, 5)]);
    // Back just as the period ends: no gap.
    assert_eq!(reserved(&dip, seconds(2), 8_000), [(0, 5)]);
    assert_eq!(reserved(&dip, seconds(1), 8_000), [(0, 5), (2_000, 1), (3_000, 5)]);
}

#[test]
fn two_jumps_at_once_reserve_what_the_graceful_period_holds() {
    let peak = curve(0, &[(1_000, 0), (0, 8), (0, 2), (3_000, 2)]);
    assert_eq!(reserved(&peak, seconds(1), 4_000), [(0, 0), (1_000, 8), (2_000, 2)]);
    assert_eq!(reserved(&peak, Duration::ZERO, 4_000), [(0, 0), (1_000, 2)]);
}

#[test]
fn a_partial_recovery_holds_its_own_level() {
    let curve = curve(10, &[(0, 5), (2_000, 5), (0, 8), (20_000, 8)]);
    assert_eq!(reserved(&curve, seconds(3), 20_000), [(0, 10), (3_000, 8)]);
}

#[test]
fn joining_late_gives_what_is_wanted_and_the_steps_that_follow() {
    let curve = Arc::new(curve(0, &[(10_000, 5), (10_000, 0)]));
    let mut steps = VuSteps::new(curve, Share::whole());
    assert_eq!(steps.skip_to(seconds(13)), 4);
    assert_eq!(steps.next(), Some(VuStep { at: seconds(14), vu: 3, wanted: false }));
    assert_eq!(steps.skip_to(Duration::from_millis(4_001)), 2);
    assert_eq!(steps.next(), Some(VuStep { at: seconds(6), vu: 2, wanted: true }));
}

#[test]
fn too_long_a_ramp_is_an_error() {
    let long = Stage { duration: seconds(200 * 365 * 86_400), target: 1 };
    assert_eq!(VuCurve::new(1, &[long, long]), Err(ScheduleError::TooLong));
    let edge = Stage { duration: Duration::from_nanos(i64::MAX as u64), target: 100_000_000 };
    let curve = VuCurve::new(0, &[edge]).unwrap();
    assert_eq!(curve.level_at(Duration::MAX), 100_000_000);
    assert_eq!(curve.reserved_at(Duration::MAX, Duration::MAX), 100_000_000);
}

fn curves() -> impl Strategy<Value = VuCurve> {
    let duration = prop_oneof![1 => Just(0), 3 => 1..20_000_u64];
    (0..60_u64, prop::collection::vec((duration, 0..60_u64), 1..7)).prop_map(|(start, stages)| curve(start, &stages))
}

proptest! {
    #[test]
    fn steps_agree_with_the_level(curve in curves()) {
        let steps = steps(&curve);
        prop_assert!(steps.is_sorted_by_key(|step| step.at));
        let mut level = 0;
        for (n, step) in steps.iter().enumerate() {
            prop_assert_eq!(step.vu, if step.wanted { level } else { level - 1 });
            level = if step.wanted { level + 1 } else { level - 1 };
            if steps.get(n + 1).is_none_or(|next| next.at > step.at) {
                prop_assert_eq!(curve.level_at(step.at), level);
                let next = steps.get(n + 1).map_or(curve.end() + seconds(1), |next| next.at);
                prop_assert_eq!(curve.level_at(next - Duration::from_nanos(1)), level);
            }
            prop_assert!(step.at <= curve.end());
            prop_assert!(level <= curve.peak());
        }
    }

    #[test]
    fn agents_and_shards_overlaid_are_the_whole_curve(
        curve in curves(), sequence in sequences(), shards in 1..5_u32, at in 0..60_000_u64,
    ) {
        let curve = Arc::new(curve);
        let global = |share: &Share, step: VuStep| (step.at, share.nth(step.vu), step.wanted);
        let whole = Share::whole();
        let mut expected: Vec<_> =
            VuSteps::new(Arc::clone(&curve), whole.clone()).map(|step| global(&whole, step)).collect();
        let mut overlaid = Vec::new();
        let mut wanted = 0;
        for share in shares(&sequence, shards) {
            let steps = VuSteps::new(Arc::clone(&curve), share.clone());
            wanted += steps.wanted_at(Duration::from_millis(at));
            overlaid.extend(steps.map(|step| global(&share, step)));
        }
        prop_assert_eq!(wanted, curve.level_at(Duration::from_millis(at)));
        expected.sort_unstable();
        overlaid.sort_unstable();
        prop_assert_eq!(overlaid, expected);
    }

    #[test]
    fn steps_over_adjacent_intervals_add_up(curve in curves(), cuts in prop::collection::vec(0..90_000_u64, 1..15)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut steps = VuSteps::new(Arc::new(curve.clone()), Share::whole());
        let mut wanted = 0;
        for cut in cuts {
            let now = Duration::from_millis(cut);
            let mut joined = steps.clone();
            while let Some(step) = steps.take_due(now) {
                wanted = if step.wanted { wanted + 1 } else { wanted - 1 };
            }
            prop_assert_eq!(wanted, curve.level_at(now));
            prop_assert_eq!(joined.skip_to(now), wanted);
            prop_assert_eq!(joined.peek(), steps.peek());
        }
    }

    #[test]
    fn reserved_is_the_highest_level_of_the_window(curve in curves(), graceful in 0..15_000_u64, at in 0..90_000_u64) {
        let (now, since) = (Duration::from_millis(at), at.checked_sub(graceful).map(Duration::from_millis));
        // Levels at every step within, and what was there when the window began.
        let mut level = 0;
        let mut highest = curve.level_at(now).max(since.map_or(0, |since| curve.level_at(since)));
        for step in steps(&curve) {
            level = if step.wanted { level + 1 } else { level - 1 };
            let within = step.at <= now && since.is_none_or(|since| step.at > since);
            highest = if within { highest.max(level) } else { highest };
        }
        prop_assert_eq!(curve.reserved_at(now, Duration::from_millis(graceful)), highest);
    }
}
