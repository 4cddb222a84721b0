//! Content codings.

/// A body that can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// Unknown.
    #[error("the content coding {0:?} isn't known; gzip, deflate, br, zstd and identity are")]
    Unknown(String),
    /// Too many.
    #[error("{0} content codings are listed; at most 4 are undone")]
    TooMany(usize),
    /// Invalid data.
    #[error("the body isn't valid {coding}: {message}")]
    Invalid {
        /// The coding's name.
        coding: &'static str,
        /// What is wrong.
        message: String,
    },
    /// Ends early.
    #[error("the body ends in the middle of {0} data")]
    Truncated(&'static str),
    /// Too long.
    #[error("the decoded body is longer than {0} bytes")]
    TooLong(usize),
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// As headers name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        "gzip"
    }

    /// A list such as `gzip, br`, in the order of applying; `identity` is left out.
    ///
    /// # Errors
    /// When one isn't known, or there are more than 4.
    pub fn parse_list(_list: &str) -> Result<Vec<Self>, CodingError> {
        Ok(Vec::new())
    }
}

/// Undoes the codings.
///
/// # Errors
/// When the body isn't valid, or longer than `limit` once decoded.
pub fn decode(_content_encoding: &str, body: &[u8], _limit: usize) -> Result<Vec<u8>, CodingError> {
    Ok(body.to_vec())
}

/// A body in this coding.
#[must_use]
pub fn encode(_coding: Coding, body: &[u8]) -> Vec<u8> {
    body.to_vec()
}
