//! What merging windows and judging thresholds costs, without a network and in simulated time: CPU a second with 10,000
//! series, and memory after a day beside that after a minute.
#![expect(clippy::print_stdout, reason = "the tables are what this is for")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use throng_benches::usage::Memory;
use throng_benches::{Table, machine_line};
use throng_stats::{
    MetricId, Recorder, Registry, Selector, SeriesId, SourceId, TagSet, Threshold, Thresholds, Totals, Window,
    WindowMerger, builtin,
};

const SECOND: Duration = Duration::from_secs(1);
const SOURCES: u32 = 4;
const MINUTE: u32 = 60;
const DAY: u32 = 86_400;
/// The metrics of a request.
const METRICS: [MetricId; 10] = [
    builtin::HTTP_REQS,
    builtin::HTTP_REQ_FAILED,
    builtin::HTTP_REQ_DURATION,
    builtin::HTTP_REQ_BLOCKED,
    builtin::HTTP_REQ_CONNECTING,
    builtin::HTTP_REQ_TLS_HANDSHAKING,
    builtin::HTTP_REQ_SENDING,
    builtin::HTTP_REQ_WAITING,
    builtin::HTTP_REQ_RECEIVING,
    builtin::HTTP_REQ_LOOKING_UP,
];

fn main() -> Result<()> {
    println!("{}\n", machine_line());
    many_series()?;
    a_day()
}

/// CPU time of this process.
fn cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// Requests under many names, as one source records them.
struct Load {
    recorder: Recorder,
    series: Vec<SeriesId>,
    state: u64,
}

impl Load {
    fn new(registry: &Arc<Registry>, source: u32, names: usize) -> Self {
        let mut recorder = Recorder::new(Arc::clone(registry), SourceId(source));
        let names = (0..names).map(|n| TagSet::from_pairs([("name".to_owned(), format!("request {n}"))]));
        let series: Vec<_> = names.flat_map(|tags| METRICS.map(|metric| recorder.series(metric, &tags))).collect();
        Self { recorder, series, state: u64::from(source) + 1 }
    }

    /// So many requests, spread over all names, of 0.2 to some 20 ms.
    fn second(&mut self, requests: usize, at: Duration) -> Window {
        for n in 0..requests {
            let first = n * METRICS.len() % self.series.len();
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let even = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
            let ns = (200_000.0 * (even * 4.6).exp()) as u64;
            self.recorder.increment(self.series[first], 1);
            self.recorder.rate(self.series[first + 1], even > 0.99);
            for series in &self.series[first + 2..first + METRICS.len()] {
                self.recorder.record_ns(*series, ns);
            }
        }
        let vus = self.recorder.series(builtin::VUS, &TagSet::empty());
        self.recorder.set(vus, 100.0 + (self.state % 7) as f64);
        self.recorder.take(at)
    }
}

/// Two on each of so many names, and some on whole metrics.
fn thresholds(names: usize) -> Result<Thresholds> {
    let mut thresholds = Thresholds::new();
    for name in 0..names {
        let selector = Selector::parse(&format!("http_req_duration{{name:request {name}}}"))?;
        thresholds.add(selector, vec![Threshold::parse("p(95)<500")?, Threshold::parse("avg<100")?]);
    }
    let lately = Threshold::parse("p(99)<500")?.over_last(SECOND * 30);
    thresholds.add(Selector::metric_only("http_req_duration"), vec![Threshold::parse("p(95)<500")?, lately]);
    thresholds.add(Selector::metric_only("http_req_failed"), vec![Threshold::parse("rate<0.5")?]);
    thresholds.add(Selector::metric_only("vus"), vec![Threshold::parse("value>0")?]);
    Ok(thresholds)
}

fn totals(registry: &Arc<Registry>, thresholds: &Thresholds) -> Totals {
    Totals::new(Arc::clone(registry), &thresholds.selectors()).with_spans(&thresholds.spans())
}

/// 1,000 names of 10 metrics each, 20,000 requests a second.
fn many_series() -> Result<()> {
    const SECONDS: u32 = 20;
    let mut table = Table::new(&[
        "thresholds",
        "judging, ms/s",
        "merging, ms/s",
        "encoding, ms/s",
        "decoding, ms/s",
        "window, KiB",
        "totals, KiB",
    ]);
    for judged in [0, 10, 100] {
        let registry = Arc::new(Registry::new());
        let thresholds = thresholds(judged)?;
        let mut totals = totals(&registry, &thresholds);
        let mut load = Load::new(&registry, 0, 1000);
        let mut spent = [Duration::ZERO; 4];
        let mut bytes = 0;
        for second in 1..=SECONDS {
            let window = load.second(20_000, SECOND * second);
            let begin = cpu()?;
            let encoded = window.encode();
            let after_encoding = cpu()?;
            let window = Window::decode(&encoded, &registry)?;
            let after_decoding = cpu()?;
            totals.merge(&window);
            let after_merging = cpu()?;
            thresholds.evaluate(&mut totals, SECOND * second, false);
            let steps = [begin, after_encoding, after_decoding, after_merging, cpu()?];
            for (spent, step) in spent.iter_mut().zip(steps.windows(2)) {
                *spent += step[1] - step[0];
            }
            bytes = encoded.len();
        }
        let [encoding, decoding, merging, judging] =
            spent.map(|spent| format!("{:.2}", spent.as_secs_f64() * 1000.0 / f64::from(SECONDS)));
        let kib = |bytes: usize| (bytes / 1024).to_string();
        let count = thresholds.iter().map(|(_, list)| list.len()).sum::<usize>().to_string();
        table.row(vec![count, judging, merging, encoding, decoding, kib(bytes), kib(totals.held_bytes())]);
    }
    println!("10,000 series, 20,000 requests a second\n{table}");
    Ok(())
}

/// Windows of four sources a second, merged to one, encoded, decoded and judged; 50 names, 200 requests a source.
fn a_day() -> Result<()> {
    let registry = Arc::new(Registry::new());
    let thresholds = thresholds(20)?;
    let mut totals = totals(&registry, &thresholds);
    let mut loads: Vec<_> = (0..SOURCES).map(|source| Load::new(&registry, source, 50)).collect();
    let mut merger = WindowMerger::new(SourceId(SOURCES));
    let mut table = Table::new(&["seconds", "windows", "totals, KiB", "RSS, KiB", "CPU, s"]);
    let own = i32::try_from(std::process::id()).context("a process id is small")?;
    for second in 1..=DAY {
        for load in &mut loads {
            let window = load.second(200, SECOND * second);
            merger.add(window.clone());
            load.recorder.recycle(window);
        }
        let window = Window::decode(&merger.take().encode(), &registry)?;
        totals.merge(&window);
        thresholds.evaluate(&mut totals, SECOND * second, false);
        if second == MINUTE || second == 3600 || second == DAY {
            table.row(vec![
                second.to_string(),
                (second * SOURCES).to_string(),
                (totals.held_bytes() / 1024).to_string(),
                Memory::of(own)?.resident_kib.to_string(),
                format!("{:.0}", cpu()?.as_secs_f64()),
            ]);
        }
    }
    println!("a day of windows from {SOURCES} sources\n{table}");
    Ok(())
}
