//! Digest authentication: RFC 7616.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use md5::Md5;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::auth::{credentials, denied};
use super::{Reply, Request};
use crate::refusal::Refusal;
use crate::request::parameters;
use crate::secret::hex;
use crate::session::Desk;
use crate::task::number;

/// Most nonces that are known at once; the oldest is forgotten, and so stale.
const NONCES_MAX: usize = 65_536;
const REALM: &str = "throng";

/// A nonce's counts that were seen: the highest, and which of the 64 up to it, so that a client's connections may
/// overtake each other.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    highest: u64,
    recent: u64,
    uses: u64,
}

/// What a request's nonce and count are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Good,
    /// Unknown, forgotten, or used as often as it may.
    Stale,
    /// The count was there before.
    Replayed,
}

/// The nonces of all shards.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_nonce: HashMap<String, Seen>,
    oldest_first: VecDeque<String>,
}

impl Nonces {
    fn add(&self, nonce: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.oldest_first.len() >= NONCES_MAX
            && let Some(oldest) = known.oldest_first.pop_front()
        {
            known.by_nonce.remove(&oldest);
        }
        known.oldest_first.push_back(nonce.to_owned());
        known.by_nonce.insert(nonce.to_owned(), Seen::default());
    }

    fn take(&self, nonce: &str, count: u64, uses_max: Option<u64>) -> Worth {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = known.by_nonce.get_mut(nonce) else { return Worth::Stale };
        if uses_max.is_some_and(|max| seen.uses >= max) {
            return Worth::Stale;
        }
        if count > seen.highest {
            let ahead = count - seen.highest;
            seen.recent = if ahead < 64 { seen.recent << ahead } else { 0 } | 1;
            seen.highest = count;
        } else {
            let behind = seen.highest - count;
            if count == 0 || behind >= 64 || seen.recent & (1 << behind) != 0 {
                return Worth::Replayed;
            }
            seen.recent |= 1 << behind;
        }
        seen.uses += 1;
        Worth::Good
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(bytes)),
            Self::Sha256 => hex(&Sha256::digest(bytes)),
        }
    }
}

/// What the path demands.
struct Demand {
    qops: &'static [&'static str],
    user: String,
    password: String,
    algorithm: Algorithm,
    uses_max: Option<u64>,
}

pub(crate) fn digest(request: &Request, body: &[u8], desk: &Desk) -> Result<Reply, Refusal> {
    let demand = Demand::of(request)?;
    let reason = match credentials(request, "digest") {
        None => "no digest",
        Some(given) => match demand.judge(request, body, &parameters(&given, ','), desk) {
            Ok(()) => return Ok(Reply::json(200, &json!({ "authenticated": true, "user": demand.user }))),
            Err(reason) => reason,
        },
    };
    let nonce = desk.fresh();
    desk.nonces.add(&nonce);
    let (qops, algorithm) = (demand.qops.join(", "), demand.algorithm.name());
    let mut challenge = format!("Digest realm=\"{REALM}\", qop=\"{qops}\", algorithm={algorithm}, nonce=\"{nonce}\"");
    challenge += &format!(", opaque=\"{}\"", desk.secret.mark("opaque", ""));
    if matches!(reason, STALE | REPLAYED) {
        challenge += ", stale=true";
    }
    Ok(denied(&challenge, reason))
}

const STALE: &str = "the nonce is stale";
const REPLAYED: &str = "the nonce count was used before";

