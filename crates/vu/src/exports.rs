use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower,
    types::{ComponentFunc, ComponentItem},
};

use crate::{connections::Handle, load::LoadError, types::Described};

/// `run(function)`.
pub(crate) type Run = ((u32,), ());
/// `describe()`.
pub(crate) type Describe = ((), (Described,));
/// `setup()`.
pub(crate) type Setup = ((), (Result<Option<String>, String>,));
/// `scenario-setups()`.
pub(crate) type ScenarioSetups = ((), (Vec<String>,));
/// `setup-scenario(function)`.
pub(crate) type SetupScenario = ((u32,), (Result<Option<String>, String>,));
/// `has-vu-init()`.
pub(crate) type HasVuInit = ((), (bool,));
/// `init-vu()`.
pub(crate) type InitVu = ((), (Result<(), String>,));
/// `teardown()`.
pub(crate) type Teardown = ((), (Result<(), String>,));
/// `summarize(data)`.
pub(crate) type Summarize = ((String,), (Result<Vec<(String, String)>, String>,));

/// Where a component's exports are, so that a VU needs no look-up by name.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) describe: ComponentExportIndex,
    /// Of scripts whose VUs run iterations.
    pub(crate) run: Option<ComponentExportIndex>,
    /// Of event-driven scripts.
    pub(crate) handle: Option<ComponentExportIndex>,
    pub(crate) setup: Option<ComponentExportIndex>,
    pub(crate) scenario_setups: Option<ComponentExportIndex>,
    pub(crate) setup_scenario: Option<ComponentExportIndex>,
    pub(crate) has_vu_init: Option<ComponentExportIndex>,
    pub(crate) init_vu: Option<ComponentExportIndex>,
    pub(crate) teardown: Option<ComponentExportIndex>,
    pub(crate) summarize: Option<ComponentExportIndex>,
}

/// The export that every script has.
pub(crate) const DESCRIBE: &str = "describe";
/// Those of which a script has one, by its kind.
pub(crate) const RUN: &str = "run";
/// See [`RUN`].
pub(crate) const HANDLE: &str = "handle";

impl Exports {
    /// Finds the exports, and checks their types so that no VU meets a wrong one.
    pub(crate) fn find<T: 'static>(pre: &InstancePre<T>) -> Result<Exports, LoadError> {
        let missing = |name: &str| LoadError::WrongExport { name: name.to_owned(), reason: "it is missing".to_owned() };
        Ok(Exports {
            describe: find::<T, Describe>(pre, DESCRIBE)?.ok_or_else(|| missing(DESCRIBE))?,
            run: find::<T, Run>(pre, RUN)?,
            handle: find::<T, Handle>(pre, HANDLE)?,
            setup: find::<T, Setup>(pre, "setup")?,
            scenario_setups: find::<T, ScenarioSetups>(pre, "scenario-setups")?,
            setup_scenario: find::<T, SetupScenario>(pre, "setup-scenario")?,
            has_vu_init: find::<T, HasVuInit>(pre, "has-vu-init")?,
            init_vu: find::<T, InitVu>(pre, "init-vu")?,
            teardown: find::<T, Teardown>(pre, "teardown")?,
            summarize: find::<T, Summarize>(pre, "summarize")?,
        })
    }
}

/// A function's parameters and results as one type.
pub(crate) trait Signature {
    type Params: ComponentNamedList + Lower + 'static;
    type Results: ComponentNamedList + Lift + 'static;
}

impl<P, R> Signature for (P, R)
where
    P: ComponentNamedList + Lower + 'static,
    R: ComponentNamedList + Lift + 'static,
{
    type Params = P;
    type Results = R;
}

fn find<T: 'static, S: Signature>(pre: &InstancePre<T>, name: &str) -> Result<Option<ComponentExportIndex>, LoadError> {
    let component: &Component = pre.component();
    let Some((item, index)) = component.get_export(None, name) else {
        return Ok(None);
    };
    let wrong = |reason: String| LoadError::WrongExport { name: name.to_owned(), reason };
    let ComponentItem::ComponentFunc(function) = item else {
        return Err(wrong("it is no function".to_owned()));
    };
    check::<T, S>(pre, &function).map_err(|e| wrong(format!("{e:#}")))?;
    Ok(Some(index))
}

fn check<T: 'static, S: Signature>(pre: &InstancePre<T>, function: &ComponentFunc) -> wasmtime::Result<()> {
    function.typecheck::<S::Params, S::Results>(&pre.instance_type())
}
