//! Outputs of a run: every sample, or every second's distributions, written where `--out` says.
//!
//! An [`OutputSpec`] is one `--out` as it was typed. [`Outputs`] opens all of them, each with a thread of its own that
//! encodes and writes. A shard gets an [`Outlet`], gathers its samples in it, and hands them over in batches:
//!
//! ```text
//! shard: Outlet --batch--> bounded queue --> writer: encode (JSON lines, CSV) --> sink (file, gzip, stdout)
//! whoever leads: intervals --> bounded queue --> writer: encode (HdrHistogram log) --> sink
//! ```
//!
//! Nothing here makes a shard wait. Where a queue is full, or a sink has failed, the batch is dropped and its samples
//! counted: what an [`OutputReport`] calls written and lost is together what was recorded. Intervals are never dropped:
//! one that finds no room is merged into the next.
//!
//! [`junit`] makes a report for CI systems of a run's summary; it needs no thread.
//!
//! Not here: which samples there are and which tags they carry (`agent`), the summary's own forms (`stats`).

mod batch;
mod csv;
mod encode;
mod json;
pub mod junit;
mod moment;
mod outlet;
mod outputs;
mod queue;
mod sink;
mod spec;
mod writer;

pub use batch::{Context, Sample};
pub use csv::{CsvDefaults, CsvOptions, TimeFormat, TimeFormatError};
pub use encode::{MetricHead, RunHead};
pub use moment::rfc3339;
pub use outlet::Outlet;
pub use outputs::{OutputError, OutputReport, Outputs};
pub use queue::Interval;
pub use spec::{Destination, OutputSpec, SpecError};
