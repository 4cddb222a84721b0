//! Tokens: what clients may have in place of a certificate.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Characters that a token has at least: fewer are guessed too easily.
pub const TOKEN_BYTES_MIN: usize = 16;
/// And at most.
const TOKEN_BYTES_MAX: usize = 256;
/// Tokens of a coordinator.
pub const TOKENS_MAX: usize = 100;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// One that can't be.
    #[error(
        "a token has {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} visible ASCII characters, without spaces; `openssl rand \
         -hex 32` makes one"
    )]
    Malformed,
    /// One that can't be, in a file.
    #[error("{path}, line {line}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: Box<TokenError>,
    },
    /// The file.
    #[error("{path} can't be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: std::io::Error,
    },
    /// How many.
    #[error("{path} has {count} tokens; there may be 1 to {TOKENS_MAX}, each in a line of its own")]
    Count {
        /// The file.
        path: PathBuf,
        /// How many it has.
        count: usize,
    },
}

/// A client's token. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// One that can be.
    ///
    /// # Errors
    /// When it is too short, or has other characters.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let fits = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Malformed);
        }
        Ok(Self(text.to_owned()))
    }

    /// What a request has in its header `authorization`.
    #[must_use]
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The tokens that a coordinator takes: their digests, so that they are nowhere in its memory.
#[derive(Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Those of a file, one a line; empty lines and those that begin with `#` don't count.
    ///
    /// # Errors
    /// When it can't be read, or has one that can't be.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| TokenError::Unreadable { path: path.to_owned(), source })?;
        let mut tokens = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                let wrong =
                    |source| TokenError::Line { path: path.to_owned(), line: number + 1, source: Box::new(source) };
                tokens.push(digest(&Token::new(line).map_err(wrong)?.0));
            }
        }
        match tokens.len() {
            1..=TOKENS_MAX => Ok(Self(tokens)),
            count => Err(TokenError::Count { path: path.to_owned(), count }),
        }
    }

    /// Whether there are any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a header `authorization` has one of them. How long that takes says nothing of how much of it is right:
    /// digests are compared, all of them, to their ends.
    #[must_use]
    pub fn accept(&self, header: &str) -> bool {
        let Some(token) = header.strip_prefix("Bearer ") else { return false };
        let theirs = digest(token);
        let differs =
            |ours: &[u8; 32]| ours.iter().zip(&theirs).fold(0, |differs, (one, other)| differs | (one ^ other));
        self.0.iter().fold(false, |accepted, ours| accepted | (std::hint::black_box(differs(ours)) == 0))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} tokens", self.0.len())
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tokens, TokenError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Tokens::read(file.path())
    }

    #[test]
    fn those_of_the_file_are_taken_and_no_others() {
        let tokens = read("# ci\n0123456789abcdef\n\n  another-token-of-20  \n").unwrap();
        for fine in ["Bearer 0123456789abcdef", "Bearer another-token-of-20"] {
            assert!(tokens.accept(fine), "{fine}");
        }
        for wrong in ["", "Bearer ", "Bearer 0123456789abcdeg", "Bearer 0123456789abcde", "0123456789abcdef", "# ci"] {
            assert!(!tokens.accept(wrong), "{wrong}");
        }
        assert!(tokens.accept(&Token::new("0123456789abcdef").unwrap().header()));
        assert!(!Tokens::default().accept("Bearer 0123456789abcdef"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_by_line() {
        let error = read("0123456789abcdef\nshort\n").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(matches!(read("# none\n"), Err(TokenError::Count { count: 0, .. })));
        let many = "0123456789abcdef\n".repeat(TOKENS_MAX + 1);
        assert!(matches!(read(&many), Err(TokenError::Count { .. })));
        assert!(Token::new("with a space in it").is_err());
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef").unwrap()), "Token(…)");
    }
}
