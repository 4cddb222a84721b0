//! The texts that a `#[summary]` function returns.

/// Texts by destination, built up one by one.
///
/// ```no_run
/// use throng::prelude::*;
///
/// #[summary]
/// fn summarize(data: Value) -> Summary {
///     let requests = &data["metrics"]["http_reqs"]["values"]["count"];
///     Summary::new().stdout(format!("{requests} requests\n")).file("summary.json", data.to_string())
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary(Vec<(String, String)>);

impl Summary {
    /// Nothing, which shows nothing: the built-in summary isn't printed then.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what is printed on standard output.
    pub fn stdout(self, text: impl Into<String>) -> Self {
        self.to("stdout", text)
    }

    /// Adds what is printed on standard error.
    pub fn stderr(self, text: impl Into<String>) -> Self {
        self.to("stderr", text)
    }

    /// Adds a file that is written where `throng run` was started.
    pub fn file(self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.to(path, text)
    }

    fn to(mut self, destination: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.push((destination.into(), text.into()));
        self
    }
}

impl IntoIterator for Summary {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
