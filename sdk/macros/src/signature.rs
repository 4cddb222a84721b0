//! What an annotated function looks like, and whether that is what its attribute wants.

use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, Result, ReturnType, Type};

/// What a function may take.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    /// Nothing at all.
    Nothing,
    /// Nothing, or one shared reference.
    OptionalReference,
    /// Exactly one value.
    Value,
}

/// A function that passed the check.
pub(crate) struct Signature {
    /// Its name.
    pub(crate) name: Ident,
    /// The type of its parameter, without the `&`.
    pub(crate) parameter: Option<Type>,
    /// Whether the return type is spelt `Result<…>`, whatever its path.
    pub(crate) returns_result: bool,
    /// Whether it returns nothing.
    pub(crate) returns_unit: bool,
}

impl Signature {
    /// Takes a signature apart; an error points at the part that can't be.
    pub(crate) fn check(signature: syn::Signature, takes: Takes) -> Result<Self> {
        if let Some(keyword) = signature.asyncness {
            let text = "functions of a script aren't async: calls such as `http::get` suspend the VU by themselves";
            return Err(Error::new(keyword.span(), text));
        }
        if !signature.generics.params.is_empty() {
            let text = "the host can't choose generic parameters";
            return Err(Error::new(signature.generics.span(), text));
        }
        let span = signature.paren_token.span.join();
        let mut inputs = signature.inputs.into_iter();
        let parameter = match (inputs.next(), takes) {
            (None, Takes::Nothing | Takes::OptionalReference) => None,
            (None, Takes::Value) => {
                let text = "this function takes the summary's data, for example `data: Value`";
                return Err(Error::new(span, text));
            }
            (Some(input), _) => Some(parameter(input, takes)?),
        };
        if let Some(second) = inputs.next() {
            return Err(Error::new(second.span(), "this function takes at most one parameter"));
        }
        let (returns_result, returns_unit) = match &signature.output {
            ReturnType::Default => (false, true),
            ReturnType::Type(_, of) => (is_result(of), is_unit(of)),
        };
        Ok(Self { name: signature.ident, parameter, returns_result, returns_unit })
    }
}

/// The type of a parameter, without the `&` where one is due.
fn parameter(input: FnArg, takes: Takes) -> Result<Type> {
    let FnArg::Typed(typed) = input else {
        return Err(Error::new(input.span(), "a method can't be called by the host"));
    };
    match (*typed.ty, takes) {
        (other, Takes::Nothing) => Err(Error::new(other.span(), "this function takes no parameters")),
        (Type::Reference(reference), Takes::OptionalReference) if reference.mutability.is_none() => Ok(*reference.elem),
        (other, Takes::OptionalReference) => Err(Error::new(
            other.span(),
            "setup data is shared by all iterations of a VU: take it by reference, `data: &Data`",
        )),
        (reference @ Type::Reference(_), Takes::Value) => {
            Err(Error::new(reference.span(), "the summary's data is handed over: take it by value, `data: Value`"))
        }
        (value, Takes::Value) => Ok(value),
    }
}

fn is_result(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Result"))
}

fn is_unit(of: &Type) -> bool {
    matches!(of, Type::Tuple(tuple) if tuple.elems.is_empty())
}
