//! `throng build`.

use crate::args::{BuildArgs, Global};
use crate::build::{self, BuildError};
use crate::exit::{Exit, Failure};
use crate::printing;

pub(crate) fn run(args: &BuildArgs, global: &Global) -> Result<Exit, Failure> {
    let mut log = |line: &str| printing::note(line, global);
    let built = build::build(&args.path, args.output.as_deref(), &mut log)?;
    printing::note(&format!("built {} ({} KiB)", built.path.display(), built.bytes.len().div_ceil(1024)), global);
    Ok(Exit::Success)
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(Exit::BuildFailed, error)
    }
}
