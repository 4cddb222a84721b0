//! Scripts of the tests, compiled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::throng::Throng;

/// The first build on a machine compiles the SDK, and perhaps the standard library.
const BUILD_DEADLINE: Duration = Duration::from_secs(600);

/// Scripts of a directory, each compiled at its first use.
#[derive(Debug)]
pub struct Scripts {
    sources: &'static str,
    components: &'static str,
    built: Mutex<BTreeMap<String, PathBuf>>,
}

impl Scripts {
    /// Scripts whose sources are in one directory and whose components go to another.
    #[must_use]
    pub const fn new(sources: &'static str, components: &'static str) -> Self {
        Self { sources, components, built: Mutex::new(BTreeMap::new()) }
    }

    /// The component of `NAME.rs`.
    ///
    /// # Errors
    /// When it can't be compiled.
    pub fn component(&self, name: &str) -> Result<PathBuf> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = built.get(name) {
            return Ok(component.clone());
        }
        let source = Path::new(self.sources).join(format!("{name}.rs"));
        let component = Path::new(self.components).join(format!("{name}.wasm"));
        let process = Throng::command(["build".as_ref(), source.as_os_str()])?.arg("-o").arg(&component).start()?;
        process.wait(BUILD_DEADLINE)?.expect_code(0).with_context(|| format!("{} can't be built", source.display()))?;
        built.insert(name.to_owned(), component.clone());
        Ok(component)
    }
}
