//! `/upload`: takes a body of any size and keeps only what it adds up to.

use std::borrow::Cow;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Body, Reply};
use crate::refusal::Refusal;
use crate::request::{Multipart, PartEvent, PartHead};
use crate::secret::hex;

/// Most parts that are told of.
const PARTS_MAX: usize = 1000;

/// The sums of a body, of which a piece at a time is seen.
#[derive(Debug)]
pub(crate) struct Upload {
    content_type: Option<String>,
    whole: Sum,
    /// The parts of multipart/form-data, or why there are none.
    multipart: Option<Result<Multipart, &'static str>>,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Sum {
    bytes: u64,
    digest: Sha256,
}

#[derive(Debug)]
struct Part {
    head: PartHead,
    sum: Sum,
}

impl Sum {
    fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        self.digest.update(data);
    }

    fn sha256(self) -> String {
        hex(&self.digest.finalize())
    }
}

impl Upload {
    pub(crate) fn new(content_type: Option<Cow<'_, str>>) -> Self {
        let multipart = content_type.as_deref().and_then(Multipart::of);
        let content_type = content_type.map(Cow::into_owned);
        Self { content_type, whole: Sum::default(), multipart, parts: Vec::new() }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.whole.add(data);
        let Some(Ok(multipart)) = &mut self.multipart else { return };
        let (parts, mut too_many) = (&mut self.parts, false);
        let fed = multipart.feed(data, |event| match event {
            PartEvent::Begin(_) if parts.len() >= PARTS_MAX => too_many = true,
            PartEvent::Begin(head) => parts.push(Part { head, sum: Sum::default() }),
            PartEvent::Data(data) => {
                if let Some(part) = parts.last_mut() {
                    part.sum.add(data);
                }
            }
        });
        if let Err(reason) = fed {
            self.multipart = Some(Err(reason));
        } else if too_many {
            self.multipart = Some(Err("the multipart body has more than 1000 parts"));
        }
    }

    fn told(self) -> Result<Value, Refusal> {
        let Self { content_type, whole, multipart, parts } = self;
        let bytes = whole.bytes;
        let mut told = json!({ "content_type": content_type, "bytes": bytes, "sha256": whole.sha256() });
        match multipart {
            None => {}
            Some(Err(reason)) => return Err(Refusal::BadParameter(reason)),
            Some(Ok(multipart)) if !multipart.is_complete() => {
                return Err(Refusal::BadParameter("the multipart body ends before its last boundary"));
            }
            Some(Ok(_)) => told["parts"] = parts.into_iter().map(Part::told).collect(),
        }
        Ok(told)
    }
}

impl Part {
    fn told(self) -> Value {
        let PartHead { name, filename, content_type } = self.head;
        let bytes = self.sum.bytes;
        json!({
            "name": name,
            "filename": filename,
            "content_type": content_type,
            "bytes": bytes,
            "sha256": self.sum.sha256(),
        })
    }
}

pub(crate) fn answer(body: Body) -> Result<Reply, Refusal> {
    let Body::Summed(upload) = body else { return Err(Refusal::NotFound) };
    upload.told().map(|told| Reply::json(200, &told))
}
