//! A flag's name and text.

/// A flag's name and text.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    pub(super) value_name: &'static str,
    pub(super) help: &'static str,
    /// The value if none is typed.
    pub(super) missing: Option<&'static str>,
}

impl Flag {
    pub(super) const fn long(long: &'static str, value_name: &'static str, help: &'static str) -> Self {
        Self { long, short: None, value_name, help, missing: None }
    }

    pub(super) const fn short(short: char, long: &'static str, value_name: &'static str, help: &'static str) -> Self {
        Self { short: Some(short), ..Self::long(long, value_name, help) }
    }

    /// Its value may be left out, and is this then.
    pub(super) const fn or_else(self, missing: &'static str) -> Self {
        Self { missing: Some(missing), ..self }
    }
}
