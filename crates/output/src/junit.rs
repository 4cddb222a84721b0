//! The verdicts of a run as JUnit XML, which CI systems show.

use std::io;
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use throng_stats::{Check, Outcome, Report};

/// What is said of a run: by its report, or by what a group of coordinators has kept of it.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    /// What was run.
    pub test: String,
    /// Why the run isn't complete: none if it came to its regular end.
    pub trouble: Option<String>,
    /// How long it took.
    pub duration: Duration,
    /// What each threshold said at last.
    pub thresholds: Vec<Outcome>,
    /// Its checks by group and name.
    pub checks: Vec<Check>,
}

impl Verdicts {
    /// Those of a report.
    #[must_use]
    pub fn of(report: &Report, test: &str, trouble: Option<String>) -> Self {
        let thresholds = report.total.metrics.iter().flat_map(|metric| {
            metric.thresholds.iter().map(|threshold| Outcome {
                metric: metric.name.clone(),
                expression: threshold.expression.clone(),
                ok: threshold.ok,
                value: threshold.value,
                abort: false,
            })
        });
        Self {
            test: test.to_owned(),
            trouble,
            duration: report.settings.run_duration,
            thresholds: thresholds.collect(),
            checks: report.total.checks.clone(),
        }
    }
}

/// One verdict.
struct Case {
    class: String,
    name: String,
    /// What was expected, and what came.
    failure: Option<String>,
}

struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

/// The report: a test suite `run` with how the run ended, `thresholds` with a case per threshold, and `checks` with a
/// case per check and group. A check that failed once has failed, though k6's exit code doesn't count it.
///
/// # Errors
/// Never in practice: memory is written to.
pub fn render(verdicts: &Verdicts) -> io::Result<String> {
    let Verdicts { test, trouble, .. } = verdicts;
    let ending = Case { class: test.clone(), name: "ends regularly".to_owned(), failure: trouble.clone() };
    let suites = [
        Suite { name: "run", cases: vec![ending] },
        Suite { name: "thresholds", cases: thresholds(&verdicts.thresholds) },
        Suite { name: "checks", cases: checks(&verdicts.checks) },
    ];
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Case> = suites.iter().flat_map(|suite| &suite.cases).collect();
    let (tests, failures) = (all.len().to_string(), failed(&all).to_string());
    let time = seconds(verdicts.duration);
    let name = shown(test);
    let root = writer.create_element("testsuites").with_attributes([
        ("name", name.as_str()),
        ("tests", &tests),
        ("failures", &failures),
        ("time", &time),
    ]);
    root.write_inner_content(|writer| suites.iter().try_for_each(|suite| write_suite(writer, suite, &time)))?;
    let mut text = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    text.push('\n');
    Ok(text)
}

fn write_suite(writer: &mut Writer<Vec<u8>>, suite: &Suite, time: &str) -> io::Result<()> {
    let cases: Vec<&Case> = suite.cases.iter().collect();
    let (tests, failures) = (cases.len().to_string(), failed(&cases).to_string());
    let element = writer.create_element("testsuite").with_attributes([
        ("name", suite.name),
        ("tests", &tests),
        ("failures", &failures),
        ("errors", "0"),
        ("skipped", "0"),
        ("time", time),
    ]);
    element.write_inner_content(|writer| cases.iter().try_for_each(|case| write_case(writer, suite.name, case)))?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, suite: &str, case: &Case) -> io::Result<()> {
    let (class, name) = (shown(&case.class), shown(&case.name));
    let element = writer.create_element("testcase").with_attributes([
        ("classname", class.as_str()),
        ("name", name.as_str()),
        ("time", "0"),
    ]);
    match &case.failure {
        None => element.write_empty()?,
        Some(failure) => element.write_inner_content(|writer| {
            let failure = shown(failure);
            let element = writer.create_element("failure");
            let element = element.with_attributes([("message", failure.as_str()), ("type", suite)]);
            element.write_text_content(BytesText::new(&failure)).map(|_| ())
        })?,
    };
    Ok(())
}

fn thresholds(outcomes: &[Outcome]) -> Vec<Case> {
    let cases = outcomes.iter().map(|outcome| Case {
        class: outcome.metric.clone(),
        name: outcome.expression.clone(),
        failure: (!outcome.ok).then(|| match outcome.value {
            Some(value) => format!("expected {}, but the value is {value}", outcome.expression),
            None => format!("expected {}, but there is no value", outcome.expression),
        }),
    });
    cases.collect()
}

fn checks(checks: &[Check]) -> Vec<Case> {
    let cases = checks.iter().map(|check| Case {
        class: if check.group.is_empty() { "checks".to_owned() } else { check.group.clone() },
        name: check.name.clone(),
        failure: (check.fails > 0).then(|| format!("failed {} of {} times", check.fails, check.passes + check.fails)),
    });
    cases.collect()
}

fn failed(cases: &[&Case]) -> usize {
    cases.iter().filter(|case| case.failure.is_some()).count()
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Without the characters that XML 1.0 has no way to write.
fn shown(text: &str) -> String {
    let fits =
        |char: char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|char| if fits(char) { char } else { '\u{fffd}' }).collect()
}
