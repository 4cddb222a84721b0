//! Who is who: what a network's connections are proved by.

use std::io;

use throng_trust::{Acceptor, Credentials, CredentialsError, Token, Tokens};

use super::network::Dialed;

/// How a process and those that it speaks with know each other. Clones are the same.
#[derive(Clone, Debug)]
pub struct Security {
    credentials: Credentials,
    acceptor: Option<Acceptor>,
    tokens: Tokens,
}

impl Default for Security {
    /// Nobody is asked who they are, and no connection leaves the machine.
    fn default() -> Self {
        Self::of_client(Credentials::plain(false))
    }
}

impl Security {
    /// That of a process which only dials.
    #[must_use]
    pub fn of_client(credentials: Credentials) -> Self {
        Self { credentials, acceptor: None, tokens: Tokens::default() }
    }

    /// That of a coordinator. With credentials of TLS its callers need them too, or one of the tokens.
    ///
    /// # Errors
    /// When its certificate isn't a peer's.
    pub fn of_coordinator(credentials: Credentials, tokens: Tokens) -> Result<Self, CredentialsError> {
        let acceptor = credentials.tls().map(|tls| tls.acceptor(&tokens)).transpose()?;
        Ok(Self { credentials, acceptor, tokens })
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn acceptor(&self) -> Option<&Acceptor> {
        self.acceptor.as_ref()
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(crate) fn token(&self) -> Option<&Token> {
        self.credentials.token()
    }

    /// Proves to each other who both sides of a connection to HOST:PORT are, if there are certificates.
    pub(crate) async fn secure(&self, stream: Dialed, address: &str) -> io::Result<Dialed> {
        match self.credentials.tls() {
            Some(tls) => Ok(Box::new(tls.connect(stream, address).await?)),
            None => Ok(stream),
        }
    }
}
