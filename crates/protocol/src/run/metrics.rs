//! What metrics are, over the wire.

use throng_stats::{Contains, Definition, Kind};

use super::{Metric, MetricContains, MetricKind};

impl From<Contains> for MetricContains {
    fn from(contains: Contains) -> Self {
        match contains {
            Contains::Default => Self::Default,
            Contains::Time => Self::Time,
            Contains::Data => Self::Data,
        }
    }
}

impl From<MetricContains> for Contains {
    fn from(contains: MetricContains) -> Self {
        match contains {
            MetricContains::Unspecified | MetricContains::Default => Self::Default,
            MetricContains::Time => Self::Time,
            MetricContains::Data => Self::Data,
        }
    }
}

impl From<&Definition> for Metric {
    fn from(definition: &Definition) -> Self {
        let kind = match definition.kind {
            Kind::Counter => MetricKind::Counter,
            Kind::Gauge => MetricKind::Gauge,
            Kind::Rate => MetricKind::Rate,
            Kind::Trend => MetricKind::Trend,
        };
        let contains = MetricContains::from(definition.contains);
        Self { name: definition.name.clone(), kind: kind.into(), contains: contains.into() }
    }
}

impl Metric {
    /// What it declares; none if its kind isn't known.
    #[must_use]
    pub fn definition(&self) -> Option<Definition> {
        let kind = match self.kind() {
            MetricKind::Unspecified => return None,
            MetricKind::Counter => Kind::Counter,
            MetricKind::Gauge => Kind::Gauge,
            MetricKind::Rate => Kind::Rate,
            MetricKind::Trend => Kind::Trend,
        };
        Some(Definition::new(self.name.clone(), kind, self.contains().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_comes_over_the_wire_as_it_is() {
        for kind in [Kind::Counter, Kind::Gauge, Kind::Rate, Kind::Trend] {
            for contains in [Contains::Default, Contains::Time, Contains::Data] {
                let definition = Definition::new("a", kind, contains);
                assert_eq!(Metric::from(&definition).definition(), Some(definition));
            }
        }
        assert_eq!(Metric { kind: 77, ..Metric::default() }.definition(), None);
    }
}
