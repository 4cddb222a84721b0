use proptest::prelude::*;

use super::*;
use crate::load_model::Stage;
use crate::segment::tests::{sequences, shares};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn scenario(name: &str, model: LoadModel, start: u64, graceful_stop: u64) -> Scenario {
    Scenario { start: seconds(start), graceful_stop: seconds(graceful_stop), ..Scenario::new(name, model) }
}

fn ramp(start_vus: u64, stages: &[(u64, u64)], graceful: u64) -> LoadModel {
    let stages = stages.iter().map(|&(duration, target)| Stage { duration: seconds(duration), target });
    LoadModel::RampingVus { start_vus, stages: stages.collect(), graceful_ramp_down: seconds(graceful) }
}

fn rate(pre_allocated_vus: u64, max_vus: u64) -> LoadModel {
    let (time_unit, duration) = (seconds(1), seconds(10));
    LoadModel::ConstantArrivalRate { rate: 1, time_unit, duration, pre_allocated_vus, max_vus }
}

fn needs(scenarios: &[Scenario]) -> (u64, u64, Duration) {
    let needs = Requirements::of(scenarios, &Share::whole()).unwrap();
    (needs.planned_vus, needs.max_vus, needs.end)
}

#[test]
fn a_ramp_takes_vus_that_another_has_given_back() {
    let down = scenario("a", ramp(10, &[(10, 0)], 0), 0, 0);
    let up = scenario("b", ramp(0, &[(10, 10)], 0), 0, 0);
    // One comes and one goes every second, at the same instant.
    assert_eq!(needs(&[down, up.clone()]), (10, 10, seconds(10)));
    // While VUs that leave are still reserved, more are needed.
    let down = scenario("a", ramp(10, &[(10, 0)], 3), 0, 0);
    assert_eq!(needs(&[down, up]).0, 13);
}

#[test]
fn graceful_stop_holds_the_last_level_and_not_more() {
    let first = scenario("a", ramp(0, &[(10, 8), (10, 4)], 0), 0, 5);
    let second = |start| scenario("b", LoadModel::ConstantVus { vus: 3, duration: seconds(10) }, start, 0);
    assert_eq!(needs(&[first.clone(), second(20)]), (8, 8, seconds(30)));
    assert_eq!(needs(&[first.clone(), second(13)]).0, 10);
    assert_eq!(needs(&[first.clone(), second(25)]).0, 8);
    // A long gracefulRampDown is cut short by gracefulStop.
    let long = scenario("a", ramp(8, &[(10, 0)], 500), 0, 5);
    assert_eq!((needs(&[long.clone(), second(14)]).0, needs(&[long, second(15)]).0), (11, 8));
    // A ramp down to nothing is over before: the last VU leaves at 8 s of 10, and has 2 s.
    let early = scenario("a", ramp(4, &[(8, 0), (2, 0)], 2), 0, 30);
    assert_eq!(needs(&[early]), (4, 4, seconds(10)));
}

#[test]
fn a_level_that_is_reached_when_time_is_over_needs_no_vus_beside_others() {
    let up = scenario("a", ramp(0, &[(2, 4)], 0), 0, 0);
    let next = scenario("b", LoadModel::ConstantVus { vus: 1, duration: seconds(1) }, 2, 0);
    let beside = scenario("c", LoadModel::ConstantVus { vus: 1, duration: seconds(2) }, 0, 0);
    assert_eq!(needs(&[up.clone(), next, beside]).0, 4);
    assert_eq!(needs(&[up]).0, 4);
}

#[test]
fn vus_made_when_missed_are_counted_apart() {
    let open = scenario("a", rate(5, 50), 0, 30);
    assert_eq!(needs(std::slice::from_ref(&open)), (5, 50, seconds(40)));
    let closed = scenario("b", LoadModel::ConstantVus { vus: 20, duration: seconds(5) }, 40, 0);
    assert_eq!(needs(&[open, closed]), (20, 50, seconds(45)));
}

#[test]
fn what_has_no_end_has_the_largest() {
    let model = LoadModel::ExternallyControlled { vus: 1, max_vus: 7, duration: None };
    assert_eq!(needs(&[scenario("a", model, 0, 0)]), (7, 7, Duration::MAX));
    assert_eq!(needs(&[]), (0, 0, Duration::ZERO));
}

#[test]
fn ramps_with_too_many_steps_count_with_their_peak() {
    let big = |name, from, to| scenario(name, ramp(from, &[(10, to)], 0), 0, 0);
    assert_eq!(needs(&[big("a", 3_000_000, 0), big("b", 0, 3_000_000)]).0, 6_000_000);
    assert_eq!(needs(&[big("a", 100_000, 0), big("b", 0, 100_000)]).0, 100_000);
    // Alone, none is looked at.
    assert_eq!(needs(&[big("a", 0, 100_000_000)]).0, 100_000_000);
}

fn scenarios() -> impl Strategy<Value = Vec<Scenario>> {
    let stage = (0..20_u64, 0..12_u64);
    let ramps = (0..12_u64, prop::collection::vec(stage, 1..5), 0..8_u64)
        .prop_map(|(start, stages, graceful)| ramp(start, &stages, graceful));
    let steady = (1..12_u64, 1..20_u64).prop_map(|(vus, time)| LoadModel::ConstantVus { vus, duration: seconds(time) });
    let open = (0..12_u64, 1..12_u64).prop_map(|(planned, more)| rate(planned, planned + more));
    let one = (prop_oneof![2 => ramps, 1 => steady, 1 => open], 0..30_u64, 0..8_u64);
    prop::collection::vec(one.prop_map(|(model, start, graceful)| scenario("s", model, start, graceful)), 1..5)
}

proptest! {
    #[test]
    fn what_is_needed_is_the_highest_sum_at_any_time(scenarios in scenarios(), sequence in sequences()) {
        for share in shares(&sequence, 2).into_iter().take(3) {
            let found = Requirements::of(&scenarios, &share).unwrap();
            let (mut planned, mut max) = (0, 0);
            // All changes of these scenarios are within a tenth of a second of a sample, but between two ramps.
            for now in (0..1_200).map(|tenth| Duration::from_millis(tenth * 100)) {
                let running = scenarios.iter().filter(|one| one.start <= now && now < one.hard_end());
                let needs = running.map(|one| match (&one.model, one.model.vu_curve().unwrap()) {
                    (LoadModel::RampingVus { graceful_ramp_down, .. }, Some(curve)) => {
                        let own = share.scale(curve.reserved_at(now - one.start, *graceful_ramp_down));
                        (own, own)
                    }
                    (model, _) => (share.scale(model.planned_vus()), share.scale(model.vus())),
                });
                let sum = needs.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
                (planned, max) = (planned.max(sum.0), max.max(sum.1));
            }
            prop_assert!(found.planned_vus >= planned && found.max_vus >= max);
            let peaks = |of: fn(&LoadModel) -> u64| scenarios.iter().map(|one| share.scale(of(&one.model))).sum::<u64>();
            prop_assert!(found.planned_vus <= peaks(LoadModel::planned_vus));
            prop_assert!(found.max_vus <= peaks(LoadModel::vus));
            // A ramp alone counts with its highest level, even if that is reached only when its time is over.
            let steady = scenarios.iter().filter(|one| !matches!(one.model, LoadModel::RampingVus { .. }));
            let alone = steady.map(|one| Requirements::of(std::slice::from_ref(one), &share).unwrap());
            prop_assert!(found.planned_vus >= alone.map(|alone| alone.planned_vus).max().unwrap_or_default());
        }
    }
}
