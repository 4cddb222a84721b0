use proptest::prelude::*;

use super::*;
use crate::load_model::Stage;
use crate::segment::tests::sequences;
use crate::segment::{Segment, SegmentSequence};

const SECOND: Duration = Duration::from_secs(1);

/// The portions of all shards of all segments, by agent.
fn portions(scenarios: &[Scenario], sequence: &SegmentSequence, shards: u32) -> Vec<Vec<Portion>> {
    let portion = |segment: Segment| {
        let agent = SegmentTuple::new(Some(&segment), Some(sequence)).unwrap();
        (0..shards).map(|index| Portion::new(scenarios, &agent, Shard::new(index, shards)).unwrap()).collect()
    };
    sequence.segments().map(portion).collect()
}

fn stages() -> Vec<Stage> {
    [(SECOND, 40), (Duration::ZERO, 7), (SECOND, 23), (SECOND, 0)]
        .map(|(duration, target)| Stage { duration, target })
        .into()
}

fn models(vus: u64) -> Vec<LoadModel> {
    let max_duration = SECOND * 60;
    let (pre_allocated_vus, max_vus) = (vus / 2, vus);
    vec![
        LoadModel::SharedIterations { vus, iterations: 5 * vus + 3, max_duration },
        LoadModel::PerVuIterations { vus, iterations: 4, max_duration },
        LoadModel::ConstantVus { vus, duration: SECOND },
        LoadModel::RampingVus { start_vus: vus, stages: stages(), graceful_ramp_down: SECOND },
        LoadModel::ConstantArrivalRate { rate: 97, time_unit: SECOND, duration: SECOND, pre_allocated_vus, max_vus },
        LoadModel::RampingArrivalRate {
            start_rate: 9,
            time_unit: SECOND,
            stages: stages(),
            pre_allocated_vus,
            max_vus,
        },
        LoadModel::ExternallyControlled { vus, max_vus: 2 * vus, duration: None },
    ]
}

fn scenarios(vus: u64) -> Vec<Scenario> {
    let models = models(vus).into_iter().enumerate();
    models.map(|(n, model)| Scenario::new(format!("s{n}"), model)).collect()
}

#[test]
fn small_scenarios_spread_over_the_shards() {
    let one = LoadModel::ConstantVus { vus: 1, duration: SECOND };
    let same = (0..4).map(|n| Scenario::new(format!("s{n}"), one.clone())).collect::<Vec<_>>();
    let portions = portions(&same, &SegmentSequence::equal(1), 2).remove(0);
    for (shard, portion) in portions.iter().enumerate() {
        let work: Vec<_> = portion.scenarios().iter().map(ScenarioPortion::has_work).collect();
        let own = |n: usize| n % 2 == shard;
        assert_eq!(work, [own(0), own(1), own(2), own(3)]);
        assert_eq!(portion.requirements().planned_vus, 2);
    }
    // One after the other they need one VU, on the first shard.
    let mut later = same[..2].to_vec();
    later[0].graceful_stop = Duration::ZERO;
    later[1].start = SECOND;
    let first = Portion::new(&later, &SegmentTuple::whole(), Shard::new(0, 2)).unwrap();
    assert_eq!(first.requirements().planned_vus, 1);
    assert!(first.scenarios().iter().all(ScenarioPortion::has_work));
}

#[test]
fn no_tick_falls_to_a_shard_without_vus() {
    let scenarios = vec![Scenario::new("s", models(1).remove(4))];
    let portions = portions(&scenarios, &SegmentSequence::equal(2), 3);
    let all: Vec<_> = portions.iter().flatten().map(|portion| &portion.scenarios()[0]).collect();
    let ticks: Vec<_> = all.iter().map(|own| own.ticks().map_or(0, |ticks| ticks.total())).collect();
    assert_eq!(ticks, [97, 0, 0, 0, 0, 0]);
    assert_eq!((all[0].planned_vus(), all[0].max_vus()), (0, 1));
}

#[test]
fn an_agent_admits_its_own_iterations() {
    let scenarios = vec![Scenario::new("s", models(4).remove(0))];
    for (part, planned) in [(0, 12), (1, 11)] {
        let agent = SegmentTuple::equal(part, 2);
        let portion = Portion::new(&scenarios, &agent, Shard::new(1, 2)).unwrap();
        let own = &portion.scenarios()[0];
        assert_eq!(own.planned_iterations(), Some(planned));
        assert_eq!((own.admits(SECOND, 0, planned - 1), own.admits(SECOND, 0, planned)), (true, false));
        assert!(!own.admits(SECOND * 60, 0, 0));
    }
}

#[test]
fn a_vu_that_is_stopped_is_cut_by_the_earlier_limit() {
    let scenarios = vec![Scenario::new("s", models(3).remove(3))];
    let portion = Portion::new(&scenarios, &SegmentTuple::whole(), Shard::new(0, 1)).unwrap();
    let own = &portion.scenarios()[0];
    assert_eq!(own.cut_at(SECOND, SECOND * 30), SECOND * 2);
    assert_eq!(own.cut_at(SECOND * 3, SECOND / 2), SECOND * 7 / 2);
}

