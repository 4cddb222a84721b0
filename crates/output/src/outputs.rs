//! All outputs of a run.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use crate::encode::RunHead;
use crate::junit::{self, Verdicts};
use crate::outlet::Outlet;
use crate::queue::{Interval, Lane};
use crate::sink::Sink;
use crate::spec::{Format, OutputSpec};
use crate::writer::{self, WriterLink};

/// How long opening may take: a named pipe waits for its reader.
const OPEN_WAIT: Duration = Duration::from_secs(10);
/// How long a run that has ended waits for an output that takes nothing more.
const STALL_WAIT: Duration = Duration::from_secs(3);
/// How long it waits for one that is slow.
const DRAIN_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at a writer.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Why outputs could not begin.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The destination can't be written to.
    #[error("the output {output} can't be opened")]
    Open {
        /// As it was typed.
        output: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Opening takes too long.
    #[error("the output {0} isn't open after {OPEN_WAIT:?}: if it is a named pipe, start its reader first")]
    Waiting(String),
}

/// What became of one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputReport {
    /// As it was typed.
    pub output: String,
    /// Samples that were written; always 0 of an output that takes none.
    pub written: u64,
    /// Samples that were recorded and not written.
    pub lost: u64,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl OutputReport {
    /// What is missing and what to do about it; none if all is there.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let Self { output, written, lost, failure } = self;
        let all = written + lost;
        match failure {
            Some(failure) if all == 0 => {
                Some(format!("the output {output} has failed: {failure}; free space or give it another file"))
            }
            Some(failure) => Some(format!(
                "the output {output} has failed, so {lost} of {all} samples aren't in it: {failure}; free space or \
                 give it another file"
            )),
            None if *lost > 0 => Some(format!(
                "the output {output} was too slow, so {lost} of {all} samples aren't in it: write to a faster disk or \
                 reader, have fewer samples, or use --out hdr=FILE, which holds all values in a line a second"
            )),
            None => None,
        }
    }
}

struct Open {
    name: String,
    format: Format,
    link: WriterLink,
    /// Whether it was said that it loses samples.
    told: bool,
    /// What its last intervals come to, while there is no room for them.
    waiting: Option<Box<Interval>>,
}

/// The outputs of a run. Dropping them leaves what isn't written.
pub struct Outputs {
    open: Vec<Open>,
    /// Reports that are made of the summary, and where they go.
    reports: Vec<(String, Sink)>,
}

impl Outputs {
    /// Opens all outputs that are written during a run.
    ///
    /// # Errors
    /// When one can't be opened.
    pub fn start(specs: &[OutputSpec], run: RunHead) -> Result<Self, OutputError> {
        let run = Arc::new(run);
        let (mut open, mut reports) = (Vec::new(), Vec::new());
        for spec in specs {
            let name = format!("{}={}", spec.name(), spec.destination);
            let failed = |source| OutputError::Open { output: name.clone(), source };
            let Some(format) = spec.format else {
                // Now, so that a wrong path is known before the run.
                let sink = Sink::open(&spec.destination).map_err(failed)?;
                reports.push((name, sink));
                continue;
            };
            let link = writer::start(format, spec.destination.clone(), &run).map_err(failed)?;
            match link.opened.recv_timeout(OPEN_WAIT) {
                Ok(opened) => opened.map_err(failed)?,
                Err(RecvTimeoutError::Timeout) => return Err(OutputError::Waiting(name)),
                Err(RecvTimeoutError::Disconnected) => return Err(failed(io::ErrorKind::Other.into())),
            }
            open.push(Open { name, format, link, told: false, waiting: None });
        }
        Ok(Self { open, reports })
    }

    /// An end for one thread's samples; none if no output takes samples.
    #[must_use]
    pub fn outlet(&self) -> Option<Outlet> {
        let taking = self.open.iter().filter(|output| output.format != Format::Hdr);
        let lanes: Arc<[Lane]> = taking.map(|output| output.link.lane.clone()).collect();
        (!lanes.is_empty()).then(|| Outlet::new(lanes))
    }

    /// Whether an output takes intervals.
    #[must_use]
    pub fn takes_intervals(&self) -> bool {
        self.open.iter().any(|output| output.format == Format::Hdr)
    }

    /// Hands an interval to the outputs that take such.
    pub fn send_interval(&mut self, interval: &Interval) {
        for output in self.open.iter_mut().filter(|output| output.format == Format::Hdr) {
            let next = match output.waiting.take() {
                Some(mut waiting) => {
                    waiting.absorb(interval);
                    waiting
                }
                None => Box::new(interval.clone()),
            };
            output.waiting = output.link.lane.send_interval(next).err();
        }
    }

    /// What went wrong since the last call, once for each output.
    pub fn troubles(&mut self) -> Vec<String> {
        let mut troubles = Vec::new();
        for output in self.open.iter_mut().filter(|output| !output.told) {
            let (failure, refused) = (output.link.state.failure(), output.link.lane.counts().refused());
            if let Some(failure) = failure {
                troubles
                    .push(format!("the output {} has failed, and the run goes on without it: {failure}", output.name));
            } else if refused > 0 {
                troubles.push(format!("the output {} is too slow, and samples are left out", output.name));
            } else {
                continue;
            }
            output.told = true;
        }
        troubles
    }

    /// Writes the reports that are made of the summary, and says which could not be written.
    #[must_use]
    pub fn write_reports(&mut self, verdicts: &Verdicts) -> Vec<OutputReport> {
        let write = |mut sink: Sink| {
            sink.write(junit::render(verdicts)?.as_bytes())?;
            sink.finish()
        };
        let failures = self.reports.drain(..).filter_map(|(output, sink)| Some((output, write(sink).err()?)));
        failures
            .map(|(output, error)| OutputReport { output, written: 0, lost: 0, failure: Some(error.to_string()) })
            .collect()
    }

    /// Waits until all is written, as long as something is, and says what became of each output.
    #[must_use]
    pub fn finish(&mut self) -> Vec<OutputReport> {
        let began = Instant::now();
        self.open.iter_mut().map(|output| output.finish(began)).collect()
    }
}

impl Open {
    fn finish(&mut self, began: Instant) -> OutputReport {
        let WriterLink { lane, state, .. } = &self.link;
        let counts = lane.counts();
        let (mut written, mut progressed) = (counts.written(), Instant::now());
        let mut told = false;
        let stalled = loop {
            if state.has_ended() {
                break false;
            }
            if let Some(waiting) = self.waiting.take() {
                self.waiting = lane.send_interval(waiting).err();
            }
            told = told || self.waiting.is_none() && lane.end();
            if counts.written() != written {
                (written, progressed) = (counts.written(), Instant::now());
            }
            if progressed.elapsed() > STALL_WAIT || began.elapsed() > DRAIN_WAIT {
                break true;
            }
            thread::sleep(LOOK_EVERY);
        };
        let mut failure = state.failure();
        if stalled && self.format == Format::Hdr {
            failure = failure.or_else(|| Some("it takes nothing more".to_owned()));
        }
        OutputReport { output: self.name.clone(), written: counts.written(), lost: counts.lost(), failure }
    }
}

impl Interval {
    /// Adds what came after.
    fn absorb(&mut self, later: &Self) {
        self.to = later.to;
        for (metric, trend) in &later.trends {
            match self.trends.iter_mut().find(|(known, _)| known == metric) {
                Some((_, values)) => values.merge(trend),
                None => self.trends.push((*metric, trend.clone())),
            }
        }
    }
}
