//! What setups returned, as the VUs of all shards are given it.

use std::sync::Arc;

use throng_control::leading::SetupReturned;

/// Data for the VUs as JSON: that of the run, and that of scenarios with a setup of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupData {
    /// None without a setup, or if it returned nothing.
    pub run: Option<Arc<str>>,
    /// By the scenario's index, as far as they have any.
    pub scenarios: Vec<Option<Arc<str>>>,
}

impl SetupData {
    /// What a VU gets that is in this scenario, or in none.
    pub(crate) fn of(&self, scenario: Option<usize>) -> Option<&str> {
        let own = scenario.and_then(|index| self.scenarios.get(index)?.as_deref());
        own.or(self.run.as_deref())
    }
}

impl From<SetupData> for SetupReturned {
    fn from(data: SetupData) -> Self {
        let scenarios = (0..).zip(data.scenarios).filter_map(|(index, json)| Some((index, json?.to_string())));
        Self { run: data.run.map(|json| json.to_string()), scenarios: scenarios.collect() }
    }
}

impl From<SetupReturned> for SetupData {
    fn from(returned: SetupReturned) -> Self {
        let mut scenarios = Vec::new();
        for (index, json) in returned.scenarios {
            let index = index as usize;
            scenarios.resize(scenarios.len().max(index + 1), None);
            scenarios[index] = Some(Arc::from(json));
        }
        Self { run: returned.run.map(Arc::from), scenarios }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_without_data_of_its_own_gets_the_runs() {
        let data = SetupData { run: Some("1".into()), scenarios: vec![None, Some("2".into())] };
        assert_eq!(
            [None, Some(0), Some(1), Some(7)].map(|scenario| data.of(scenario)),
            [Some("1"), Some("1"), Some("2"), Some("1")]
        );
        assert_eq!(SetupData::from(SetupReturned::from(data.clone())), data);
        let none = SetupData { run: None, ..data };
        assert_eq!((none.of(None), none.of(Some(0)), none.of(Some(1))), (None, None, Some("2")));
    }
}
