//! Patterns of host names.

use std::fmt;

/// A host name, or with a leading `*` all that end like it: `example.com`, `*.example.com`, `*`.
///
/// It is kept in lower case, as URLs keep their hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern(String);

/// Why a text isn't a pattern of host names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// It has another shape.
    #[error(
        "`{0}` isn't a host name; write it like `example.com`, or `*.example.com` for all below it, without scheme and \
         path"
    )]
    Shape(String),
    /// Only the beginning may be open.
    #[error("`{0}` has a `*` that isn't its beginning; a pattern is `*` and then what names end with")]
    Star(String),
    /// URLs hold such names in another form.
    #[error("`{0}` has letters beyond ASCII; write the name as DNS has it, beginning with `xn--`")]
    Unicode(String),
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// When it isn't a name of letters, digits, `-` and `_` with dots between, after an optional `*` or `*.`.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let shape = || HostPatternError::Shape(text.to_owned());
        let name = text.strip_prefix('*').unwrap_or(text);
        if name.contains('*') {
            return Err(HostPatternError::Star(text.to_owned()));
        }
        if !name.is_ascii() {
            return Err(HostPatternError::Unicode(text.to_owned()));
        }
        let is_open = name.len() < text.len();
        let labels = if is_open { name.strip_prefix('.').unwrap_or(name) } else { name };
        let is_all = is_open && name.is_empty();
        if !is_all && !labels.split('.').all(is_label) {
            return Err(shape());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Letters, digits, `-` and `_`, neither beginning nor ending with `-`.
fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !label.is_empty() && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_suffixes_are_read() {
        for text in
            ["example.com", "a", "*.example.com", "*example.com", "*", "10.0.0.1", "my_service", "xn--bcher-kva.de"]
        {
            assert_eq!(HostPattern::parse(text).map(|pattern| pattern.0), Ok(text.to_owned()));
        }
        assert_eq!(HostPattern::parse("*.Example.COM").unwrap().as_str(), "*.example.com");
    }

    #[test]
    fn other_texts_say_what_is_wrong() {
        for text in ["", ".", "*.", "a..b", ".a", "a.", "http://a", "a/b", "a b", "a:80", "-a", "a-.b", "::1"] {
            assert_eq!(HostPattern::parse(text), Err(HostPatternError::Shape(text.to_owned())));
        }
        for text in ["a.*", "a.*.b", "**.a"] {
            assert_eq!(HostPattern::parse(text), Err(HostPatternError::Star(text.to_owned())));
        }
        assert_eq!(HostPattern::parse("bücher.de"), Err(HostPatternError::Unicode("bücher.de".to_owned())));
    }
}
