//! One option and how it is given.

use clap::{Arg, ArgAction};

use super::flag::Flag;

/// An option as it can be given outside of files and scripts.
#[derive(Debug)]
pub(crate) struct OptionRow {
    /// Its key in files and scripts; those under `throng` as `throng.seed`.
    pub(crate) key: &'static str,
    pub(crate) variable: Variable,
    pub(crate) form: Form,
    flag: Option<Flag>,
}

/// What follows the prefix in the name of an option's environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// With the prefix `K6_` or `THRONG_`.
    K6(&'static str),
    /// With the prefix `THRONG_`: k6 has no such variable.
    Own(&'static str),
}

/// How the text of a flag or variable becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    Switch,
    Text,
    /// Parts between commas.
    List,
    /// A flag for each; commas part those of a variable.
    Repeated,
    /// `NAME=VALUE`, a flag for each; commas part those of a variable.
    Pairs,
    /// `TIME:TARGET`, between commas.
    Stages,
    Json,
    PairsOrJson,
    TextOrJson,
    /// Names of files, whose content is the value.
    PemFiles,
    /// A switch that gives the value `disabled`.
    Disables,
}

impl OptionRow {
    pub(super) const fn new(key: &'static str, variable: Variable, form: Form) -> Self {
        Self { key, variable, form, flag: None }
    }

    pub(super) const fn flag(self, flag: Flag) -> Self {
        Self { key: self.key, variable: self.variable, form: self.form, flag: Some(flag) }
    }

    /// Its flag's name, without dashes.
    pub(crate) fn flag_name(&self) -> Option<&'static str> {
        self.flag.as_ref().map(|flag| flag.long)
    }

    /// Its flag as it is typed: `-u, --vus`.
    #[cfg(test)]
    pub(crate) fn flag_text(&self) -> Option<String> {
        let flag = self.flag.as_ref()?;
        Some(match flag.short {
            Some(short) => format!("`-{short}`, `--{}`", flag.long),
            None => format!("`--{}`", flag.long),
        })
    }

    /// Its flag for clap, which takes any text as its value.
    pub(super) fn arg(&self) -> Option<Arg> {
        let flag = self.flag.as_ref()?;
        let mut arg = Arg::new(flag.long).long(flag.long).value_name(flag.value_name).help(flag.help);
        arg = match flag.short {
            Some(short) => arg.short(short),
            None => arg,
        };
        let is_several = matches!(
            self.form,
            Form::List | Form::Repeated | Form::Pairs | Form::Stages | Form::PairsOrJson | Form::PemFiles
        );
        // Of a single one the last counts, as with k6.
        arg = if is_several {
            arg.action(ArgAction::Append)
        } else {
            arg.action(ArgAction::Set).overrides_with(flag.long)
        };
        let is_switch = matches!(self.form, Form::Switch | Form::Disables);
        Some(match flag.missing.or(is_switch.then_some("true")) {
            Some(missing) => arg.num_args(0..=1).require_equals(true).default_missing_value(missing),
            None => arg.allow_negative_numbers(true),
        })
    }
}

impl Variable {
    /// The name with a prefix, if it has that.
    pub(crate) fn named(self, prefix: Prefix) -> Option<String> {
        match (self, prefix) {
            (Self::K6(name), Prefix::K6) => Some(format!("K6_{name}")),
            (Self::K6(name) | Self::Own(name), Prefix::Throng) => Some(format!("THRONG_{name}")),
            (Self::Own(_), Prefix::K6) => None,
        }
    }
}

/// How variables begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    K6,
    Throng,
}
