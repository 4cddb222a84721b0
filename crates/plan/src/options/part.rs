//! Options that say which part of a run is performed here.

use super::error::OptionError;
use super::members::Members;
use super::partial::Given;
use super::reader::{Place, Reader};
use crate::segment::{Segment, SegmentError, SegmentSequence, SegmentTuple};

const SEGMENT: &str = "executionSegment";
const SEQUENCE: &str = "executionSegmentSequence";

/// A segment and its sequence as they were given, for writing them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct GivenPart {
    pub(crate) segment: Option<Segment>,
    pub(crate) sequence: Option<SegmentSequence>,
}

/// What layers give of it; a higher layer replaces each of the two by itself (k6's rule).
#[derive(Debug, Default)]
pub(super) struct PartialPart {
    segment: Option<Given<Segment>>,
    sequence: Option<Given<SegmentSequence>>,
}

impl PartialPart {
    pub(super) fn read(members: &Members<'_>, reader: &mut Reader<'_>) -> Self {
        let segment = members.read(reader, SEGMENT, |r, at| read(r, at, Segment::parse));
        // Nothing is no sequence (k6's rule).
        let sequence = members
            .read(reader, SEQUENCE, |r, at| {
                read(r, at, |text| match text.trim() {
                    "" => Ok(None),
                    text => SegmentSequence::parse(text).map(Some),
                })
            })
            .flatten();
        Self {
            segment: segment.map(|value| reader.given(SEGMENT, value)),
            sequence: sequence.map(|value| reader.given(SEQUENCE, value)),
        }
    }

    pub(super) fn overlaid(self, upper: Self) -> Self {
        Self { segment: upper.segment.or(self.segment), sequence: upper.sequence.or(self.sequence) }
    }

    pub(super) fn into_options(self, errors: &mut Vec<OptionError>) -> (SegmentTuple, GivenPart) {
        let segment = self.segment.as_ref().map(|given| &given.value);
        let tuple = SegmentTuple::new(segment, self.sequence.as_ref().map(|given| &given.value));
        let tuple = tuple.unwrap_or_else(|error| {
            errors.extend(self.fault(&error));
            SegmentTuple::whole()
        });
        let given = GivenPart {
            segment: self.segment.map(|given| given.value),
            sequence: self.sequence.map(|given| given.value),
        };
        (tuple, given)
    }

    /// What is wrong with the two together, told of the one that is to be changed first.
    fn fault(&self, error: &SegmentError) -> Option<OptionError> {
        let segment = self.segment.as_ref().map(|given| (SEGMENT, &given.origin));
        let sequence = self.sequence.as_ref().map(|given| (SEQUENCE, &given.origin));
        let (path, origin) = segment.or(sequence)?;
        Some(OptionError { path: path.to_owned(), origin: origin.clone(), message: error.to_string() })
    }
}

fn read<T>(
    reader: &mut Reader<'_>,
    place: Place<'_>,
    parse: impl FnOnce(&str) -> Result<T, SegmentError>,
) -> Option<T> {
    let text = reader.string(place)?;
    parse(&text).map_err(|error| reader.fault(place.path(), error.to_string())).ok()
}
