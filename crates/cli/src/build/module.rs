//! A core module's exports and custom sections, as far as choosing a world needs them.

use wasm_encoder::{Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

/// Names of what a module exports.
pub(super) fn exports(module: &[u8]) -> Result<Vec<&str>, BinaryReaderError> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                names.push(export?.name);
            }
        }
    }
    Ok(names)
}

/// The module without the custom sections whose names `is_wanted` turns down.
pub(super) fn without_sections(module: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Vec<u8>, BinaryReaderError> {
    let mut kept = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let is_kept = if let Payload::CustomSection(section) = &payload { is_wanted(section.name()) } else { true };
        let Some((id, range)) = payload.as_section().filter(|_| is_kept) else { continue };
        // Functions' code that breaks off is an error of what comes next.
        if let Some(data) = module.get(range.start as usize..range.end as usize) {
            kept.section(&RawSection { id, data });
        }
    }
    Ok(kept.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_BYTES: usize = 8;
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
        let sections = Parser::new(0).parse_all(MODULE).filter_map(|payload| payload.unwrap().as_section());
        // Functions without their code are no module.
        let code = MODULE.len() - 15;
        let ends: Vec<usize> = sections.map(|(_, range)| range.end as usize).collect();
        let ends: Vec<usize> = ends.into_iter().filter(|end| *end <= 14 || *end >= code).collect();
        assert_eq!(ends.len(), 4, "{ends:?}");
        for cut in HEADER_BYTES + 1..MODULE.len() {
            assert_eq!(without_sections(&MODULE[..cut], |_| true).is_ok(), ends.contains(&cut), "{cut}");
        }
    }
}
