//! `throng new`.

use crate::args::NewArgs;
use crate::exit::{Exit, Failure};
use crate::printing;
use crate::scaffold;

pub(crate) fn run(args: &NewArgs) -> Result<Exit, Failure> {
    let path = scaffold::scaffold(&args.path).map_err(|error| Failure::new(Exit::Other, error))?;
    printing::line(&format!("made {0}; run it with: throng run {0} -e TARGET=http://127.0.0.1:8080", path.display()));
    Ok(Exit::Success)
}
