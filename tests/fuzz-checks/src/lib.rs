//! What is true of our parsers whatever bytes they get: one function a target, which panics if it isn't.
//!
//! libFuzzer calls them with bytes of its own making (`tests/fuzz/targets`, by `tools/fuzz`); the test of this crate
//! calls them with the seeds in `tests/fuzz/seeds/TARGET`, so that what fuzzing found once is checked by every run of
//! the tests. A new target needs a module here, a line in [`TARGETS`], a program in `targets` and a seed or more.

mod archive;
mod codings;
mod cookies;
mod pieces;
mod response;
mod urls;
mod window;

pub use archive::archive;
pub use codings::codings;
pub use cookies::cookies;
pub use response::response;
pub use urls::urls;
pub use window::window;

/// A target: its name, which is that of its program and its directory of seeds, and what is checked.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("archive", archive),
    ("codings", codings),
    ("cookies", cookies),
    ("response", response),
    ("urls", urls),
    ("window", window),
];
