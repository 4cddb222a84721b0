//! What our parser makes of a response, in the way the client uses it.

use throng_transport::http1::{Keep, Limits, ParseError, ResponseBuffer, ResponseParser};

use crate::corpus::Case;
use crate::{Outcome, Seen, by_name};

pub(crate) fn see(case: &Case, piece: usize) -> Outcome {
    match parse(case, piece) {
        Ok(seen) => Outcome::Response(seen),
        Err(error) => Outcome::Error(error.to_string()),
    }
}

fn parse(case: &Case, piece: usize) -> Result<Seen, ParseError> {
    let mut parser = ResponseParser::new(case.to_head, Keep::All, Limits::default());
    let mut into = ResponseBuffer::default();
    let mut consumed = 0;
    let mut complete = false;
    for bytes in case.bytes.chunks(piece) {
        let fed = parser.feed(bytes, &mut into)?;
        consumed += fed.consumed;
        complete = fed.complete;
        if complete {
            break;
        }
    }
    if !complete {
        parser.end(&into)?;
    }
    let mut fields = Vec::new();
    into.fields(|name, value| {
        fields.push((name.to_owned(), value.to_vec()));
        true
    });
    let mut trailer = Vec::new();
    into.trailer_fields(|name, value| {
        trailer.push((name.to_owned(), value.to_vec()));
        true
    });
    Ok(Seen {
        status: into.status(),
        fields: by_name(fields),
        body: into.body().to_vec(),
        trailer: by_name(trailer),
        reusable: complete && parser.keep_alive() && consumed == case.bytes.len(),
    })
}
