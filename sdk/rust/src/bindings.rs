//! What `wit_bindgen` makes of the contract in `wit/`: the imports, and the trait behind the exports.
#![expect(unsafe_code, reason = "generated: lifting and lowering of the canonical ABI")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "script",
});

/// Exports [`crate::entry::Script`] from the component that this crate is linked into, so that scripts need no closing
/// macro.
mod exports {
    use super::export;

    export!(Script with_types_in super);

    use crate::entry::Script;
}
