//! What is said about a run beside its options: k6 calls it runtime options. A flag goes before `THRONG_*`, and that
//! before `K6_*`.

use std::path::PathBuf;

use serde_json::Value;
use throng_plan::OptionError;

use super::environment::{self, Environment};
use crate::args::Form;

/// One such setting: its name, its flag, and its variables, the one that counts first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    name: &'static str,
    pub(crate) flag: &'static str,
    pub(crate) variables: &'static [&'static str],
}

impl Setting {
    pub(crate) const CONFIG: Self = Self { name: "config", flag: "-c", variables: &["THRONG_CONFIG", "K6_CONFIG"] };
    pub(crate) const SYSTEM_ENV: Self = Self {
        name: "includeSystemEnvVars",
        flag: "--include-system-env-vars",
        variables: &["THRONG_INCLUDE_SYSTEM_ENV_VARS", "K6_INCLUDE_SYSTEM_ENV_VARS"],
    };
    pub(crate) const NO_THRESHOLDS: Self = Self {
        name: "noThresholds",
        flag: "--no-thresholds",
        variables: &["THRONG_NO_THRESHOLDS", "K6_NO_THRESHOLDS"],
    };
    pub(crate) const SUMMARY_EXPORT: Self = Self {
        name: "summaryExport",
        flag: "--summary-export",
        variables: &["THRONG_SUMMARY_EXPORT", "K6_SUMMARY_EXPORT"],
    };
    pub(crate) const NEW_SUMMARY: Self = Self {
        name: "newMachineReadableSummary",
        flag: "--new-machine-readable-summary",
        variables: &["THRONG_NEW_MACHINE_READABLE_SUMMARY", "K6_NEW_MACHINE_READABLE_SUMMARY"],
    };
    pub(crate) const CONSOLE_OUTPUT: Self = Self {
        name: "consoleOutput",
        flag: "--console-output",
        variables: &["THRONG_CONSOLE_OUTPUT", "K6_CONSOLE_OUTPUT"],
    };
    pub(crate) const TLS_KEY_LOG: Self =
        Self { name: "tlsKeyLog", flag: "--tls-key-log", variables: &["THRONG_TLS_KEY_LOG", "SSLKEYLOGFILE"] };

    pub(crate) const BIND_IPS: Self =
        Self { name: "bindIps", flag: "--bind-ips", variables: &["THRONG_BIND_IPS", "K6_LOCAL_IPS"] };
    pub(crate) const BIND_STRATEGY: Self =
        Self { name: "bindStrategy", flag: "--bind-strategy", variables: &["THRONG_BIND_STRATEGY"] };
    pub(crate) const BIND_PORTS: Self =
        Self { name: "bindPorts", flag: "--bind-ports", variables: &["THRONG_BIND_PORTS"] };
    pub(crate) const FREEBIND: Self = Self { name: "freebind", flag: "--freebind", variables: &["THRONG_FREEBIND"] };

    pub(crate) const ALL: [Self; 11] = [
        Self::CONFIG,
        Self::SYSTEM_ENV,
        Self::NO_THRESHOLDS,
        Self::SUMMARY_EXPORT,
        Self::NEW_SUMMARY,
        Self::CONSOLE_OUTPUT,
        Self::TLS_KEY_LOG,
        Self::BIND_IPS,
        Self::BIND_STRATEGY,
        Self::BIND_PORTS,
        Self::FREEBIND,
    ];

    /// The names of all variables.
    pub(super) fn variables() -> impl Iterator<Item = String> {
        Self::ALL.into_iter().flat_map(|setting| setting.variables).map(|name| (*name).to_owned())
    }

    /// A switch by its flag's text or a variable; none if neither is there, or is at fault.
    pub(crate) fn switch(
        &self,
        flag: Option<&str>,
        environment: &Environment,
        faults: &mut Vec<OptionError>,
    ) -> Option<bool> {
        let typed = flag.map(|text| (self.flag, Ok(super::value::switch(text))));
        let variable = self.variable(environment);
        let variable =
            variable.map(|(name, text)| (name, environment::read(Form::Switch, text).map(Option::unwrap_or_default)));
        let (origin, value) = typed.or(variable)?;
        let message = match value {
            Ok(Value::Bool(value)) => return Some(value),
            Ok(other) => format!("must be true or false, not {other}"),
            Err(message) => message,
        };
        faults.push(OptionError { path: self.name.to_owned(), origin: origin.to_owned(), message });
        None
    }

    /// A file by its flag or a variable, with the place that names it.
    pub(crate) fn file(&self, flag: Option<&PathBuf>, environment: &Environment) -> Option<(PathBuf, &'static str)> {
        let typed = flag.map(|path| (path.clone(), self.flag));
        typed.or_else(|| self.variable(environment).map(|(name, path)| (PathBuf::from(path), name)))
    }

    /// A text by its flag or a variable, with the place that gives it.
    pub(crate) fn text(&self, flag: Option<&str>, environment: &Environment) -> Option<(String, &'static str)> {
        let typed = flag.map(|text| (text.to_owned(), self.flag));
        typed.or_else(|| self.variable(environment).map(|(name, text)| (text.to_string_lossy().into_owned(), name)))
    }

    fn variable<'e>(&self, environment: &'e Environment) -> Option<(&'static str, &'e std::ffi::OsString)> {
        self.variables.iter().find_map(|name| Some((*name, environment.get(name)?)))
    }
}
