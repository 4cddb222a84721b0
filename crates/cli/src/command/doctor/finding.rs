//! One line of what the doctor says.

use std::fmt;

use serde_json::{Value, json};

/// Columns before the text of a finding.
const INDENT: usize = 27;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing to do.
    Ok,
    /// A run works, within a limit that could be lifted.
    Note,
    /// No run works.
    Problem,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

/// What is there; what its shortage costs; how to lift it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) status: Status,
    pub(super) found: String,
    pub(super) cost: Option<String>,
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), cost: None, remedy: None }
    }

    pub(super) fn note(name: &'static str, found: impl Into<String>) -> Self {
        Self { status: Status::Note, ..Self::ok(name, found) }
    }

    pub(super) fn problem(name: &'static str, found: impl Into<String>) -> Self {
        Self { status: Status::Problem, ..Self::ok(name, found) }
    }

    pub(super) fn costs(self, cost: impl Into<String>) -> Self {
        Self { cost: Some(cost.into()), ..self }
    }

    pub(super) fn lifted_by(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name, "status": self.status.as_str(), "found": self.found, "cost": self.cost,
            "remedy": self.remedy,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Problem => "PROBLEM",
            status => status.as_str(),
        };
        write!(f, "{status:<8} {:<18}{}", self.name, self.found)?;
        let more = [("costs", &self.cost), ("lift it", &self.remedy)];
        for (label, text) in more.into_iter().filter_map(|(label, text)| Some((label, text.as_ref()?))) {
            let mut lines = text.lines().map(str::trim);
            write!(f, "\n{:INDENT$}{label}: {}", "", lines.next().unwrap_or_default())?;
            for line in lines {
                write!(f, "\n{:INDENT$}  {line}", "")?;
            }
        }
        Ok(())
    }
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
