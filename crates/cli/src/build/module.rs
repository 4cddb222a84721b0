//! A core module's sections, as far as choosing a world needs them.

/// What is wrong with a module: nothing of it can be used.
const BROKEN: &str = "the compiler wrote a module that breaks off";

/// A module's header, and its sections one after another: number, name if it is a custom one, all of its bytes.
struct Sections<'a>(&'a [u8]);

struct Section<'a> {
    number: u8,
    /// Of a custom section.
    name: &'a [u8],
    content: &'a [u8],
    /// With number and length.
    whole: &'a [u8],
}

const CUSTOM: u8 = 0;
const EXPORTS: u8 = 7;
const HEADER_BYTES: usize = 8;

impl<'a> Sections<'a> {
    fn of(module: &'a [u8]) -> Self {
        Self(module.get(HEADER_BYTES..).unwrap_or_default())
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let whole = self.0;
        let (&number, mut rest) = whole.split_first()?;
        let section = sized(&mut rest).map(|content| {
            let mut inner = content;
            let name = if number == CUSTOM { sized(&mut inner).unwrap_or_default() } else { &[] };
            Section { number, name, content, whole: &whole[..whole.len() - rest.len()] }
        });
        self.0 = if section.is_some() { rest } else { &[] };
        Some(section.ok_or(BROKEN))
    }
}

/// Takes an unsigned number in LEB128.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes bytes that stand behind their number.
fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// Names of what a module exports.
pub(super) fn exports(module: &[u8]) -> Result<Vec<&str>, &'static str> {
    let mut names = Vec::new();
    for section in Sections::of(module) {
        let Section { number: EXPORTS, content: mut rest, .. } = section? else { continue };
        for _ in 0..number(&mut rest).ok_or(BROKEN)? {
            names.push(sized(&mut rest).and_then(|name| str::from_utf8(name).ok()).ok_or(BROKEN)?);
            let (_kind, after) = rest.split_first().ok_or(BROKEN)?;
            rest = after;
            number(&mut rest).ok_or(BROKEN)?;
        }
    }
    Ok(names)
}

/// The module without the custom sections whose names `is_wanted` turns down.
pub(super) fn without_sections(module: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, &'static str> {
    let mut kept = module.get(..HEADER_BYTES).ok_or(BROKEN)?.to_vec();
    for section in Sections::of(module) {
        let section = section?;
        if section.number != CUSTOM || is_wanted(&String::from_utf8_lossy(section.name)) {
            kept.extend_from_slice(section.whole);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\
        \x07\x0c\x02\x03run\0\0\x02hi\0\0\x0a\x04\x01\x02\0\x0b\0\x08\x04nameabc\0\x03\x02xy";

    #[test]
    fn exports_are_named() {
        assert_eq!(exports(MODULE).unwrap(), ["run", "hi"]);
        assert_eq!(exports(b"\0asm\x01\0\0\0").unwrap(), [""; 0]);
    }

    #[test]
    fn sections_are_left_out_by_their_names_and_the_rest_stays() {
        assert_eq!(without_sections(MODULE, |_| true).unwrap(), MODULE);
        let kept = without_sections(MODULE, |name| name != "name").unwrap();
        assert_eq!(kept, [&MODULE[..MODULE.len() - 15], &MODULE[MODULE.len() - 5..]].concat());
    }

    #[test]
    fn a_module_that_breaks_off_is_told_wherever_it_does() {
        let ends: Vec<usize> = Sections::of(MODULE)
            .scan(HEADER_BYTES, |at, section| {
                *at += section.ok()?.whole.len();
                Some(*at)
            })
            .collect();
        for cut in HEADER_BYTES + 1..MODULE.len() {
            assert_eq!(without_sections(&MODULE[..cut], |_| true).is_ok(), ends.contains(&cut), "{cut}");
        }
    }
}
