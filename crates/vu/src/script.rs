#![expect(unsafe_code, reason = "compiled code that was cached is machine code, which wasmtime takes on trust")]

use wasmtime::component::{Component, InstancePre};

use crate::{
    cache::{CodeCache, CodeKey},
    engine::Engine,
    exports::Exports,
    host::Host,
    link::linker,
    load::{self, LoadError},
    state::{State, ThreadBound},
};

/// A compiled script, checked and linked. Clones are cheap and may go to other
/// threads: all VUs of a process come from one compilation.
pub struct Script<H: Host> {
    pub(crate) engine: Engine,
    pub(crate) pre: InstancePre<ThreadBound<State<H>>>,
    pub(crate) exports: Exports,
}

impl<H: Host> Clone for Script<H> {
    fn clone(&self) -> Script<H> {
        Script { engine: self.engine.clone(), pre: self.pre.clone(), exports: self.exports }
    }
}

impl<H: Host> std::fmt::Debug for Script<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl<H: Host> Script<H> {
    /// Compiles a component, or takes what the cache has of it, and checks that
    /// it is a script. Takes some milliseconds to seconds, without waiting for
    /// anything but the disk.
    ///
    /// # Errors
    ///
    /// Says what the file is instead.
    pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Script<H>, LoadError> {
        load::check_header(bytes)?;
        let component = match engine.cache() {
            Some(cache) => cached(engine, cache, bytes)?,
            None => compile(engine, bytes)?,
        };
        Script::link(engine, &component)
    }

    /// The same compiled script for VUs with another kind of host.
    ///
    /// # Errors
    ///
    /// None that compiling it has not found.
    pub fn for_host<G: Host>(&self) -> Result<Script<G>, LoadError> {
        Script::link(&self.engine, self.pre.component())
    }

    /// Whether it is event-driven: its iterations are connections, which
    /// [`EventInstance`](crate::EventInstance)s serve, and [`Vu::run`](crate::Vu::run)
    /// isn't there.
    #[must_use]
    pub fn is_event_driven(&self) -> bool {
        self.exports.run.is_none()
    }

    /// Names of what the component imports, in its own order.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        let world = self.pre.component().component_type();
        world.imports(self.engine.wasmtime()).map(|(name, _)| name.to_owned()).collect()
    }

    /// Names of what the component exports, in its own order.
    #[must_use]
    pub fn exports(&self) -> Vec<String> {
        let world = self.pre.component().component_type();
        world.exports(self.engine.wasmtime()).map(|(name, _)| name.to_owned()).collect()
    }

    fn link(engine: &Engine, component: &Component) -> Result<Script<H>, LoadError> {
        let asked = load::check_world(engine, component)?;
        let pre = linker(engine)
            .and_then(|linker| linker.instantiate_pre(component))
            .map_err(|e| load::link_error(asked, &e))?;
        let exports = Exports::find(&pre)?;
        Ok(Script { engine: engine.clone(), pre, exports })
    }
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, LoadError> {
    Component::from_binary(engine.wasmtime(), bytes).map_err(|e| LoadError::Corrupt(format!("{e:#}")))
}

fn cached(engine: &Engine, cache: &CodeCache, bytes: &[u8]) -> Result<Component, LoadError> {
    let key = CodeKey::new(bytes, engine.wasmtime());
    if let Some(code) = cache.load(&key) {
        // SAFETY: the cache takes code only from files of this user that nobody
        // else can write and whose digest is right: what `store` wrote below, by an
        // engine of the same version and settings, which the key holds.
        let loaded = unsafe { Component::deserialize(engine.wasmtime(), &code) };
        if let Ok(component) = loaded {
            return Ok(component);
        }
    }
    let component = compile(engine, bytes)?;
    if let Ok(code) = component.serialize() {
        cache.store(&key, &code);
    }
    Ok(component)
}
