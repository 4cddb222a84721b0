//! What `wit_bindgen` makes of what event-driven scripts have beyond the others: connections, and the export `handle`.
//!
//! The world `events` as a whole can't stand here, since it has the exports of the world `script` too, of which a module
//! has one each. `throng build` gives the component of an event-driven script that world.
#![expect(unsafe_code, reason = "generated: lifting and lowering of the canonical ABI")]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package throng:sdk;

        world handlers {
            use throng:script/connections@0.1.0.{event};
            import throng:script/connections@0.1.0;
            /// Handles events of connections, whose bytes are in `data`.
            export handle: func(function: u32, events: list<event>, data: list<u8>);
        }
    ",
    with: { "throng:script/websocket@0.1.0": crate::bindings::throng::script::websocket },
    generate_all,
});

/// Exports [`crate::entry::Script`] from the component, as in [`crate::bindings`].
mod exports {
    use super::export;

    export!(Script with_types_in super);

    use crate::entry::Script;
}
