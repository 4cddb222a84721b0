//! What setup returned, parsed once per VU, scenario and type.

use crate::bindings::throng::script::execution;
use crate::registry;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId, type_name};
use std::cell::{Cell, RefCell};

/// Whose data it is: that of the run is 0, those of scenarios are numbered as this instance meets them.
type Source = usize;
type Parsed = (Source, TypeId, &'static dyn Any);

/// The number of the run's data.
const RUN: Source = 0;

thread_local! {
    /// One entry for each type that the script takes it as: usually one.
    static PARSED: RefCell<Vec<Parsed>> = const { RefCell::new(Vec::new()) };
    /// Names of scenarios that this instance has been in.
    static SCENARIOS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// Whose data the iterations of this `run` get; none until one asks.
    static SOURCE: Cell<Option<Source>> = const { Cell::new(None) };
}

/// The VU may be in another scenario than before.
pub(crate) fn note_run() {
    SOURCE.set(None);
}

/// The setup data of the scenario, or of the run, as a `T`. It lives as long as the VU's instance, so that an iteration
/// costs one look-up.
///
/// Fails when setup returned nothing that a `T` can be read from.
pub fn setup_data<T: DeserializeOwned + 'static>() -> Result<&'static T, String> {
    let source = SOURCE.get().unwrap_or_else(|| {
        let source = find_source();
        SOURCE.set(Some(source));
        source
    });
    parsed(source, execution::setup_data)
}

/// What the run's setup returned as a `T`.
pub(crate) fn run_setup_data<T: DeserializeOwned + 'static>() -> Result<&'static T, String> {
    parsed(RUN, execution::run_setup_data)
}

/// Whose data is due where the VU stands. Without setups of scenarios there is nothing to tell apart.
fn find_source() -> Source {
    if registry::scenario_setups().next().is_none() {
        return RUN;
    }
    let Some(scenario) = execution::scenario() else { return RUN };
    SCENARIOS.with_borrow_mut(|known| {
        let place = known.iter().position(|name| *name == scenario.name).unwrap_or_else(|| {
            known.push(scenario.name);
            known.len() - 1
        });
        place + 1
    })
}

fn parsed<T: DeserializeOwned + 'static>(
    source: Source,
    json: impl FnOnce() -> Option<String>,
) -> Result<&'static T, String> {
    let wanted = TypeId::of::<T>();
    PARSED.with_borrow_mut(|parsed| {
        let found = parsed.iter().find(|(of, kind, _)| (*of, *kind) == (source, wanted));
        if let Some(data) = found.and_then(|(_, _, data)| data.downcast_ref()) {
            return Ok(data);
        }
        let data: &'static T = Box::leak(Box::new(parse(json().as_deref())?));
        parsed.push((source, wanted, data));
        Ok(data)
    })
}

/// Reads JSON, or `null` where there is none, so that `Option` and `Value` accept a script without setup.
fn parse<T: DeserializeOwned>(json: Option<&str>) -> Result<T, String> {
    serde_json::from_str(json.unwrap_or("null")).map_err(|error| match json {
        Some(_) => format!("setup returned something else than a {}: {error}", type_name::<T>()),
        None => format!("the function takes setup data ({}), and there is none: add a #[setup]", type_name::<T>()),
    })
}

#[cfg(test)]
mod tests {
    use super::{RUN, parse, parsed};

    #[test]
    fn data_is_read_as_the_type_that_the_function_takes() {
        assert_eq!(parse::<Vec<u32>>(Some("[1,2]")), Ok(vec![1, 2]));
    }

    #[test]
    fn missing_data_is_none_for_an_option_and_an_explained_error_otherwise() {
        assert_eq!(parse::<Option<u32>>(None), Ok(None));
        assert!(parse::<u32>(None).unwrap_err().contains("add a #[setup]"));
        assert!(parse::<u32>(Some("\"x\"")).unwrap_err().contains("u32"));
    }

    #[test]
    fn data_is_parsed_once_for_each_source_and_type() {
        let json = |text: &'static str| move || Some(text.to_owned());
        let nobody = || panic!("it is known already");
        assert_eq!(parsed::<u32>(RUN, json("1")), Ok(&1));
        assert_eq!(parsed::<u32>(1, json("2")), Ok(&2));
        assert_eq!(parsed::<u64>(1, json("3")), Ok(&3));
        assert_eq!((parsed::<u32>(RUN, nobody), parsed::<u32>(1, nobody)), (Ok(&1), Ok(&2)));
        assert!(parsed::<u32>(2, || None).is_err());
    }
}
