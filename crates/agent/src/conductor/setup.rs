//! What happens between the making of VUs and the load: the run's setup, those of scenarios, the init of VUs.

use std::sync::Arc;

use throng_plan::Plan;
use throng_vu::Description;

use super::RunError;
use super::phases::Conductor;
use super::state::RunState;
use crate::command::{Command, Event, Stumble};
use crate::handle::RunPhase;
use crate::observer::Ending;
use crate::setup_data::SetupData;

impl Conductor<'_> {
    /// Does all that, one after the other. How the run ends if a setup fails: then there is no load.
    pub(super) fn set_up(
        &mut self,
        description: &Description,
        plan: &Plan,
        state: &mut RunState,
    ) -> Result<Result<SetupData, Ending>, RunError> {
        let mut data = SetupData::default();
        if !plan.options().no_setup {
            if description.has_setup {
                match self.set_up_part(None, &data, state)? {
                    Ok(json) => data.run = json,
                    Err(ending) => return Ok(Err(ending)),
                }
            }
            for (index, planned) in plan.scenarios().iter().enumerate() {
                let json = match planned.setup() {
                    Some(_) => self.set_up_part(Some((index, &planned.scenario().name)), &data, state)?,
                    None => Ok(None),
                };
                match json {
                    Ok(json) => data.scenarios.push(json),
                    Err(ending) => return Ok(Err(ending)),
                }
            }
        }
        if description.has_vu_init {
            self.init_vus(&data, state)?;
        }
        Ok(Ok(data))
    }

    /// The setup of the run, or of a scenario by its index and name.
    fn set_up_part(
        &mut self,
        scenario: Option<(usize, &str)>,
        data: &SetupData,
        state: &mut RunState,
    ) -> Result<Result<Option<Arc<str>>, Ending>, RunError> {
        if self.aborting.is_some() {
            return Ok(Ok(None));
        }
        self.enter(RunPhase::Setup, state);
        let (began, scenario, name) = (state.began(), scenario.map(|(index, _)| index), scenario.map(|(_, name)| name));
        self.shards[0].sender.send(Command::Setup { began, scenario, run_data: data.run.clone() });
        let result = self.wait_for(state, |event| match event {
            Event::SetupDone(result) => Ok(result),
            event => Err(event),
        })?;
        Ok(result.map(|json| json.map(Arc::from)).map_err(|stumble| {
            let aborted = self.aborting.take();
            aborted.unwrap_or_else(|| match (stumble, name) {
                (Stumble::Timeout(limit), name) => Ending::SetupTimeout { scenario: name.map(str::to_owned), limit },
                (Stumble::Fault(fault), None) => Ending::SetupFailed(fault.to_string()),
                (Stumble::Fault(fault), Some(name)) => Ending::SetupFailed(format!("scenario `{name}`: {fault}")),
                (Stumble::Aborted, _) => Ending::Interrupted,
            })
        }))
    }

    /// Has every shard make its VUs ready for their first iteration.
    fn init_vus(&mut self, data: &SetupData, state: &mut RunState) -> Result<(), RunError> {
        if self.aborting.is_some() {
            return Ok(());
        }
        self.enter(RunPhase::Setup, state);
        for shard in &self.shards {
            shard.sender.send(Command::InitVus { began: state.began(), run_data: data.run.clone() });
        }
        let mut done = 0;
        while done < self.shards.len() {
            done += self.wait_for(state, |event| match event {
                Event::VusInitialised => Ok(1),
                event => Err(event),
            })?;
        }
        Ok(())
    }
}
