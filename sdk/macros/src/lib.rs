//! The attributes `#[scenario]`, `#[handlers]`, `#[options]`, `#[setup]`, `#[vu_init]`, `#[teardown]` and `#[summary]` of the SDK.
//!
//! Each leaves the function as it is and adds beside it an entry in the registry that the crate `throng` reads when
//! the host asks what the script consists of. Nothing has to list the functions a second time. The entry functions
//! carry a symbol name that says what there may be only one of, so that a second one is refused by the compiler.
//!
//! This crate knows only syntax; what the generated calls do is in `throng::registry`.

mod entry;
mod signature;

use proc_macro::TokenStream;
use signature::{Signature, Takes};

/// Makes a function callable by scenarios under its own name, or under `#[scenario(name = "…")]`.
///
/// It takes nothing or the setup data by reference (`&Data`, `Data: Deserialize`), and returns nothing or a
/// `Result<(), E>` with `E: Display`. `default` is what scenarios without `exec` call.
#[proc_macro_attribute]
pub fn scenario(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, Takes::OptionalReference, |signature| {
        let name = entry::scenario_name(attribute.into(), signature)?;
        Ok(entry::scenario(&name, signature))
    })
}

/// Makes an implementation of `Handlers` callable by scenarios: under the name `default`, which scenarios without `exec`
/// call, or under `#[handlers(name = "…")]`.
#[proc_macro_attribute]
pub fn handlers(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut output = proc_macro2::TokenStream::from(item.clone());
    let registration = syn::parse::<syn::ItemImpl>(item)
        .map_err(|error| syn::Error::new(error.span(), "`#[handlers]` stands before `impl Handlers for …`"))
        .and_then(|implementation| entry::handlers(attribute.into(), &implementation))
        .unwrap_or_else(|error| error.to_compile_error());
    output.extend(registration);
    output.into()
}

/// Makes a function give the script's options: anything that turns into `Options`, the JSON of k6's shape included.
///
/// It runs once, before anything else, and may use `env` and `log`.
#[proc_macro_attribute]
pub fn options(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, Takes::Nothing, |signature| {
        entry::no_arguments(attribute.into(), "options")?;
        Ok(entry::options(signature))
    })
}

/// Makes a function run once before the VUs start.
///
/// What it returns (`T: Serialize`, or `Result<T, E>` with `E: Display`) is handed to scenarios and teardown. An error
/// ends the run.
///
/// `#[setup(scenario)]`, or `#[setup(scenario, name = "…")]`, is for scenarios whose options name it as their `setup`:
/// it runs once for each of them, after the run's setup, whose data it may take by reference (`&Data`). What it returns
/// is handed to the iterations of that scenario in place of the run's data, which
/// `execution::run_setup_data` still gives.
#[proc_macro_attribute]
pub fn setup(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let is_of_run = attribute.is_empty();
    expand(item, if is_of_run { Takes::Nothing } else { Takes::OptionalReference }, |signature| {
        Ok(match entry::setup_name(attribute.into(), signature)? {
            Some(name) => entry::scenario_setup(&name, signature),
            None => entry::setup(signature),
        })
    })
}

/// Makes a function run once in each VU before its first iteration, and again after a panic or trap has made the VU's
/// instance anew. Parameters and result are as with `#[scenario]`; what it takes is the data of the run's setup.
///
/// VUs that are planned are made ready before the load begins. If it fails, so does the VU's next iteration, and then it
/// is tried again.
#[proc_macro_attribute]
pub fn vu_init(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, Takes::OptionalReference, |signature| {
        entry::no_arguments(attribute.into(), "vu_init")?;
        Ok(entry::vu_init(signature))
    })
}

/// Makes a function run once after the last VU ended. Parameters and result are as with `#[scenario]`.
#[proc_macro_attribute]
pub fn teardown(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, Takes::OptionalReference, |signature| {
        entry::no_arguments(attribute.into(), "teardown")?;
        Ok(entry::teardown(signature))
    })
}

/// Makes a function write the end-of-test summary.
///
/// It takes the data of k6's `handleSummary` by value (`serde_json::Value` or any `T: Deserialize`) and returns pairs
/// of a destination (`stdout`, `stderr` or a path) and a text, or a `Result` of them.
#[proc_macro_attribute]
pub fn summary(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, Takes::Value, |signature| {
        entry::no_arguments(attribute.into(), "summary")?;
        Ok(entry::summary(signature))
    })
}

/// Returns the item unchanged with the registration behind it, or the item and what is wrong with it, so that a wrong
/// attribute doesn't cause further errors about a missing function.
fn expand(
    item: TokenStream,
    takes: Takes,
    register: impl FnOnce(&Signature) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    let mut output = proc_macro2::TokenStream::from(item.clone());
    let registration = syn::parse::<syn::ItemFn>(item)
        .and_then(|function| Signature::check(function.sig, takes))
        .and_then(|signature| register(&signature))
        .unwrap_or_else(|error| error.to_compile_error());
    output.extend(registration);
    output.into()
}
