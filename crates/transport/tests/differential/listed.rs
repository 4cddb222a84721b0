//! `differences.txt`: where we differ from hyper, and why we are right.

/// Cases that differ.
pub(crate) struct Difference {
    /// A case's name, or its beginning and a star.
    pub(crate) pattern: String,
    /// How many cases did.
    pub(crate) seen: usize,
}

impl Difference {
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == self.pattern,
        }
    }
}

/// Each line is `names | paragraph | why we do as we do`.
pub(crate) fn differences() -> Vec<Difference> {
    let lines = include_str!("differences.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [pattern, paragraph, why] = parts[..] else { panic!("not three parts: {line}") };
            assert!(paragraph.starts_with("RFC 91") && paragraph.contains(" section "), "no paragraph: {line}");
            assert!(why.len() > 20, "no reason: {line}");
            Difference { pattern: pattern.to_owned(), seen: 0 }
        })
        .collect()
}