#[test]
fn what_cant_be_divided_names_the_scenario() {
    let max_vus = 16_777_259 * 2;
    let (time_unit, duration, pre_allocated_vus) = (SECOND, SECOND, 0);
    let model = LoadModel::ConstantArrivalRate { rate: 1, time_unit, duration, pre_allocated_vus, max_vus };
    let agent = SegmentTuple::equal(0, 3);
    let error = Portion::new(&[Scenario::new("big", model)], &agent, Shard::new(0, 1)).unwrap_err();
    assert_eq!(error.to_string(), "the scenario `big` can't be divided");
}

proptest! {
    #[test]
    fn everybody_together_does_what_one_does_alone(sequence in sequences(), shards in 1..5_u32, vus in 1..40_u64) {
        let scenarios = scenarios(vus);
        let whole = Portion::new(&scenarios, &SegmentTuple::whole(), Shard::new(0, 1)).unwrap();
        let agents = portions(&scenarios, &sequence, shards);
        let mut numbers = Vec::new();
        for (n, alone) in whole.scenarios().iter().enumerate() {
            let all: Vec<_> = agents.iter().flatten().map(|portion| &portion.scenarios()[n]).collect();
            let sum = |of: fn(&ScenarioPortion) -> u64| all.iter().map(|own| of(own)).sum::<u64>();
            prop_assert_eq!(sum(ScenarioPortion::max_vus), alone.max_vus());
            prop_assert_eq!(sum(ScenarioPortion::planned_vus), alone.planned_vus());
            prop_assert!(all.iter().all(|own| own.has_work() == (own.max_vus() > 0)));

            // Iterations, by the agent where its shards share a counter.
            if let Some(planned) = alone.planned_iterations() {
                let shared = matches!(scenarios[n].model, LoadModel::SharedIterations { .. });
                let first = agents.iter().filter_map(|agent| agent.iter().map(|shard| &shard.scenarios()[n]).find(|own| own.has_work()));
                let counters: Vec<_> = if shared { first.collect() } else { all.clone() };
                let counts = counters.iter().map(|own| own.planned_iterations().unwrap());
                prop_assert_eq!(counts.sum::<u64>(), planned);
                numbers.clear();
                if shared {
                    for own in counters {
                        numbers.extend((0..own.planned_iterations().unwrap()).map(|n| own.iteration_number(n)));
                    }
                    numbers.sort_unstable();
                    prop_assert_eq!(&numbers, &(0..planned).collect::<Vec<_>>());
                }
            }

            if let Some(ticks) = alone.ticks() {
                let mut overlaid: Vec<_> = all.iter().filter_map(|own| own.ticks()).flatten().map(|t| (t.number, t.at)).collect();
                overlaid.sort_unstable();
                prop_assert_eq!(overlaid, ticks.map(|tick| (tick.number, tick.at)).collect::<Vec<_>>());
            }

            if let Some(steps) = alone.vu_steps() {
                let of = |own: &ScenarioPortion| {
                    let share = own.share().clone();
                    own.vu_steps().unwrap().map(move |step| (step.at, share.nth(step.vu), step.wanted)).collect::<Vec<_>>()
                };
                let mut overlaid: Vec<_> = all.iter().flat_map(|own| of(own)).collect();
                overlaid.sort_unstable();
                let mut expected: Vec<_> = steps.map(|step| (step.at, step.vu, step.wanted)).collect();
                expected.sort_unstable();
                prop_assert_eq!(overlaid, expected);
            }

            if let Some(controlled) = alone.controlled() {
                prop_assert_eq!(all.iter().map(|own| controlled.wanted(own.share())).sum::<u64>(), vus);
            }
        }
    }

    #[test]
    fn vus_have_numbers_of_their_own(sequence in sequences(), shards in 1..5_u32, vus in 1..40_u64) {
        let agents = portions(&scenarios(vus), &sequence, shards);
        let mut in_run = Vec::new();
        for agent in &agents {
            let numbers = |portion: &Portion| (0..50).map(|n| portion.vu_numbers(n)).collect::<Vec<_>>();
            let numbers: Vec<_> = agent.iter().flat_map(numbers).collect();
            let mut in_agent: Vec<_> = numbers.iter().map(|numbers| numbers.in_agent).collect();
            in_agent.sort_unstable();
            prop_assert_eq!(in_agent, (1..=50 * u64::from(shards)).collect::<Vec<_>>());
            in_run.extend(numbers.iter().map(|numbers| numbers.in_run));
        }
        let count = in_run.len();
        in_run.sort_unstable();
        in_run.dedup();
        prop_assert_eq!(in_run.len(), count);
    }
}
