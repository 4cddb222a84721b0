//! Roles, and how a certificate says them.

use std::fmt;
use std::str::FromStr;

/// How a certificate says its holder, as a URI among its alternative names: `throng://agent/eu-1`.
const SCHEME: &str = "throng://";

/// Bytes of a holder's name.
pub const NAME_BYTES_MAX: usize = 64;

/// What the holder of a certificate is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A coordinator.
    Peer,
    /// An agent.
    Agent,
    /// Whoever starts runs and looks at them.
    Client,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Peer, Self::Agent, Self::Client];

    /// As users write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Agent => "agent",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = HolderError;

    fn from_str(text: &str) -> Result<Self, HolderError> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| HolderError::Role(text.chars().take(NAME_BYTES_MAX).collect()))
    }
}

/// Why there can't be such a holder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HolderError {
    /// The role.
    #[error("{0:?} is no role: write peer, agent or client")]
    Role(String),
    /// The name.
    #[error("{0:?} can't be a name: write 1 to {NAME_BYTES_MAX} letters, digits, dots, dashes and underscores")]
    Name(String),
}

/// Whose a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// What it is.
    pub role: Role,
    /// What it is called: of an agent, its name in the group.
    pub name: String,
}

impl Holder {
    /// One that can be.
    ///
    /// # Errors
    /// When the name can't be one.
    pub fn new(role: Role, name: &str) -> Result<Self, HolderError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fits) {
            return Err(HolderError::Name(name.chars().take(2 * NAME_BYTES_MAX).collect()));
        }
        Ok(Self { role, name: name.to_owned() })
    }

    /// Whether the holder may call itself so: by its name, or by that, a dot, and anything more, so that agents which come
    /// and go can share a certificate.
    #[must_use]
    pub fn may_be_called(&self, name: &str) -> bool {
        name.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// As a certificate has it.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{SCHEME}{}/{}", self.role, self.name)
    }

    /// From a certificate.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (role, name) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        Self::new(role.parse().ok()?, name).ok()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.role, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_as_it_was_written() {
        for role in Role::ALL {
            let holder = Holder::new(role, "eu-1.example_2").unwrap();
            assert_eq!(Holder::from_uri(&holder.uri()), Some(holder));
        }
        assert_eq!(Holder::new(Role::Agent, "eu-1").unwrap().uri(), "throng://agent/eu-1");
    }

    #[test]
    fn a_holder_has_its_name_and_those_below() {
        let holder = Holder::new(Role::Agent, "eu").unwrap();
        for fine in ["eu", "eu.1", "eu.pod-a.b"] {
            assert!(holder.may_be_called(fine), "{fine}");
        }
        for wrong in ["", "e", "eu-1", "eu1", "us", "a.eu"] {
            assert!(!holder.may_be_called(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_holder_is_none() {
        for wrong in ["", "throng://", "throng://agent", "throng://agent/", "throng://root/a", "https://agent/a"] {
            assert_eq!(Holder::from_uri(wrong), None, "{wrong}");
        }
        for wrong in ["throng://agent/a/b", "throng://agent/a b", "throng://Agent/a", "throng://agent/ä"] {
            assert_eq!(Holder::from_uri(wrong), None, "{wrong}");
        }
        assert!(Holder::new(Role::Peer, &"a".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(Holder::new(Role::Peer, &"a".repeat(NAME_BYTES_MAX + 1)).is_err());
    }
}
