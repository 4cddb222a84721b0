//! What setup returned, parsed once per VU and type.

use crate::bindings::throng::script::execution;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId, type_name};
use std::cell::RefCell;

type Parsed = (TypeId, &'static dyn Any);

thread_local! {
    /// One entry for each type that the script takes it as: usually one.
    static PARSED: RefCell<Vec<Parsed>> = const { RefCell::new(Vec::new()) };
}

/// The setup data as a `T`. It lives as long as the VU's instance, so that an iteration costs one look-up.
///
/// Fails when setup returned nothing that a `T` can be read from.
pub fn setup_data<T: DeserializeOwned + 'static>() -> Result<&'static T, String> {
    let wanted = TypeId::of::<T>();
    PARSED.with_borrow_mut(|parsed| {
        let found = parsed.iter().find(|(of, _)| *of == wanted).and_then(|(_, data)| data.downcast_ref());
        if let Some(data) = found {
            return Ok(data);
        }
        let data: &'static T = Box::leak(Box::new(parse(execution::setup_data().as_deref())?));
        parsed.push((wanted, data));
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
    use super::parse;

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
}
