//! From what a sample is about to the number of its series, looked up as seldom as possible.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use throng_plan::{SystemTag, SystemTags};
use throng_stats::{MetricId, Recorder, Selector, SeriesId, TagSet, builtin};

/// The tags that samples of a VU carry by where it stands: run, scenario, the VU's own, the group.
#[derive(Debug)]
pub(crate) struct Place {
    /// Equal places have equal numbers within a shard.
    pub(crate) number: u32,
    pub(crate) tags: TagSet,
}

/// Which tags tell series apart. Only those that a threshold or the summary asks for do: without that, a tag such as
/// `url` with a value per request would make a series of each.
#[derive(Clone, Debug)]
pub(crate) struct KeptTags(BTreeSet<String>);

impl KeptTags {
    /// `detail`: the summary is to have scenarios apart. Tags of throng's own count only where `enabled` has them.
    pub(crate) fn new(selectors: &[Selector], detail: bool, enabled: SystemTags) -> Self {
        let of_summary = ["check", "expected_response", "group"].map(String::from);
        let of_selectors = selectors.iter().flat_map(|selector| selector.tags().iter().map(|(key, _)| key.clone()));
        let of_detail = detail.then(|| "scenario".to_owned());
        let is_on = |key: &String| SystemTag::parse(key).is_none_or(|tag| enabled.contains(tag));
        Self(of_summary.into_iter().chain(of_selectors).chain(of_detail).filter(is_on).collect())
    }

    /// Whether samples with this tag are told apart by it.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.0.contains(key)
    }

    fn project(&self, tags: &TagSet) -> TagSet {
        TagSet::from_pairs(tags.iter().filter(|(key, _)| self.0.contains(*key)))
    }
}

/// The series of all metrics of one kind of request and outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpSeries {
    pub(crate) requests: SeriesId,
    pub(crate) failed: SeriesId,
    pub(crate) duration: SeriesId,
    pub(crate) blocked: SeriesId,
    pub(crate) looking_up: SeriesId,
    pub(crate) connecting: SeriesId,
    pub(crate) tls_handshaking: SeriesId,
    pub(crate) sending: SeriesId,
    pub(crate) waiting: SeriesId,
    pub(crate) receiving: SeriesId,
    pub(crate) connection_failed: SeriesId,
}

/// The series that every iteration touches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IterationSeries {
    pub(crate) iterations: SeriesId,
    pub(crate) failed: SeriesId,
    pub(crate) duration: SeriesId,
    pub(crate) dropped: SeriesId,
    /// Of open models.
    pub(crate) start_lag: SeriesId,
    pub(crate) corrected: SeriesId,
    pub(crate) data_sent: SeriesId,
    pub(crate) data_received: SeriesId,
    pub(crate) dropped_ratio: SeriesId,
}

/// A shard's recorder with the places and series known so far.
pub(crate) struct Series {
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) kept: KeptTags,
    places: RefCell<HashMap<TagSet, Rc<Place>>>,
    /// By metric, place and the sample's own tags.
    known: RefCell<HashMap<(MetricId, u32, TagSet), SeriesId>>,
}

impl Series {
    pub(crate) fn new(recorder: Recorder, kept: KeptTags) -> Self {
        Self { recorder: RefCell::new(recorder), kept, places: RefCell::default(), known: RefCell::default() }
    }

    pub(crate) fn place(&self, tags: &TagSet) -> Rc<Place> {
        let mut places = self.places.borrow_mut();
        if let Some(place) = places.get(tags) {
            return Rc::clone(place);
        }
        let place = Rc::new(Place { number: places.len() as u32, tags: tags.clone() });
        places.insert(tags.clone(), Rc::clone(&place));
        place
    }

    /// The series of a metric for a sample in `place` with tags of its own. Hashes: for samples outside the hot path.
    pub(crate) fn of(&self, metric: MetricId, place: &Place, own: &TagSet) -> SeriesId {
        let key = (metric, place.number, own.clone());
        if let Some(series) = self.known.borrow().get(&key) {
            return *series;
        }
        let series = self.look_up(metric, &place.tags.merged(own));
        let mut known = self.known.borrow_mut();
        // Tags with endless values must not fill the memory: the recorder caps its series, this only remembers.
        if known.len() >= throng_stats::MAX_SERIES {
            known.clear();
        }
        known.insert(key, series);
        series
    }

    fn look_up(&self, metric: MetricId, tags: &TagSet) -> SeriesId {
        self.recorder.borrow_mut().series(metric, &self.kept.project(tags))
    }

    pub(crate) fn http(&self, tags: &TagSet) -> HttpSeries {
        let tags = self.kept.project(tags);
        let mut recorder = self.recorder.borrow_mut();
        let mut series = |metric| recorder.series(metric, &tags);
        HttpSeries {
            requests: series(builtin::HTTP_REQS),
            failed: series(builtin::HTTP_REQ_FAILED),
            duration: series(builtin::HTTP_REQ_DURATION),
            blocked: series(builtin::HTTP_REQ_BLOCKED),
            looking_up: series(builtin::HTTP_REQ_LOOKING_UP),
            connecting: series(builtin::HTTP_REQ_CONNECTING),
            tls_handshaking: series(builtin::HTTP_REQ_TLS_HANDSHAKING),
            sending: series(builtin::HTTP_REQ_SENDING),
            waiting: series(builtin::HTTP_REQ_WAITING),
            receiving: series(builtin::HTTP_REQ_RECEIVING),
            connection_failed: series(builtin::CONNECTION_FAILED),
        }
    }

    pub(crate) fn iteration(&self, tags: &TagSet) -> IterationSeries {
        IterationSeries {
            iterations: self.look_up(builtin::ITERATIONS, tags),
            failed: self.look_up(builtin::ITERATIONS_FAILED, tags),
            duration: self.look_up(builtin::ITERATION_DURATION, tags),
            dropped: self.look_up(builtin::DROPPED_ITERATIONS, tags),
            start_lag: self.look_up(builtin::ITERATION_START_LAG, tags),
            corrected: self.look_up(builtin::ITERATION_DURATION_CORRECTED, tags),
            data_sent: self.look_up(builtin::DATA_SENT, tags),
            data_received: self.look_up(builtin::DATA_RECEIVED, tags),
            dropped_ratio: self.look_up(builtin::DROPPED_ITERATIONS_RATIO, tags),
        }
    }
}
