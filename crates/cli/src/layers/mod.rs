//! Options from outside of scripts, each place a layer: the configuration file, variables, flags. All that is wrong with
//! them goes with the layers, so that it is told together with what is wrong in the script.

mod environment;
mod file;
mod given;
mod setting;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use throng_plan::{Layer, OptionError};

pub(crate) use environment::Environment;
pub(crate) use setting::Setting;

use crate::args::{OptionArgs, ScriptArgs};
use given::Gathered;

/// The configuration file's layer: the one that was named, or the user's own if there is one.
pub(crate) fn of_file(flag: Option<&PathBuf>, environment: &Environment) -> Option<Layer> {
    match Setting::CONFIG.file(flag, environment) {
        Some((path, origin)) => Some(file::named(&path, origin)),
        None => file::of_user(&user_directory(environment)?),
    }
}

/// Where programs keep a user's configuration.
fn user_directory(environment: &Environment) -> Option<PathBuf> {
    let given = environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
    given.or_else(|| environment.get("HOME").map(|home| Path::new(home).join(".config")))
}

/// The command line's layer.
pub(crate) fn of_flags(args: &OptionArgs) -> Layer {
    let mut gathered = Gathered::new("flags");
    for (row, texts) in &args.given {
        let flag = format!("--{}", row.flag_name().unwrap_or_default());
        gathered.add(row, &flag, value::of_flag(row.form, texts));
    }
    gathered.into_layer()
}

/// The script's variables: `-e` goes before those of an archive, and these before the system's, which are there if a
/// flag, a variable or the command's habit says so.
pub(crate) fn script_variables(
    args: &ScriptArgs,
    archived: BTreeMap<String, String>,
    (environment, by_habit): (&Environment, bool),
    faults: &mut Vec<OptionError>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let flag = args.include_system_env_vars.as_deref();
    if Setting::SYSTEM_ENV.switch(flag, environment, faults).unwrap_or(by_habit) {
        variables.extend(environment.texts());
    }
    variables.extend(archived);
    for pair in &args.env {
        match pair.split_once('=').filter(|(name, _)| is_variable_name(name)) {
            Some((name, value)) => drop(variables.insert(name.to_owned(), value.to_owned())),
            None => faults.push(OptionError {
                path: "env".to_owned(),
                origin: format!("-e {pair}"),
                message: "write it as NAME=VALUE, where NAME is a letter or _, then letters, digits or _".to_owned(),
            }),
        }
    }
    variables
}

fn is_variable_name(name: &str) -> bool {
    let fits =
        |(index, char): (usize, char)| char == '_' || char.is_ascii_alphabetic() || index > 0 && char.is_ascii_digit();
    !name.is_empty() && name.char_indices().all(fits)
}
