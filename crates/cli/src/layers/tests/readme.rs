//! The README's tables of options and settings are what there is.

use std::collections::BTreeSet;

use clap::CommandFactory;

use super::*;
use crate::args::{Prefix, rows};

const README: &str = include_str!("../../../../../README.md");
/// What stands for nothing.
const NONE: &str = "–";

/// The cells of the table under a heading.
fn table(heading: &str) -> Vec<Vec<String>> {
    let part = README.split(&format!("\n{heading}\n")).nth(1).expect(heading);
    let rows = part.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace("\\|", "|")).collect();
    rows.take_while(|line| line.starts_with('|')).map(cells).collect()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// The options that files and scripts may have, and their defaults.
fn defaults() -> Vec<(String, Value)> {
    let Value::Object(options) = resolve(&[]).unwrap().options.to_json() else { unreachable!("options are an object") };
    let mut defaults = Vec::new();
    for (key, value) in options {
        match value {
            Value::Object(own) if key == "throng" => {
                defaults.extend(own.into_iter().map(|(inner, value)| (format!("throng.{inner}"), value)));
            }
            value => defaults.push((key, value)),
        }
    }
    defaults
}

fn shown(key: &str, value: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        // The one that runs without any is told apart.
        _ if key == "scenarios" => NONE.to_owned(),
        Value::Null => NONE.to_owned(),
        Value::Array(items) if items.is_empty() => NONE.to_owned(),
        Value::Object(members) if members.is_empty() => NONE.to_owned(),
        Value::Array(items) => code(&items.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            code(&members.iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(","))
        }
        other => code(&text(other)),
    }
}

#[test]
fn the_table_of_options_is_complete_and_true() {
    let defaults = defaults();
    let expected: BTreeSet<Vec<String>> = rows()
        .map(|row| {
            let variable = row.variable.named(Prefix::K6).or_else(|| row.variable.named(Prefix::Throng));
            let default = defaults.iter().find(|(key, _)| key == row.key);
            vec![
                code(row.key),
                variable.map_or_else(|| NONE.to_owned(), |name| code(&name)),
                row.flag_text().unwrap_or_else(|| NONE.to_owned()),
                default.map(|(key, value)| shown(key, value)).unwrap_or_default(),
            ]
        })
        .collect();
    let found: BTreeSet<Vec<String>> = table("### All options").into_iter().map(|row| row[..4].to_vec()).collect();
    let missing: Vec<_> = expected.difference(&found).map(|row| row.join(" | ")).collect();
    let untrue: Vec<_> = found.difference(&expected).map(|row| row.join(" | ")).collect();
    assert!(missing.is_empty() && untrue.is_empty(), "missing: {missing:#?}\nuntrue: {untrue:#?}");
}

#[test]
fn every_option_has_a_row() {
    let of_rows: BTreeSet<_> = rows().map(|row| row.key.to_owned()).collect();
    let of_options: BTreeSet<_> = defaults().into_iter().map(|(key, _)| key).collect();
    assert_eq!(of_rows, of_options);
}

#[test]
fn the_table_of_settings_is_complete_and_their_flags_exist() {
    let expected: BTreeSet<_> = Setting::ALL
        .iter()
        .map(|setting| {
            vec![setting.variables.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "), code(setting.flag)]
        })
        .collect();
    let found: BTreeSet<_> = table("### Settings of a run").into_iter().map(|row| row[..2].to_vec()).collect();
    assert_eq!(found, expected);
    let command = Args::command();
    let run = command.find_subcommand("run").unwrap();
    for setting in Setting::ALL {
        let is_it = |arg: &clap::Arg| {
            let short = arg.get_short().is_some_and(|short| setting.flag == format!("-{short}"));
            short || arg.get_long().is_some_and(|long| setting.flag == format!("--{long}"))
        };
        assert!(run.get_arguments().any(is_it), "{} isn't a flag", setting.flag);
    }
}

#[test]
fn no_variable_and_no_flag_belongs_to_two_options() {
    for prefix in [Prefix::K6, Prefix::Throng] {
        let names: Vec<_> = rows().filter_map(|row| row.variable.named(prefix)).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
