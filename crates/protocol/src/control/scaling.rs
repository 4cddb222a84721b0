//! What is asked for when a run is to have another number of VUs.

use super::{ScaleRequest, ScaleResponse};
use crate::{ControlError, ErrorKind};

/// Another number of VUs for a scenario; one of the numbers is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// The scenario; none for the only one that is externally controlled.
    pub scenario: Option<String>,
    /// VUs that are to run iterations.
    pub vus: Option<u64>,
    /// VUs that may be made at all; at least `vus`.
    pub max_vus: Option<u64>,
}

/// What a scenario is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// The scenario.
    pub scenario: String,
    /// VUs that are to run iterations.
    pub vus: u64,
    /// VUs that may be made at all; none if that stays as it was.
    pub max_vus: Option<u64>,
}

impl Scaling {
    /// Reads a request.
    ///
    /// # Errors
    /// When it names no number, or numbers that contradict each other.
    pub fn new(request: ScaleRequest) -> Result<Self, ControlError> {
        let invalid = |message: String| Err(ControlError::new(ErrorKind::InvalidArgument, message));
        let ScaleRequest { run_id: _, scenario, vus, max_vus } = request;
        match (vus, max_vus) {
            (None, None) => {
                invalid("give the number of VUs (--vus), the most there may be (--max), or both".to_owned())
            }
            (Some(vus), Some(max)) if vus > max => {
                invalid(format!("{vus} VUs are more than the {max} there may be: lower --vus or raise --max"))
            }
            (vus, max_vus) => Ok(Self { scenario: Some(scenario).filter(|name| !name.is_empty()), vus, max_vus }),
        }
    }
}

impl From<Scaled> for ScaleResponse {
    fn from(scaled: Scaled) -> Self {
        let Scaled { scenario, vus, max_vus } = scaled;
        Self { scenario, vus, max_vus }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling(scenario: &str, vus: Option<u64>, max_vus: Option<u64>) -> Result<Scaling, ControlError> {
        Scaling::new(ScaleRequest { run_id: String::new(), scenario: scenario.to_owned(), vus, max_vus })
    }

    #[test]
    fn a_request_needs_a_number_and_no_contradiction() {
        assert_eq!(scaling("", None, None).unwrap_err().kind, ErrorKind::InvalidArgument);
        let error = scaling("", Some(11), Some(10)).unwrap_err();
        assert!(error.message.contains("11 VUs") && error.message.contains("--max"), "{error}");
        assert_eq!(scaling("", Some(0), None), Ok(Scaling { scenario: None, vus: Some(0), max_vus: None }));
        assert_eq!(scaling("a", Some(10), Some(10)).unwrap().scenario.as_deref(), Some("a"));
    }
}
