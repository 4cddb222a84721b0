//! Options of name look-up.

use std::time::Duration;

use serde_json::{Map, Value};

use super::fields;
use super::members::Members;
use super::reader::{Place, Reader};

/// How names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsOptions {
    /// How long an answer is used: for ever without (`inf`), for one look-up with zero. By default 5 minutes.
    pub ttl: Option<Duration>,
    /// Which of several addresses is used.
    pub select: DnsSelect,
    /// Which kind of address is used.
    pub policy: DnsPolicy,
}

/// Which of several addresses is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsSelect {
    /// The first.
    First,
    /// Any.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
}

/// Which kind of address is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsPolicy {
    /// IPv4 if there is one.
    #[default]
    PreferIpv4,
    /// IPv6 if there is one.
    PreferIpv6,
    /// IPv4 alone.
    OnlyIpv4,
    /// IPv6 alone.
    OnlyIpv6,
    /// Both alike.
    Any,
}

impl DnsSelect {
    const WORDS: [(&'static str, Self); 3] =
        [("first", Self::First), ("random", Self::Random), ("roundRobin", Self::RoundRobin)];

    /// As it is written in options.
    pub fn as_str(self) -> &'static str {
        word_of(&Self::WORDS, self)
    }
}

impl DnsPolicy {
    const WORDS: [(&'static str, Self); 5] = [
        ("preferIPv4", Self::PreferIpv4),
        ("preferIPv6", Self::PreferIpv6),
        ("onlyIPv4", Self::OnlyIpv4),
        ("onlyIPv6", Self::OnlyIpv6),
        ("any", Self::Any),
    ];

    /// As it is written in options.
    pub fn as_str(self) -> &'static str {
        word_of(&Self::WORDS, self)
    }
}

fn word_of<T: PartialEq>(words: &[(&'static str, T)], wanted: T) -> &'static str {
    words.iter().find(|(_, value)| *value == wanted).map_or("", |(word, _)| word)
}

/// k6's defaults.
impl Default for DnsOptions {
    fn default() -> Self {
        Self { ttl: Some(Duration::from_secs(300)), select: DnsSelect::default(), policy: DnsPolicy::default() }
    }
}

/// What layers give of it; a higher layer replaces each of the three by itself (k6's rule).
#[derive(Debug, Default)]
pub(super) struct PartialDns {
    ttl: Option<Option<Duration>>,
    select: Option<DnsSelect>,
    policy: Option<DnsPolicy>,
}

impl PartialDns {
    pub(super) fn read(members: &Members<'_>, reader: &mut Reader<'_>) -> Self {
        members.read(reader, "dns", |reader, place| Some(Self::read_forms(reader, place))).unwrap_or_default()
    }

    /// An object, or the command line's `ttl=5m,select=random`.
    fn read_forms(reader: &mut Reader<'_>, place: Place<'_>) -> Self {
        match place.value {
            Value::Object(object) => Self::read_object(reader, place.path(), object),
            Value::String(text) => match pairs(text) {
                Ok(object) => Self::read_object(reader, place.path(), &object),
                Err(part) => {
                    let message = format!("`{part}` isn't KEY=VALUE; write it like `ttl=5m,select=random,policy=any`");
                    reader.fault(place.path(), message);
                    Self::default()
                }
            },
            _ => reader.wrong_type(place, "an object, or a text like \"ttl=5m,select=random\"").unwrap_or_default(),
        }
    }

    fn read_object(reader: &mut Reader<'_>, path: &str, object: &Map<String, Value>) -> Self {
        reader.check_keys((path, "`dns`"), object, &fields::DNS, &[]);
        let members = Members { object, path };
        Self {
            ttl: members.read(reader, "ttl", ttl),
            select: members.read(reader, "select", |r, at| r.word(at, &DnsSelect::WORDS)),
            policy: members.read(reader, "policy", |r, at| r.word(at, &DnsPolicy::WORDS)),
        }
    }

    pub(super) fn overlaid(self, upper: Self) -> Self {
        Self { ttl: upper.ttl.or(self.ttl), select: upper.select.or(self.select), policy: upper.policy.or(self.policy) }
    }

    pub(super) fn into_options(self) -> DnsOptions {
        let usual = DnsOptions::default();
        DnsOptions {
            ttl: self.ttl.unwrap_or(usual.ttl),
            select: self.select.unwrap_or(usual.select),
            policy: self.policy.unwrap_or(usual.policy),
        }
    }
}

fn ttl(reader: &mut Reader<'_>, place: Place<'_>) -> Option<Option<Duration>> {
    if place.value == "inf" {
        return Some(None);
    }
    reader.duration(place, Duration::ZERO).map(Some)
}

/// The members of `KEY=VALUE,...`, or the first part that has another shape.
pub(super) fn pairs(text: &str) -> Result<Map<String, Value>, &str> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &'_ str| match part.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), Value::from(value.trim()))),
        None => Err(()),
    };
    parts.map(|part| pair(part).map_err(|()| part)).collect()
}
