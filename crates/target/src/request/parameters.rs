//! Lists of `name=value` in a field, whose values may be quoted strings: RFC 9110 section 5.6.

/// The parameters of `text`, which `separator` parts; names in lower case. What has no `=` is a name without a value.
pub(crate) fn parameters(text: &str, separator: char) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut characters = text.chars().peekable();
    while characters.peek().is_some() {
        let (mut name, mut value, mut in_value) = (String::new(), String::new(), false);
        while let Some(character) = characters.next() {
            match character {
                _ if character == separator => break,
                '=' if !in_value => in_value = true,
                '"' if in_value && value.trim().is_empty() => {
                    value = quoted(&mut characters);
                    // Nothing but blanks may follow; it is passed over.
                    while characters.next_if(|next| *next != separator).is_some() {}
                }
                _ if in_value => value.push(character),
                _ => name.push(character),
            }
        }
        let name = name.trim();
        if !name.is_empty() {
            found.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    found
}

/// The rest of a quoted string. Only a quote and a backslash are escaped: Windows' paths come with bare backslashes.
fn quoted(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.push(characters.next_if(|next| matches!(next, '"' | '\\')).unwrap_or('\\')),
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_may_hold_the_separator_and_quotes() {
        let seen = parameters(r#"form-data; name="a;b" ; FileName="c\"d\\e\f" x; empty=; lone;; q = "1""#, ';');
        let expected =
            [("form-data", ""), ("name", "a;b"), ("filename", r#"c"d\e\f"#), ("empty", ""), ("lone", ""), ("q", "1")];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(seen, expected);
    }
}
