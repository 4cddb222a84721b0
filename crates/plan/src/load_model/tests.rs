//! Simulated time: VUs whose iterations take as long as a test says.

use super::*;
use proptest::prelude::*;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What a simulated scenario came to.
#[derive(Debug, PartialEq)]
struct Run {
    started: Vec<u64>,
    last_start: Duration,
    dropped: u64,
    dropped_samples: usize,
}

/// Runs a model with VUs of which the n-th needs `took(n, iteration)`. VUs start by time and
/// number; no iteration is cut.
fn simulate(model: &LoadModel, took: impl Fn(u64, u64) -> Duration) -> Run {
    let vus = model.vus() as usize;
    let mut free_at = vec![Some(Duration::ZERO); vus];
    let mut started = vec![0; vus];
    let (mut taken, mut last_start) = (0, Duration::ZERO);
    loop {
        let next = free_at.iter().enumerate();
        let next = next.filter_map(|(vu, at)| at.map(|at| (at, vu))).min();
        let Some((now, vu)) = next else {
            break;
        };
        if !model.admits(now, started[vu], taken) {
            free_at[vu] = None;
            continue;
        }
        free_at[vu] = Some(now + took(vu as u64, started[vu]));
        started[vu] += 1;
        taken += 1;
        last_start = now;
    }
    let by_vu: Vec<_> = started.iter().map(|&done| model.dropped_by_vu(done)).collect();
    let by_all = model.dropped_by_all(taken);
    let samples = by_vu.iter().chain([&by_all]).filter(|&&dropped| dropped > 0);
    Run { last_start, dropped: by_all + by_vu.iter().sum::<u64>(), dropped_samples: samples.count(), started }
}

#[test]
fn fast_vus_take_more_of_the_shared_iterations() {
    let model = LoadModel::SharedIterations { vus: 2, iterations: 10, max_duration: ms(60_000) };
    let run = simulate(&model, |vu, _| if vu == 0 { ms(100) } else { ms(400) });
    assert_eq!(run.started, [8, 2]);
    assert_eq!(run.dropped, 0);
}

#[test]
fn shared_iterations_out_of_time_are_dropped_in_one_sample() {
    let model = LoadModel::SharedIterations { vus: 4, iterations: 100, max_duration: ms(1_000) };
    let run = simulate(&model, |_, _| ms(300));
    // Starts at 0, 300, 600 and 900 ms.
    assert_eq!(run.started, [4; 4]);
    assert_eq!(run.last_start, ms(900));
    assert_eq!((run.dropped, run.dropped_samples), (84, 1));
}

#[test]
fn each_vu_runs_its_own_iterations() {
    let model = LoadModel::PerVuIterations { vus: 3, iterations: 5, max_duration: ms(60_000) };
    let run = simulate(&model, |vu, _| ms(100 * (vu + 1)));
    assert_eq!(run.started, [5; 3]);
    assert_eq!(run.dropped, 0);
    assert_eq!(model.planned_iterations(), Some(15));
}

#[test]
fn each_vu_out_of_time_drops_its_own_iterations() {
    let model = LoadModel::PerVuIterations { vus: 3, iterations: 5, max_duration: ms(1_000) };
    // They have time for 10, 4 and 2.
    let run = simulate(&model, |vu, _| [ms(100), ms(250), ms(500)][vu as usize]);
    assert_eq!(run.started, [5, 4, 2]);
    assert_eq!((run.dropped, run.dropped_samples), (4, 2));
}

#[test]
fn constant_vus_loop_until_the_time_is_over_and_drop_nothing() {
    let model = LoadModel::ConstantVus { vus: 2, duration: ms(1_000) };
    let run = simulate(&model, |vu, _| ms(100 + 200 * vu));
    assert_eq!(run.started, [10, 4]);
    assert_eq!(run.last_start, ms(900));
    assert_eq!(run.dropped, 0);
    assert_eq!(model.planned_iterations(), None);
}

#[test]
fn nothing_starts_at_the_end_itself() {
    let model = LoadModel::ConstantVus { vus: 1, duration: ms(1_000) };
    assert!(model.admits(ms(999), 0, 0));
    assert!(!model.admits(ms(1_000), 0, 0));
}

#[test]
fn progress_is_of_iterations_where_they_are_planned_and_else_of_time() {
    let shared = LoadModel::SharedIterations { vus: 1, iterations: 8, max_duration: ms(1_000) };
    assert_eq!(shared.progress(ms(900), 2), 0.25);
    let constant = LoadModel::ConstantVus { vus: 1, duration: ms(1_000) };
    assert_eq!(constant.progress(ms(900), 2), 0.9);
    assert_eq!(constant.progress(ms(5_000), 2), 1.0);
}

proptest! {
    #[test]
    fn started_and_dropped_iterations_are_the_planned_ones(
        vus in 1..20_u64, extra in 0..200_u64, shared in any::<bool>(),
        limit in 1_000..20_000_u64, times in prop::collection::vec(1..3_000_u64, 20),
    ) {
        let max_duration = ms(limit);
        let model = if shared {
            LoadModel::SharedIterations { vus, iterations: vus + extra, max_duration }
        } else {
            LoadModel::PerVuIterations { vus, iterations: 1 + extra, max_duration }
        };
        let run = simulate(&model, |vu, _| ms(times[vu as usize]));
        let started: u64 = run.started.iter().sum();
        prop_assert_eq!(Some(started + run.dropped), model.planned_iterations());
        prop_assert!(run.last_start < max_duration);
    }
}
