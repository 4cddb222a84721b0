use std::{cell::Cell, marker::PhantomData, rc::Rc};

use wasmtime::{
    Store, StoreContextMut, UpdateDeadline,
    component::{ComponentExportIndex, Instance, TypedFunc},
};

use crate::{
    budget::SLICE_TICKS,
    engine::Limits,
    exports::{
        Describe, Exports, HasVuInit, InitVu, Run, ScenarioSetups, Setup, SetupScenario, Signature, Summarize, Teardown,
    },
    fault::{Fault, FaultKind, Stop},
    host::Host,
    script::Script,
    state::{State, ThreadBound},
    types::Description,
};

type Data<H> = ThreadBound<State<H>>;
pub(crate) type Function<S> = TypedFunc<<S as Signature>::Params, <S as Signature>::Results>;

/// A virtual user: one instance of a script with its memory, stack and [`Host`].
///
/// It stays on the thread that made it. After a fault of any kind but
/// [`FaultKind::Script`], and after a call whose future was dropped before it
/// ended, it can't be called any more: every call then fails at once.
///
/// ```compile_fail,E0277
/// # fn is_send<T: Send>(_: T) {}
/// fn a_vu_may_move<H: throng_vu::Host + Send>(vu: throng_vu::Vu<H>) {
///     is_send(vu);
/// }
/// ```
///
/// ```compile_fail,E0277
/// # fn is_send<T: Send>(_: T) {}
/// fn its_making_may_move<H: throng_vu::Host + Send>(script: throng_vu::Script<H>, host: H) {
///     is_send(throng_vu::Vu::new(&script, host));
/// }
/// ```
pub struct Vu<H: Host> {
    store: Store<Data<H>>,
    instance: Instance,
    /// None of event-driven scripts.
    run: Option<Function<Run>>,
    exports: Exports,
    limits: Limits,
    is_usable: bool,
    /// Neither `Send` nor `Sync`, which `ThreadBound` relies on.
    _on_one_thread: PhantomData<*const ()>,
}

impl<H: Host> std::fmt::Debug for Vu<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vu").field("is_usable", &self.is_usable).finish_non_exhaustive()
    }
}

impl<H: Host> Vu<H> {
    /// Makes an instance of a script.
    ///
    /// # Errors
    ///
    /// When its initial memory is over the limit, there is no memory, or its
    /// start function faults. The host is dropped.
    pub async fn new(script: &Script<H>, host: H) -> Result<Vu<H>, Fault> {
        // Held from here on, so that this future stays on its thread too.
        let on_one_thread = PhantomData::<*const ()>;
        let limits = script.engine.limits();
        let state = ThreadBound(State::new(host, limits));
        let mut store = Store::new(script.engine.wasmtime(), state);
        store.limiter(|data| &mut data.0.memory);
        store.epoch_deadline_callback(end_of_slice);
        store.set_epoch_deadline(SLICE_TICKS);
        let made = match script.pre.instantiate_async(&mut store).await {
            Ok(instance) => {
                let run = script.exports.run.map(|run| instance.get_typed_func(&mut store, run)).transpose();
                run.map(|run| (instance, run))
            }
            Err(e) => Err(e),
        };
        let (instance, run) = made.map_err(|e| explain(&mut store, &e, limits))?;
        Ok(Vu { store, instance, run, exports: script.exports, limits, is_usable: true, _on_one_thread: on_one_thread })
    }

    /// What the script consists of. To be called in a VU of its own.
    ///
    /// # Errors
    ///
    /// When the guest faults.
    pub async fn describe(&mut self) -> Result<Description, Fault> {
        let function = self.find::<Describe>(self.exports.describe)?;
        let (described,) = self.call(function, ()).await?;
        let scenario_setups = match self.exports.scenario_setups.filter(|_| self.exports.setup_scenario.is_some()) {
            Some(index) => {
                let function = self.find::<ScenarioSetups>(index)?;
                self.call(function, ()).await?.0
            }
            None => Vec::new(),
        };
        let has_vu_init = match self.exports.has_vu_init.filter(|_| self.exports.init_vu.is_some()) {
            Some(index) => {
                let function = self.find::<HasVuInit>(index)?;
                self.call(function, ()).await?.0
            }
            None => false,
        };
        Ok(Description::new(described, scenario_setups, has_vu_init))
    }

    /// Runs iterations of the function at this index of
    /// [`Description::functions`], until [`Host::next_iteration`] says that there
    /// are no more. An error of an iteration is for the host, and ends nothing.
    ///
    /// The future may be dropped at any time, which ends the guest where it waits;
    /// the VU is of no use then.
    ///
    /// # Errors
    ///
    /// Why the script never returned. It is never [`FaultKind::Script`].
    pub async fn run(&mut self, function: u32) -> Result<(), Fault> {
        let Some(run) = self.run else {
            return Err(Fault::new(FaultKind::Host, "the script is event-driven: it has no export `run`"));
        };
        self.call(run, (function,)).await
    }

