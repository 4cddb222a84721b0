//! Errors of services, and the gRPC codes that they travel as.

use tonic::{Code, Status};

/// What went wrong with a call, and what its text says of it. Whoever makes one puts the remedy into the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What happened and what to do, for people.
    pub message: String,
}

/// Kinds of errors. Each is one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such run.
    NotFound,
    /// What was asked for makes no sense, whatever the run is at.
    InvalidArgument,
    /// What was asked for can't be done with this run, or now.
    Refused,
    /// A limit is reached: clients, watchers, bytes of a message.
    Exhausted,
    /// The other side has no such service, method or version.
    Unsupported,
    /// The other side isn't there, or ends.
    Unavailable,
    /// There was no answer in time.
    TimedOut,
    /// The caller may not.
    Denied,
    /// A fault of the other side, or an answer that isn't one.
    Internal,
}

impl ErrorKind {
    /// The code that says it.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::InvalidArgument => Code::InvalidArgument,
            Self::Refused => Code::FailedPrecondition,
            Self::Exhausted => Code::ResourceExhausted,
            Self::Unsupported => Code::Unimplemented,
            Self::Unavailable => Code::Unavailable,
            Self::TimedOut => Code::DeadlineExceeded,
            Self::Denied => Code::PermissionDenied,
            Self::Internal => Code::Internal,
        }
    }

    /// What a code says. Those that we never send are taken for their next of kin.
    #[must_use]
    pub fn of(code: Code) -> Self {
        match code {
            Code::NotFound => Self::NotFound,
            Code::InvalidArgument | Code::OutOfRange => Self::InvalidArgument,
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => Self::Refused,
            Code::ResourceExhausted => Self::Exhausted,
            Code::Unimplemented => Self::Unsupported,
            Code::Unavailable | Code::Cancelled => Self::Unavailable,
            Code::DeadlineExceeded => Self::TimedOut,
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied,
            // An error without an error is a fault as well.
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }
}

impl ControlError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<ControlError> for Status {
    fn from(error: ControlError) -> Self {
        Status::new(error.kind.code(), error.message)
    }
}

impl From<Status> for ControlError {
    fn from(status: Status) -> Self {
        let message = match status.message() {
            "" => status.code().description(),
            message => message,
        };
        Self::new(ErrorKind::of(status.code()), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ErrorKind; 9] = [
        ErrorKind::NotFound,
        ErrorKind::InvalidArgument,
        ErrorKind::Refused,
        ErrorKind::Exhausted,
        ErrorKind::Unsupported,
        ErrorKind::Unavailable,
        ErrorKind::TimedOut,
        ErrorKind::Denied,
        ErrorKind::Internal,
    ];

    #[test]
    fn every_error_comes_out_as_it_went_in() {
        for kind in KINDS {
            let error = ControlError::new(kind, format!("{kind:?}: do something else"));
            assert_eq!(ControlError::from(Status::from(error.clone())), error);
        }
    }

    #[test]
    fn every_code_is_an_error_with_a_text() {
        for number in 0..=16 {
            let code = Code::from_i32(number);
            assert_eq!(code as i32, number);
            let kind = ErrorKind::of(code);
            // A kind's own code is one that it is read from.
            assert_eq!(ErrorKind::of(kind.code()), kind);
            assert_eq!(ControlError::from(Status::new(code, "why")), ControlError::new(kind, "why"));
            assert_ne!(ControlError::from(Status::new(code, "")).message, "");
        }
    }

    #[test]
    fn no_two_kinds_have_the_same_code() {
        for (index, one) in KINDS.iter().enumerate() {
            assert!(KINDS[..index].iter().all(|other| other.code() != one.code()), "{one:?}");
        }
    }
}
