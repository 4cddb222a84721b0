//! What a script's functions return, as it is in the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What setups returned, as JSON texts: in [`crate::Run::setup_data`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupReturned {
    /// The run's; none if it returned nothing.
    pub run: Option<String>,
    /// That of scenarios with a setup of their own, by the scenario's place in the plan.
    pub scenarios: BTreeMap<u32, String>,
}

/// What a script made of the summary, by destination: in [`crate::Run::own_summary`]. None if it returned nothing, so that
/// the usual one is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSummary(pub Option<Vec<(String, String)>>);

macro_rules! encoded {
    ($name:ty) => {
        impl $name {
            /// Its bytes for the log.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                // Memory is written to, so that there is always an encoding.
                postcard::to_stdvec(self).unwrap_or_default()
            }

            /// Reads those bytes. None if they are none.
            #[must_use]
            pub fn decode(bytes: &[u8]) -> Option<Self> {
                postcard::from_bytes(bytes).ok()
            }
        }
    };
}

encoded!(SetupReturned);
encoded!(OwnSummary);
