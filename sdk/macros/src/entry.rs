//! The code that registers a checked function.

use crate::signature::Signature;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, LitStr, Result};

/// Registers an implementation of `Handlers`.
pub(crate) fn handlers(attribute: TokenStream, implementation: &ItemImpl) -> Result<TokenStream> {
    let of = &implementation.self_ty;
    if implementation.trait_.is_none() {
        return Err(Error::new_spanned(of, "`#[handlers]` stands before `impl Handlers for …`"));
    }
    if !implementation.generics.params.is_empty() {
        return Err(Error::new_spanned(&implementation.generics, "the host can't choose generic parameters"));
    }
    let name = match given_name(attribute, "handlers")? {
        Some(name) if name.value().is_empty() => {
            return Err(Error::new(name.span(), "the options need a name to call it by"));
        }
        Some(name) => name,
        None => LitStr::new("default", of.span()),
    };
    Ok(register(
        of.span(),
        &format!("events_{}_each_name_once", identifier(&name.value())),
        quote!((events: &[::throng::registry::Event], data: &[u8])),
        quote!(::throng::registry::dispatch::<#of>(events, data)),
        quote!(EventHandlers { name: #name, call: __throng_entry }),
    ))
}

/// The name in `#[scenario(name = "…")]`, else the function's.
pub(crate) fn scenario_name(attribute: TokenStream, signature: &Signature) -> Result<LitStr> {
    let name = given_name(attribute, "scenario")?;
    name_or_own(name, signature)
}

/// The name in `#[attribute(name = "…")]`.
fn given_name(attribute: TokenStream, of: &str) -> Result<Option<LitStr>> {
    let mut name = None;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            name = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        } else {
            Err(meta.error(format!("unknown argument: `#[{of}]` knows `name = \"…\"`")))
        }
    });
    parser.parse2(attribute)?;
    Ok(name)
}

/// The name in `#[setup(scenario, name = "…")]`, else the function's; none for the `#[setup]` of the run.
pub(crate) fn setup_name(attribute: TokenStream, signature: &Signature) -> Result<Option<LitStr>> {
    let (mut is_of_scenario, mut name) = (false, None);
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("scenario") {
            is_of_scenario = true;
            Ok(())
        } else if meta.path.is_ident("name") {
            name = Some(meta.value()?.parse::<LitStr>()?);
            Ok(())
        } else {
            Err(meta.error("unknown argument: `#[setup]` knows `scenario` and, with it, `name = \"…\"`"))
        }
    });
    parser.parse2(attribute)?;
    match (is_of_scenario, name) {
        (true, name) => name_or_own(name, signature).map(Some),
        (false, None) => Ok(None),
        (false, Some(name)) => {
            Err(Error::new(name.span(), "the setup of the run has no name; that of scenarios is `#[setup(scenario)]`"))
        }
    }
}

fn name_or_own(name: Option<LitStr>, signature: &Signature) -> Result<LitStr> {
    match name {
        Some(name) if name.value().is_empty() => Err(Error::new(name.span(), "the options need a name to call it by")),
        Some(name) => Ok(name),
        None => {
            let text = signature.name.to_string();
            Ok(LitStr::new(text.strip_prefix("r#").unwrap_or(&text), signature.name.span()))
        }
    }
}

/// Refuses arguments to an attribute that has none.
pub(crate) fn no_arguments(attribute: TokenStream, name: &str) -> Result<()> {
    if attribute.is_empty() {
        Ok(())
    } else {
        Err(Error::new_spanned(attribute, format!("`#[{name}]` takes no arguments")))
    }
}

