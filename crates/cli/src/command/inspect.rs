//! `throng inspect`.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use throng_agent::Inspection;
use throng_plan::duration;

use super::options;
use crate::args::{Global, InspectArgs};
use crate::exit::{Exit, Failure};
use crate::printing::{self, Page, Printer};

/// What stands for a private key or a password.
const HIDDEN: &str = "(not shown)";

pub(crate) fn run(args: &InspectArgs, global: &Global) -> Result<Exit, Failure> {
    let config = options::run_config(&args.script, &args.options, false, global)?;
    let inspection = throng_agent::inspect(&config, &mut Printer::new(global, &args.script.script))?;
    let text = if args.human {
        page(&args.script.script, &config.component, &inspection)
    } else {
        let json = resolved(&inspection, args.execution_requirements);
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
        json["totalDuration"] = json!(duration::format(plan.duration()));
        json["maxVUs"] = json!(plan.max_vus());
    }
    json
}

fn page(script: &Path, component: &[u8], inspection: &Inspection) -> String {
    let digest: String = Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect();
    printing::page(&Page { script, digest: &digest, bytes: component.len(), inspection })
}
