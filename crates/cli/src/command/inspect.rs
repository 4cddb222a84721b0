//! `throng inspect`.

use std::time::Duration;

use serde_json::{Value, json};
use throng_agent::Inspection;
use throng_plan::duration;

use super::options;
use crate::args::{Global, InspectArgs};
use crate::exit::{Exit, Failure};
use crate::layers::Environment;
use crate::load;
use crate::printing::{self, Page, Printer};

/// What stands for a private key or a password.
const HIDDEN: &str = "(not shown)";

pub(crate) fn run(args: &InspectArgs, global: &Global) -> Result<Exit, Failure> {
    let script = &args.script.script;
    let test = load::load(script, global)?;
    let environment = Environment::of_process();
    let config = options::run_config(test, (&args.script, &args.options), (&environment, false), global);
    let inspection = throng_agent::inspect(&config, &mut Printer::new(global, script))
        .map_err(|error| Failure::of_test(error, script))?;
    let text = if args.human {
        printing::page(&Page { script, component: &config.component, inspection: &inspection })
    } else {
        let mut json = resolved(&inspection, args.execution_requirements);
        if args.origins {
            json["origins"] = printing::origins(&inspection).into_iter().collect();
        }
        serde_json::to_string_pretty(&json).map_err(|error| Failure::new(Exit::Other, error))?
    };
    printing::line(&text);
    Ok(Exit::Success)
}

/// The options in k6's shape, without what nobody is to see.
fn resolved(inspection: &Inspection, requirements: bool) -> Value {
    let plan = &inspection.plan;
    let mut json = plan.options().to_json();
    for certificate in json["tlsAuth"].as_array_mut().into_iter().flatten() {
        for key in ["key", "password"] {
            if !certificate[key].is_null() {
                certificate[key] = json!(HIDDEN);
            }
        }
    }
    if requirements {
        json["totalDuration"] = json!((plan.duration() != Duration::MAX).then(|| duration::format(plan.duration())));
        json["maxVUs"] = json!(plan.max_vus());
        json["files"] = json!(inspection.files.summaries());
    }
    json
}
