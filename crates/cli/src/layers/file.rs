//! The configuration file: options in k6's shape, as JSON or TOML.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use throng_plan::{Layer, OptionError};

/// The most bytes of a configuration file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Names of the user's own file; there may be one of them.
const NAMES: [&str; 2] = ["config.json", "config.toml"];

/// A file that was named by a flag or a variable: it has to be there.
pub(super) fn named(path: &Path, origin: &str) -> Layer {
    match read(path) {
        Ok(text) => parse(path, &text),
        Err(error) => at_fault(
            path,
            OptionError {
                path: "config".to_owned(),
                origin: origin.to_owned(),
                message: format!("{} can't be read: {error}; name a file with options as JSON or TOML", path.display()),
            },
        ),
    }
}

/// The user's own file in their directory for configuration, if there is one.
pub(super) fn of_user(directory: &Path) -> Option<Layer> {
    let found: Vec<PathBuf> =
        NAMES.map(|name| directory.join("throng").join(name)).into_iter().filter(|path| path.exists()).collect();
    match found.as_slice() {
        [] => None,
        [path] => Some(named(path, &path.display().to_string())),
        [path, other, ..] => {
            let message = format!("{} is there too; keep one of them", other.display());
            let (shown, key) = (path.display().to_string(), "config".to_owned());
            Some(at_fault(path, OptionError { path: key, origin: shown, message }))
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One more is enough to tell.
    File::open(path)?.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has more than {CONFIG_BYTES_MAX} bytes, the most of a configuration"
        )));
    }
    Ok(text)
}

/// Reads a file by its extension, and by its first character where that says nothing.
fn parse(path: &Path, text: &str) -> Layer {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_json = match extension.to_ascii_lowercase().as_str() {
        "json" => true,
        "toml" => false,
        _ => text.trim_start().starts_with('{'),
    };
    let origin = path.display().to_string();
    if is_json { Layer::of_json(origin, text) } else { of_toml(origin, text) }
}

fn at_fault(path: &Path, fault: OptionError) -> Layer {
    Layer { faults: vec![fault], ..Layer::new(path.display().to_string(), Value::Null) }
}

/// Options as a TOML text. One that isn't TOML is a fault of the layer.
fn of_toml(origin: String, text: &str) -> Layer {
    match toml::from_str(text) {
        Ok(value) => Layer::new(origin, value),
        Err(error) => {
            let at = error.span().map_or(text.len(), |span| span.start);
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let fault = OptionError {
                path: format!("line {line}, column {column}"),
                origin: origin.clone(),
                message: format!("this isn't valid TOML: {message}"),
            };
            Layer { faults: vec![fault], ..Layer::new(origin, Value::Null) }
        }
    }
}
