//! Times are those that the target took.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use throng_tests::{Target, Throng};

use crate::SCRIPTS;

/// Runs something, and measures meanwhile by how many milliseconds this machine wakes those late that wait, in the mean
/// of nine tenths of all cases: it takes those that a stall makes late for no measure.
fn while_measuring<T>(what: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            let (wait, mut late) = (Duration::from_millis(5), Vec::new());
            while !is_over.load(Ordering::Relaxed) || late.is_empty() {
                let began = Instant::now();
                std::thread::sleep(wait);
                late.push((began.elapsed() - wait).as_secs_f64() * 1000.0);
            }
            late.sort_by(f64::total_cmp);
            late.truncate((late.len() * 9).div_ceil(10));
            late.iter().sum::<f64>() / late.len() as f64
        });
        let result = what();
        is_over.store(true, Ordering::Relaxed);
        let late = measuring.join().map_err(|_| anyhow::anyhow!("the measurement panicked"))?;
        Ok((result?, late))
    })
}

#[test]
fn a_target_that_takes_50_ms_has_a_median_of_50_ms() -> Result<()> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/delay/50"));
    let throng = throng.args(["--quiet", "--vus", "10", "--iterations", "300"]);
    let (summary, late) = while_measuring(|| throng.finish()?.expect_code(0)?.summary())?;
    let (median, least) = (summary.value("http_req_duration", "med")?, summary.value("http_req_duration", "min")?);
    // Never sooner; later by the loopback, and on a busy machine by the wakings of a request: of the target when it comes
    // and when its time is over, of throng when it is answered, each of which may wait for others that are woken too.
    let slack = 10.0 * late;
    assert!((50.0..55.0 + slack).contains(&median), "the median is {median} ms, and wakings are {late} ms late");
    assert!((50.0..55.0 + slack).contains(&least), "the least is {least} ms");
    let waiting = summary.value("http_req_waiting", "med")?;
    assert!((49.5 - slack..=median).contains(&waiting), "the median of waiting is {waiting} ms");
    Ok(())
}

#[test]
fn a_target_that_goes_silent_for_a_second_shows_in_the_maximum() -> Result<()> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/"));
    let process = throng.args(["--quiet", "--vus", "4", "--duration", "6s"]).start()?;
    target.await_served(100)?;
    target.stall(Duration::from_secs(1))?;
    let summary = process.wait(Duration::from_secs(60))?.expect_code(0)?.summary()?;
    let most = summary.value("http_req_duration", "max")?;
    // A request that was sent a little after it began waits a little less, and on a busy machine a little more.
    assert!((900.0..5000.0).contains(&most), "the maximum is {most} ms");
    assert!(summary.value("http_req_duration", "med")? < 100.0);
    assert_eq!(summary.rate_counts("checks").1, 0);
    Ok(())
}
