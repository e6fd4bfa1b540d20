//! What came out: a table for people, lines of JSON for whoever compares.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Serialize;

use crate::benchmark::Benchmark;
use crate::figure::{Figure, Unit};
use crate::machine::Machine;
use crate::options::Records;

/// How far the two floors may be apart for a ratio to count.
const FLOORS_AGREE: f64 = 0.25;

const COLUMNS: usize = 8;
/// The columns of numbers, which end below each other.
const NUMBERS: std::ops::RangeInclusive<usize> = 2..=5;

/// One figure with what it is measured against.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    benchmark: &'static str,
    figure: String,
    unit: Unit,
    ours: f64,
    floor_before: Option<f64>,
    floor_after: Option<f64>,
    /// Ours divided by the mean of the floors.
    ratio: Option<f64>,
    /// Whether the floors agree; none without floors.
    counts: Option<bool>,
    aim: Option<&'static str>,
    durability: &'static str,
    load_before: f64,
    load_after: f64,
}

impl Line {
    pub(crate) fn new(
        benchmark: &Benchmark,
        figure: Figure,
        floors: Option<(f64, f64)>,
        (load_before, load_after): (f64, f64),
    ) -> Self {
        let aim = benchmark.aims.iter().find(|(name, _)| *name == figure.name).map(|(_, aim)| *aim);
        Self {
            benchmark: benchmark.name,
            figure: figure.name,
            unit: figure.unit,
            ours: figure.value,
            floor_before: floors.map(|(before, _)| before),
            floor_after: floors.map(|(_, after)| after),
            ratio: floors.map(|(before, after)| figure.value / ((before + after) / 2.0)),
            counts: floors.map(|(before, after)| agree(before, after)),
            aim,
            durability: benchmark.durability,
            load_before,
            load_after,
        }
    }

    fn row(&self) -> [String; COLUMNS] {
        let number = |value: Option<f64>| value.map_or_else(String::new, written);
        let verdict = match self.counts {
            Some(false) => "noisy",
            _ => "",
        };
        [
            self.benchmark.to_owned(),
            self.figure.clone(),
            format!("{} {}", written(self.ours), self.unit.word()),
            number(self.floor_before),
            number(self.floor_after),
            self.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            self.aim.unwrap_or_default().to_owned(),
            verdict.to_owned(),
        ]
    }
}

/// Whether two floors are near enough to each other.
fn agree(before: f64, after: f64) -> bool {
    (before - after).abs() <= FLOORS_AGREE * before.max(after)
}

/// Three digits that count.
fn written(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The results of one call.
pub(crate) struct Report {
    path: PathBuf,
    file: File,
    machine: Machine,
    records: &'static str,
    quick: bool,
    at_ms: u128,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    line: &'a Line,
    at_ms: u128,
    /// What keeps our side's records.
    records: &'static str,
    quick: bool,
    machine: &'a Machine,
}

impl Report {
    /// Makes the file of this call.
    pub(crate) fn open(
        folder: &Path,
        machine: Machine,
        records: Records,
        quick: bool,
    ) -> anyhow::Result<Self> {
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).context("reading the clock")?.as_millis();
        let path = folder.join(format!("{at_ms}.jsonl"));
        let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        say(&format!(
            "{} cores, {} MB, {}, kernel {}, commit {}, load {:.1}{}\n",
            machine.cores,
            machine.memory_mb,
            machine.processor,
            machine.kernel,
            machine.commit,
            crate::machine::load(),
            if quick { ", quick: not for the record" } else { "" },
        ))?;
        let records = records.word();
        Ok(Self { path, file, machine, records, quick, at_ms, lines: Vec::new() })
    }

    /// Takes in one benchmark's lines: in the file at once, in the table at the end.
    pub(crate) fn add(&mut self, lines: Vec<Line>) -> anyhow::Result<()> {
        for line in &lines {
            let Self { at_ms, records, quick, machine, .. } = &*self;
            let written = Written { line, at_ms: *at_ms, records, quick: *quick, machine };
            let mut text = serde_json::to_string(&written).context("writing a line")?;
            text.push('\n');
            self.file
                .write_all(text.as_bytes())
                .with_context(|| format!("writing {}", self.path.display()))?;
        }
        if let Some(first) = lines.first() {
            say(&format!("{}: load {:.1} to {:.1}\n", first.benchmark, first.load_before, first.load_after))?;
        }
        self.lines.extend(lines);
        Ok(())
    }

    /// Tells of a benchmark that could not be measured.
    pub(crate) fn failed(&self, name: &str, error: &anyhow::Error) -> anyhow::Result<()> {
        say(&format!("{name}: {error:#}\n"))
    }

    /// Shows the table and where the lines are.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        let header =
            ["benchmark", "figure", "ours", "floor before", "after", "ratio", "aim", ""].map(str::to_owned);
        let rule = [(); COLUMNS].map(|()| "-".to_owned());
        let rows: Vec<_> = [header, rule].into_iter().chain(self.lines.iter().map(Line::row)).collect();
        let table = table(&rows);
        let mut classes: Vec<_> = self.lines.iter().map(|line| line.durability).collect();
        classes.dedup();
        let classes = classes.join("; ");
        say(&format!("{table}\n{classes}\nrecords: {}\nlines: {}\n", self.records, self.path.display()))
    }
}

/// A table in Markdown.
fn table(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let padded = match cell.as_str() {
                "-" if NUMBERS.contains(&column) => format!("{}:", "-".repeat(width.max(2) - 1)),
                "-" => "-".repeat(width.max(1)),
                _ if NUMBERS.contains(&column) => format!("{cell:>width$}"),
                _ => format!("{cell:width$}"),
            };
            text.push_str(&format!("| {padded} "));
        }
        text.push_str("|\n");
    }
    text
}

/// Writes to standard output.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_that_are_more_than_a_quarter_apart_are_noisy() {
        assert!(agree(100.0, 76.0) && agree(76.0, 100.0));
        assert!(!agree(100.0, 74.0) && !agree(1.0, 2.0));
    }

    #[test]
    fn numbers_are_shown_with_the_digits_that_count() {
        assert_eq!([1234.5, 43.21, 0.567].map(written), ["1234", "43.2", "0.57"]);
    }
}
