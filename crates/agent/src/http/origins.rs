//! Where the requests of a shard go.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use throng_transport::http1::Origin;
use throng_transport::tls::{TlsClient, TlsError};
use throng_web::url::HttpUrl;

/// The shard's one value for each scheme, host and port: pools compare it by address, and it keeps TLS sessions.
#[derive(Default)]
pub(crate) struct Origins(RefCell<HashMap<Key, Rc<Origin>>>);

/// Whether by TLS, the host, the port.
type Key = (bool, String, u16);

impl Origins {
    /// Origins that are remembered. Past that, those that no prepared request and no connection has go.
    const MAX: usize = 4096;

    /// The origin of a URL.
    ///
    /// # Errors
    /// When TLS can't be spoken to it.
    pub(crate) fn of(&self, url: &HttpUrl, tls: Option<&TlsClient>) -> Result<Rc<Origin>, TlsError> {
        self.at(url.host(), url.port(), tls.filter(|_| url.is_tls()))
    }

    /// The origin at a host and port, by TLS as a client speaks it.
    ///
    /// # Errors
    /// When TLS can't be spoken to it.
    pub(crate) fn at(&self, host: &str, port: u16, tls: Option<&TlsClient>) -> Result<Rc<Origin>, TlsError> {
        let key = (tls.is_some(), host.to_owned(), port);
        let mut origins = self.0.borrow_mut();
        if let Some(known) = origins.get(&key) {
            return Ok(Rc::clone(known));
        }
        let origin = match tls {
            Some(client) => Origin::with_tls(host, port, client)?,
            None => Origin::new(host, port),
        };
        if origins.len() >= Self::MAX {
            origins.retain(|_, origin| Rc::strong_count(origin) > 1);
        }
        let origin = Rc::new(origin);
        origins.insert(key, Rc::clone(&origin));
        Ok(origin)
    }
}