impl Demand {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let wrong = Refusal::BadParameter(
            "the path is /digest-auth/{qop}/{user}/{password}/{algorithm}/{uses}: qop is auth, auth-int or any, \
             algorithm is MD5 or SHA-256, uses is a number or never; the last two may be missing",
        );
        let parameters = request.parameters();
        let (qop, user, password, rest) = match parameters.as_slice() {
            [qop, user, password, rest @ ..] if rest.len() <= 2 => (qop, user, password, rest),
            _ => return Err(wrong),
        };
        let qops: &[&str] = match qop.as_ref() {
            "auth" => &["auth"],
            "auth-int" => &["auth-int"],
            "any" => &["auth", "auth-int"],
            _ => return Err(wrong),
        };
        let algorithm = rest.first().map_or(Some(Algorithm::Md5), |name| Algorithm::named(name));
        let uses_max = match rest.get(1).map(AsRef::as_ref) {
            None | Some("never") => None,
            Some(uses) => Some(number(uses).ok_or_else(|| wrong.clone())?),
        };
        let algorithm = algorithm.ok_or(wrong)?;
        Ok(Self { qops, user: user.to_string(), password: password.to_string(), algorithm, uses_max })
    }

    /// Whether the client knows the password, and its nonce is good; else what is wrong.
    fn judge(
        &self,
        request: &Request,
        body: &[u8],
        given: &[(String, String)],
        desk: &Desk,
    ) -> Result<(), &'static str> {
        let of = |name: &str| given.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value);
        let hash = |text: String| self.algorithm.hash(text.as_bytes());
        let (nonce, count, qop) = (of("nonce"), of("nc"), of("qop"));
        let algorithm =
            Some(of("algorithm")).filter(|name| !name.is_empty()).map_or(Some(Algorithm::Md5), Algorithm::named);
        if algorithm != Some(self.algorithm) {
            return Err("the algorithm isn't the one asked for");
        }
        if of("username") != self.user || of("realm") != REALM {
            return Err("the user or the realm isn't the one asked for");
        }
        if of("uri") != request.target() {
            return Err("the uri isn't the request's");
        }
        if !self.qops.contains(&qop) {
            return Err("the qop isn't one of those asked for");
        }
        if of("opaque") != desk.secret.mark("opaque", "") {
            return Err("opaque didn't come back");
        }
        let Some(counted) = (count.len() == 8).then(|| u64::from_str_radix(count, 16).ok()).flatten() else {
            return Err("nc isn't eight hexadecimal digits");
        };
        let secret = hash(format!("{}:{REALM}:{}", self.user, self.password));
        let asked = match qop {
            "auth-int" => format!("{}:{}:{}", request.method, of("uri"), self.algorithm.hash(body)),
            _ => format!("{}:{}", request.method, of("uri")),
        };
        let expected = hash(format!("{secret}:{nonce}:{count}:{}:{qop}:{}", of("cnonce"), hash(asked)));
        if of("cnonce").is_empty() || !of("response").eq_ignore_ascii_case(&expected) {
            return Err("the response is wrong");
        }
        // Last, so that only who knows the password uses a count up.
        match desk.nonces.take(nonce, counted, self.uses_max) {
            Worth::Good => Ok(()),
            Worth::Stale => Err(STALE),
            Worth::Replayed => Err(REPLAYED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_good_once_and_may_be_overtaken() {
        let nonces = Nonces::default();
        nonces.add("n");
        let take = |count| nonces.take("n", count, None);
        assert_eq!(
            [take(1), take(1), take(3), take(2), take(2)].map(|worth| worth == Worth::Good),
            [true, false, true, true, false]
        );
        assert_eq!(
            (take(100), take(37), take(36), take(0)),
            (Worth::Good, Worth::Good, Worth::Replayed, Worth::Replayed)
        );
        assert_eq!(nonces.take("unknown", 1, None), Worth::Stale);
    }

    #[test]
    fn a_nonce_goes_stale_by_its_uses_and_when_it_is_forgotten() {
        let nonces = Nonces::default();
        nonces.add("n");
        assert_eq!([1, 2, 3].map(|count| nonces.take("n", count, Some(2))), [Worth::Good, Worth::Good, Worth::Stale]);
        for number in 0..NONCES_MAX {
            nonces.add(&number.to_string());
        }
        assert_eq!(nonces.take("n", 4, None), Worth::Stale);
        assert_eq!(nonces.take("0", 1, None), Worth::Good);
        assert_eq!(nonces.0.lock().unwrap().by_nonce.len(), NONCES_MAX);
    }

    #[test]
    fn hashes_are_those_of_the_standard() {
        // RFC 7616 section 3.9.1.
        let of = |algorithm: Algorithm| {
            let secret = algorithm.hash(b"Mufasa:http-auth@example.org:Circle of Life");
            let asked = algorithm.hash(b"GET:/dir/index.html");
            let (nonce, cnonce) =
                ("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
            algorithm.hash(format!("{secret}:{nonce}:00000001:{cnonce}:auth:{asked}").as_bytes())
        };
        assert_eq!(of(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(of(Algorithm::Sha256), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    }
}
