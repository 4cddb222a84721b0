//! What a request came to, as the script may look at it.

use std::rc::Rc;

use throng_transport::http1::{ResponseBuffer, Timings};

use super::prepared::Prepared;

/// A response, or why there is none.
pub(crate) struct Received {
    /// None when no response came.
    pub(crate) buffer: Option<Box<ResponseBuffer>>,
    pub(crate) timings: Timings,
    /// From the beginning to the end of the last exchange.
    pub(crate) elapsed_ns: u64,
    /// The request that was answered: with redirects, the last one.
    pub(crate) request: Rc<Prepared>,
    /// Redirects that were followed.
    pub(crate) redirects: u32,
    pub(crate) failure: Option<Box<Failed>>,
}

/// Why there is no response, or one that can't be used.
pub(crate) struct Failed {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl Received {
    pub(crate) fn status(&self) -> u16 {
        self.buffer.as_ref().map_or(0, |buffer| buffer.status())
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| buffer.body())
    }

    pub(crate) fn body_bytes(&self) -> u64 {
        self.buffer.as_ref().map_or(0, |buffer| buffer.body_bytes())
    }

    /// k6's `http_req_duration`; without a response the time until that was known.
    pub(crate) fn duration_ns(&self) -> u64 {
        if self.buffer.is_some() { self.timings.duration_ns() } else { self.elapsed_ns }
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.buffer.as_ref().and_then(|buffer| field(buffer, name))
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        if let Some(buffer) = &self.buffer {
            buffer.fields(|field, value| {
                headers.push((field.to_owned(), String::from_utf8_lossy(value).into_owned()));
                true
            });
        }
        headers
    }
}

/// The first field of this name.
pub(super) fn field(buffer: &ResponseBuffer, name: &str) -> Option<String> {
    let mut found = None;
    buffer.fields(|field, value| {
        if field.eq_ignore_ascii_case(name) {
            found = Some(String::from_utf8_lossy(value).into_owned());
        }
        found.is_none()
    });
    found
}

/// All fields of this name.
pub(crate) fn fields(buffer: &ResponseBuffer, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    buffer.fields(|field, value| {
        if field.eq_ignore_ascii_case(name) {
            found.push(String::from_utf8_lossy(value).into_owned());
        }
        true
    });
    found
}
