//! Lines of metrics, with their columns lined up.

use super::paint::Style;
use super::{Page, indent, width};
use crate::summary::{MetricReport, TrendStat, Values, number};

/// The columns of the metrics of one scope.
pub(super) struct MetricLines<'a> {
    page: &'a Page<'a>,
    level: usize,
    /// Where the dots end.
    name_end: usize,
    value_width: usize,
    extra_widths: Vec<usize>,
    stat_widths: Vec<usize>,
}

impl<'a> MetricLines<'a> {
    /// Measures the lines that are to stand below each other.
    pub(super) fn new(page: &'a Page<'a>, metrics: &[MetricReport], level: usize) -> Self {
        let mut columns =
            Self { page, level, name_end: 0, value_width: 0, extra_widths: Vec::new(), stat_widths: Vec::new() };
        for metric in metrics {
            // k6 measures the name and the display name together.
            let name = width(&metric.name) + width(&display_name(&metric.name));
            let name = columns.indent_of(metric).len() + name;
            columns.name_end = columns.name_end.max(name + 3);
            let texts = columns.texts(metric);
            if matches!(metric.values, Values::Trend(_)) {
                widen(&mut columns.stat_widths, &texts);
            } else if let Some((value, extras)) = texts.split_first() {
                columns.value_width = columns.value_width.max(width(value));
                widen(&mut columns.extra_widths, extras);
            }
        }
        columns
    }

    /// The line of one of the metrics.
    pub(super) fn line(&self, metric: &MetricReport) -> String {
        let indent = self.indent_of(metric);
        let name = display_name(&metric.name);
        let taken = indent.len() + width(&name);
        let dots = ".".repeat(self.name_end.saturating_sub(taken)) + ":";
        let dots = self.page.paint.wrap(&dots, Style::FaintWhite);
        let texts = self.texts(metric);
        let data = match &metric.values {
            Values::Trend(_) => self.trend_columns(&texts),
            _ => self.value_columns(&texts),
        };
        format!("{indent}{name}{dots} {data}")
    }

    fn trend_columns(&self, texts: &[String]) -> String {
        let stats = &self.page.report.settings.trend_stats;
        let columns = stats.iter().zip(texts).zip(&self.stat_widths);
        let columns: Vec<_> = columns
            .map(|((stat, text), &column)| {
                let padding = padding(column, text);
                let text = self.page.paint.wrap(text, Style::Cyan);
                format!("{stat}={text}{padding}")
            })
            .collect();
        columns.join(" ")
    }

    fn value_columns(&self, texts: &[String]) -> String {
        let Some((value, extras)) = texts.split_first() else {
            return String::new();
        };
        let padding_of_value = padding(self.value_width, value);
        let mut line = self.page.paint.wrap(value, Style::Cyan) + &padding_of_value;
        for (extra, &column) in extras.iter().zip(&self.extra_widths) {
            line += " ";
            line += &self.page.paint.wrap(extra, Style::FaintCyan);
            // A single extra is the end of its line and not padded.
            if extras.len() > 1 {
                line += &padding(column, extra);
            }
        }
        line
    }

    /// The texts of the columns; of metrics other than trends the value comes first.
    fn texts(&self, metric: &MetricReport) -> Vec<String> {
        let settings = &self.page.report.settings;
        let text = |value| number::value(value, metric.contains, settings.time_unit);
        match &metric.values {
            Values::Counter { count, rate } => vec![text(*count), format!("{}/s", text(*rate))],
            Values::Gauge { value, min, max } => {
                vec![text(*value), format!("min={}", text(*min)), format!("max={}", text(*max))]
            }
            Values::Rate { passes, fails } => {
                vec![number::percent(Values::share(*passes, *fails)), format!("{passes} out of {}", passes + fails)]
            }
            Values::Trend(values) => {
                let stats = settings.trend_stats.iter().zip(values);
                stats
                    .map(|(stat, value)| match stat {
                        TrendStat::Count => number::trimmed(*value, 0),
                        _ => text(*value),
                    })
                    .collect()
            }
        }
    }

    /// Submetrics stand one step further in.
    fn indent_of(&self, metric: &MetricReport) -> String {
        let further = usize::from(metric.name.contains('{'));
        indent(self.level + 1 + further)
    }
}

/// `{ tag:value }` for a submetric, else the name.
fn display_name(name: &str) -> String {
    match name.split_once('{') {
        Some((_, tags)) => format!("{{ {} }}", tags.strip_suffix('}').unwrap_or(tags)),
        None => name.to_owned(),
    }
}

fn widen(widths: &mut Vec<usize>, texts: &[String]) {
    widths.resize(widths.len().max(texts.len()), 0);
    for (column, text) in widths.iter_mut().zip(texts) {
        *column = (*column).max(width(text));
    }
}

fn padding(column: usize, text: &str) -> String {
    " ".repeat(column.saturating_sub(width(text)))
}
