//! Times are those that the target took.

use std::time::Duration;

use anyhow::Result;
use throng_tests::{Target, Throng};

use crate::SCRIPTS;

#[test]
fn a_target_that_takes_50_ms_has_a_median_of_50_ms() -> Result<()> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/delay/50"));
    let throng = throng.args(["--quiet", "--vus", "10", "--iterations", "300"]);
    let summary = throng.finish()?.expect_code(0)?.summary()?;
    let (median, least) = (summary.value("http_req_duration", "med")?, summary.value("http_req_duration", "min")?);
    // Never sooner; later by the loopback, and on a busy machine by some waiting.
    assert!((50.0..55.0).contains(&median), "the median is {median} ms");
    assert!(least >= 50.0, "the least is {least} ms");
    let waiting = summary.value("http_req_waiting", "med")?;
    assert!((49.5..=median).contains(&waiting), "the median of waiting is {waiting} ms");
    Ok(())
}

#[test]
fn a_target_that_goes_silent_for_a_second_shows_in_the_maximum() -> Result<()> {
    let target = Target::start()?;
    let throng = Throng::run(&SCRIPTS.component("plain")?)?.variable("TARGET", target.url("/"));
    let process = throng.args(["--quiet", "--vus", "4", "--duration", "3s"]).start()?;
    target.await_served(100)?;
    target.stall(Duration::from_secs(1))?;
    let summary = process.wait(Duration::from_secs(60))?.expect_code(0)?.summary()?;
    let most = summary.value("http_req_duration", "max")?;
    assert!((990.0..2500.0).contains(&most), "the maximum is {most} ms");
    assert!(summary.value("http_req_duration", "med")? < 100.0);
    assert_eq!(summary.rate_counts("checks").1, 0);
    Ok(())
}