pub(crate) fn scenario(name: &LitStr, signature: &Signature) -> TokenStream {
    let call = call_with_setup_data(signature);
    let symbol = format!("scenario_{}_each_name_once", identifier(&name.value()));
    register(
        signature.name.span(),
        &symbol,
        quote!(()),
        // In a closure of its own, which `?` of the setup data returns from.
        quote!(::throng::registry::iterations(|| ::throng::registry::outcome(#call))),
        quote!(Scenario { name: #name, run: __throng_entry }),
    )
}

pub(crate) fn options(signature: &Signature) -> TokenStream {
    let function = &signature.name;
    register(
        signature.name.span(),
        "options_at_most_one",
        quote!(() -> ::throng::options::Options),
        quote!(::core::convert::Into::into(#function())),
        quote!(OptionsHook { call: __throng_entry }),
    )
}

pub(crate) fn setup(signature: &Signature) -> TokenStream {
    register(
        signature.name.span(),
        "setup_at_most_one",
        quote!(() -> ::core::result::Result<::core::option::Option<::std::string::String>, ::std::string::String>),
        setup_body(signature),
        quote!(SetupHook { call: __throng_entry }),
    )
}

pub(crate) fn scenario_setup(name: &LitStr, signature: &Signature) -> TokenStream {
    let symbol = format!("setup_of_scenario_{}_each_name_once", identifier(&name.value()));
    register(
        signature.name.span(),
        &symbol,
        quote!(() -> ::core::result::Result<::core::option::Option<::std::string::String>, ::std::string::String>),
        setup_body(signature),
        quote!(ScenarioSetup { name: #name, call: __throng_entry }),
    )
}

fn setup_body(signature: &Signature) -> TokenStream {
    let call = call_with_setup_data(signature);
    if signature.returns_result {
        quote!(match #call {
            ::core::result::Result::Ok(data) => ::throng::registry::to_json(&data),
            ::core::result::Result::Err(error) => ::throng::registry::failed(error),
        })
    } else if signature.returns_unit {
        quote!({
            #call;
            ::core::result::Result::Ok(::core::option::Option::None)
        })
    } else {
        quote!(::throng::registry::to_json(&#call))
    }
}

pub(crate) fn vu_init(signature: &Signature) -> TokenStream {
    let call = call_with_setup_data(signature);
    register(
        signature.name.span(),
        "vu_init_at_most_one",
        quote!(() -> ::core::result::Result<(), ::std::string::String>),
        quote!(::throng::registry::outcome(#call)),
        quote!(VuInitHook { call: __throng_entry }),
    )
}

pub(crate) fn teardown(signature: &Signature) -> TokenStream {
    let call = call_with_setup_data(signature);
    register(
        signature.name.span(),
        "teardown_at_most_one",
        quote!(() -> ::core::result::Result<(), ::std::string::String>),
        quote!(::throng::registry::outcome(#call)),
        quote!(TeardownHook { call: __throng_entry }),
    )
}

pub(crate) fn summary(signature: &Signature) -> TokenStream {
    let function = &signature.name;
    let data = quote!(::throng::registry::from_json(data)?);
    let body = if signature.returns_result {
        quote!(match #function(#data) {
            ::core::result::Result::Ok(contents) => ::throng::registry::contents(contents),
            ::core::result::Result::Err(error) => ::throng::registry::failed(error),
        })
    } else {
        quote!(::throng::registry::contents(#function(#data)))
    };
    register(
        signature.name.span(),
        "summary_at_most_one",
        quote!((data: &str) -> ::core::result::Result<
            ::std::vec::Vec<(::std::string::String, ::std::string::String)>,
            ::std::string::String,
        >),
        body,
        quote!(SummaryHook { call: __throng_entry }),
    )
}

fn call_with_setup_data(signature: &Signature) -> TokenStream {
    let function = &signature.name;
    match &signature.parameter {
        Some(data) => quote!(#function(::throng::registry::setup_data::<#data>()?)),
        None => quote!(#function()),
    }
}

/// `name` as linkers take it unquoted: every character but letters, digits and underscores is replaced by its code in
/// hexadecimal between two dots. Different names stay different.
fn identifier(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii_alphanumeric() || c == '_' {
            text.push(c);
        } else {
            text.push_str(&format!(".{:x}.", u32::from(c)));
        }
        text
    })
}

/// An anonymous constant that holds the entry function and submits it to the registry.
///
/// The symbol name is what the compiler prints when there are two of them.
fn register(
    span: Span,
    symbol: &str,
    entry_signature: TokenStream,
    body: TokenStream,
    registered: TokenStream,
) -> TokenStream {
    let function = quote_spanned!(span=> fn __throng_entry #entry_signature { #body });
    quote! {
        const _: () = {
            #[unsafe(export_name = #symbol)]
            #function
            ::throng::registry::inventory::submit! { ::throng::registry::#registered }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn different_names_are_different_symbols_that_a_linker_takes() {
        let names = ["a b", "a_20_b", "a.20.b", "a(b)", "ä", "a", ""];
        let symbols: std::collections::BTreeSet<_> = names.into_iter().map(identifier).collect();
        assert_eq!(symbols.len(), names.len());
        let is_taken = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        assert!(symbols.iter().all(|symbol| symbol.chars().all(is_taken)), "{symbols:?}");
    }
}