    /// Runs the script's setup and returns its data, JSON. `None` without an
    /// export or without data.
    ///
    /// # Errors
    ///
    /// [`FaultKind::Script`] with the error that the script returned; else why it
    /// never returned.
    pub async fn setup(&mut self) -> Result<Option<String>, Fault> {
        let Some(index) = self.exports.setup else {
            return Ok(None);
        };
        let function = self.find::<Setup>(index)?;
        let (result,) = self.call(function, ()).await?;
        result.map_err(Fault::script)
    }

    /// Runs the function at this index of [`Description::scenario_setups`] and returns its data, JSON.
    ///
    /// # Errors
    ///
    /// As for [`setup`](Vu::setup).
    pub async fn setup_scenario(&mut self, function: u32) -> Result<Option<String>, Fault> {
        let Some(index) = self.exports.setup_scenario else {
            return Ok(None);
        };
        let export = self.find::<SetupScenario>(index)?;
        let (result,) = self.call(export, (function,)).await?;
        result.map_err(Fault::script)
    }

    /// Makes the instance ready for its first iteration, if the script has something to do for that.
    ///
    /// # Errors
    ///
    /// As for [`setup`](Vu::setup).
    pub async fn init(&mut self) -> Result<(), Fault> {
        let Some(index) = self.exports.init_vu else {
            return Ok(());
        };
        let function = self.find::<InitVu>(index)?;
        let (result,) = self.call(function, ()).await?;
        result.map_err(Fault::script)
    }

    /// Runs the script's teardown, if it has one.
    ///
    /// # Errors
    ///
    /// As for [`setup`](Vu::setup).
    pub async fn teardown(&mut self) -> Result<(), Fault> {
        let Some(index) = self.exports.teardown else {
            return Ok(());
        };
        let function = self.find::<Teardown>(index)?;
        let (result,) = self.call(function, ()).await?;
        result.map_err(Fault::script)
    }

    /// Has the script make the end-of-test summary from this JSON. Returns
    /// contents by destination, or `None` without an export.
    ///
    /// # Errors
    ///
    /// As for [`setup`](Vu::setup).
    pub async fn summarize(&mut self, data: String) -> Result<Option<Vec<(String, String)>>, Fault> {
        let Some(index) = self.exports.summarize else {
            return Ok(None);
        };
        let function = self.find::<Summarize>(index)?;
        let (result,) = self.call(function, (data,)).await?;
        result.map(Some).map_err(Fault::script)
    }

    /// Whether it can be called: no call was dropped, or faulted but with
    /// [`FaultKind::Script`].
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// The host that it was given.
    #[must_use]
    pub fn host(&self) -> &H {
        &self.store.data().0.host
    }

    /// The host that it was given, between calls.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.store.data_mut().0.host
    }

    /// Has the flag set whenever the guest gives way at the end of a slice.
    pub(crate) fn watch_slices(&mut self) -> Rc<Cell<bool>> {
        Rc::clone(self.store.data_mut().0.gave_way.get_or_insert_default())
    }

    pub(crate) fn find<S: Signature>(&mut self, index: ComponentExportIndex) -> Result<Function<S>, Fault> {
        // The script's exports were checked when it was loaded.
        self.instance.get_typed_func(&mut self.store, index).map_err(|e| Fault::new(FaultKind::Host, format!("{e:#}")))
    }

    pub(crate) async fn call<P, R>(&mut self, function: TypedFunc<P, R>, params: P) -> Result<R, Fault>
    where
        (P, R): Signature<Params = P, Results = R>,
        P: wasmtime::component::ComponentNamedList + wasmtime::component::Lower + Send + Sync,
        R: wasmtime::component::ComponentNamedList + wasmtime::component::Lift + Send + Sync,
        P: 'static,
        R: 'static,
    {
        if !self.is_usable {
            return Err(Fault::new(FaultKind::Host, "this VU was ended by an earlier fault or interruption"));
        }
        // Stays false where the call faults, and where this future is dropped.
        self.is_usable = false;
        self.store.data_mut().0.begin();
        self.store.set_epoch_deadline(SLICE_TICKS);
        match function.call_async(&mut self.store, params).await {
            Ok(results) => {
                self.is_usable = true;
                Ok(results)
            }
            Err(e) => Err(explain(&mut self.store, &e, self.limits)),
        }
    }
}

/// What happens when a guest has run for a slice: others get a turn, unless its
/// budget is used up.
fn end_of_slice<H: Host>(mut store: StoreContextMut<'_, Data<H>>) -> wasmtime::Result<UpdateDeadline> {
    let state = &mut store.data_mut().0;
    if state.budget.use_slice() {
        if let Some(gave_way) = &state.gave_way {
            gave_way.set(true);
        }
        Ok(UpdateDeadline::Yield(SLICE_TICKS))
    } else {
        Err(Stop::TimeLimit.into())
    }
}

fn explain<H: Host>(store: &mut Store<Data<H>>, error: &wasmtime::Error, limits: Limits) -> Fault {
    let state = &mut store.data_mut().0;
    let (panic, refusal) = (state.panic_message.take(), state.memory.take_refusal());
    Fault::from_error(error, panic, refusal, limits)
}
