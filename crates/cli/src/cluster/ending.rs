//! How a run of a cluster ended, told like one on this machine.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use throng_protocol::control::Ending;
use throng_protocol::run::{RunEnd, Summary};

use crate::args::Global;
use crate::exit::Exit;
use crate::printing;

/// A file that the summary is to be written to as JSON.
pub(crate) struct Export {
    pub(crate) path: PathBuf,
    /// Whether in the newer shape.
    pub(crate) is_machine: bool,
}

/// Prints the summary, writes what is to be written, says what went wrong; the code to exit with.
pub(crate) fn deliver(end: &RunEnd, export: Option<&Export>, global: &Global) -> Exit {
    let is_written = end.summary.as_ref().is_none_or(|summary| summarize(summary, export, global));
    let exit = tell(end, global);
    if exit == Exit::Success && !is_written { Exit::OutputFailed } else { exit }
}

/// How a run ended, as the group says.
pub(crate) fn exit_of(end: &RunEnd) -> (Exit, Ending) {
    let ending = end.run.as_ref().and_then(|run| run.status.as_ref()).and_then(|status| status.ending.clone());
    let ending = ending.unwrap_or_else(|| Ending {
        exit_code: Exit::Other as u32,
        message: "the group doesn't say how the run ended".to_owned(),
        ..Ending::default()
    });
    (Exit::of(ending.exit_code), ending)
}

/// Says why the run isn't a success.
fn tell(end: &RunEnd, global: &Global) -> Exit {
    let (exit, ending) = exit_of(end);
    let summary = end.summary.as_ref();
    let failed = summary.map(|summary| summary.outcomes.iter().cloned().map(Into::into).collect::<Vec<_>>());
    let failed = failed.unwrap_or_default();
    let failed = throng_stats::failed_metrics(&failed);
    if exit != Exit::Success && !ending.message.is_empty() {
        printing::error(&ending.message, global);
    }
    if !failed.is_empty() {
        printing::error(&format!("thresholds on {} have failed", failed.join(", ")), global);
    }
    if let Some(message) = summary.and_then(|summary| summary.marked_failed.as_ref())
        && exit != Exit::MarkedFailed
    {
        printing::error(&format!("the script marked the run as failed: {message}"), global);
    }
    exit
}

/// Delivers the summary in all forms that were asked for; what can't be written is told, and doesn't keep the others.
fn summarize(summary: &Summary, export: Option<&Export>, global: &Global) -> bool {
    let mut contents: Vec<(String, String)> = Vec::new();
    match &summary.own {
        Some(own) => contents.extend(own.contents.iter().map(|one| (one.destination.clone(), one.text.clone()))),
        None => {
            let coloured = printing::colours(global, io::stdout().is_terminal());
            let text = if coloured { &summary.text_coloured } else { &summary.text };
            contents.push(("stdout".to_owned(), text.clone()));
        }
    }
    if !summary.own_failure.is_empty() {
        let text = format!("summarize failed, so the usual summary is shown: {}", summary.own_failure);
        printing::error(&text, global);
    }
    let mut is_complete = true;
    if let Some(Export { path, is_machine }) = export {
        let (json, name) =
            if *is_machine { (&summary.machine_json, "machine") } else { (&summary.export_json, "export") };
        let path = path.to_string_lossy().into_owned();
        match serde_json::from_str::<serde_json::Value>(json) {
            Ok(json) => contents.push((path, format!("{json:#}\n"))),
            Err(_) => {
                let why = if summary.left_out.iter().any(|left_out| left_out == name) {
                    "it is larger than a group of coordinators keeps"
                } else {
                    "the group has none"
                };
                printing::error(&format!("the summary can't be written to {path}: {why}"), global);
                is_complete = false;
            }
        }
    }
    for (destination, content) in contents {
        if let Err(error) = write(&destination, &content) {
            printing::error(&format!("the summary can't be written to {destination}: {error}"), global);
            is_complete = false;
        }
    }
    is_complete
}

/// Writes a part of a summary where it is to go.
pub(crate) fn write(destination: &str, content: &str) -> io::Result<()> {
    let written = match destination {
        "stdout" => io::stdout().write_all(content.as_bytes()),
        "stderr" => io::stderr().write_all(content.as_bytes()),
        path => fs::write(path, content),
    };
    // Whoever read the summary has seen enough.
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use throng_protocol::control::RunStatus;
    use throng_protocol::run::Run;

    use super::*;

    #[test]
    fn an_end_without_an_ending_is_no_success() {
        assert_eq!(exit_of(&RunEnd::default()).0, Exit::Other);
        let ending = Some(Ending { exit_code: 118, ..Ending::default() });
        let run = Some(Run { status: Some(RunStatus { ending, ..RunStatus::default() }), ..Run::default() });
        assert_eq!(exit_of(&RunEnd { run, summary: None }).0, Exit::Incomplete);
    }

    #[test]
    fn every_code_of_the_groups_is_one_of_ours_with_its_meaning() {
        use throng_control::ExitCode;

        let codes = [
            ExitCode::Success,
            ExitCode::ThresholdsFailed,
            ExitCode::SetupTimedOut,
            ExitCode::TeardownTimedOut,
            ExitCode::Stopped,
            ExitCode::OptionsWrong,
            ExitCode::Interrupted,
            ExitCode::ScriptFailed,
            ExitCode::ScriptAborted,
            ExitCode::MarkedFailed,
            ExitCode::Machine,
            ExitCode::AgentLost,
            ExitCode::NoAgents,
            ExitCode::Incomplete,
            ExitCode::Other,
        ];
        for code in codes {
            let exit = Exit::of(code as u32);
            assert_eq!(exit as u32, code as u32);
            // On an agent it is another machine.
            assert!(exit == Exit::Machine || exit.meaning() == code.meaning(), "{code:?}");
        }
    }
}
