//! Options from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::Value;
use throng_output::CsvDefaults;
use throng_plan::{Layer, nearest};

use super::given::Gathered;
use super::setting::Setting;
use super::value::{self, Fault};
use crate::args::{Form, Prefix, rows};

/// How the names of our own variables begin.
const PREFIX: &str = "THRONG_";
/// And those of k6's.
const K6_PREFIX: &str = "K6_";

/// Variables of k6's options that aren't supported yet, which `throng_plan` refuses by the option's name.
const NOT_YET: [(&str, &str); 1] = [("WEB_DASHBOARD", "webDashboard")];

/// The environment as it was when the program started.
#[derive(Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// This process's.
    pub(crate) fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// A variable that isn't empty.
    pub(super) fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    /// The variables that are text, for scripts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().filter_map(|(name, value)| Some((name.clone(), value.to_str()?.to_owned())))
    }

    /// k6's variables for the output csv.
    pub(crate) fn csv_defaults(&self) -> CsvDefaults {
        let text = |name: &str| self.get(name).map(|value| value.to_string_lossy().into_owned());
        CsvDefaults {
            file: text("K6_CSV_FILENAME"),
            time_format: text("K6_CSV_TIME_FORMAT"),
            save_interval: text("K6_CSV_SAVE_INTERVAL"),
        }
    }

    /// The layers of `K6_*` and, above it, `THRONG_*`.
    pub(crate) fn layers(&self) -> [Layer; 2] {
        [(Prefix::K6, "K6_*"), (Prefix::Throng, "THRONG_*")].map(|(prefix, origin)| {
            let mut gathered = Gathered::new(origin);
            for row in rows() {
                let named = row.variable.named(prefix);
                if let Some((name, text)) = named.and_then(|name| Some((name.clone(), self.get(&name)?))) {
                    gathered.add(row, &name, read(row.form, text));
                }
            }
            for (name, key) in NOT_YET {
                let name = format!("{}{name}", if prefix == Prefix::K6 { K6_PREFIX } else { PREFIX });
                if self.get(&name).is_some_and(|text| text != "false" && text != "0") {
                    gathered.add_unsupported(key, &name);
                }
            }
            gathered.into_layer()
        })
    }

    /// A sentence on each variable that is named nearly like one of ours.
    pub(crate) fn misspelt(&self) -> Vec<String> {
        let of_options = rows().filter_map(|row| row.variable.named(Prefix::Throng));
        let known: Vec<String> = of_options.chain(Setting::variables()).collect();
        let ours = self.0.keys().filter(|name| name.starts_with(PREFIX) && !known.contains(name));
        // The prefix is no likeness.
        let bare = |name: &'_ str| name.strip_prefix(PREFIX).map(str::to_owned);
        let names: Vec<String> = known.iter().filter_map(|name| bare(name)).collect();
        let near = ours.filter_map(|name| Some((name, nearest(&bare(name)?, names.iter().map(String::as_str))?)));
        near.map(|(name, nearest)| {
            format!("the variable {name} is of no effect: there is no such option; did you mean {PREFIX}{nearest}?")
        })
        .collect()
    }
}

impl FromIterator<(String, OsString)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, OsString)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// A variable's value; none if it is empty.
pub(super) fn read(form: Form, text: &OsString) -> Result<Option<Value>, Fault> {
    let text = text.to_str().ok_or("holds bytes that aren't UTF-8 text; write it anew")?;
    value::of_variable(form, text)
}
