//! The table of metrics, read from where the code makes them: a name, its help and its labels stand together there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Folders of the code that makes metrics, and who shows what is made there.
const MAKERS: [(&str, &str); 8] = [
    ("svc-api/src", "api"),
    ("svc-scheduler/src", "scheduler"),
    ("svc-executor/src", "executor"),
    ("svc-storage-gw/src", "storage-gw"),
    ("svc-trigger/src", "trigger"),
    ("lib/backup/src", "whoever takes backups"),
    ("lib/bus/src", "every service"),
    ("lib/service/src", "every service"),
];
const RECORDS: (&str, &str) = ("lib/records/src", "api, scheduler, trigger");
const PREFIX: &str = "\"emboflow_";
/// Ends of the names of metrics; other names of ours begin alike.
const ENDS: [&str; 14] = [
    "_total",
    "_seconds",
    "_bytes",
    "_up",
    "_info",
    "_open",
    "_ok",
    "_clients",
    "_slots",
    "_queued",
    "_waiting",
    "_pending",
    "_messages",
    "_entries",
];
/// Names without such an end.
const OTHERS: [&str; 8] = [
    "emboflow_service_answers",
    "emboflow_queue_share",
    "emboflow_queue_tasks",
    "emboflow_scheduler_leads",
    "emboflow_triggers",
    "emboflow_backup_last_failed",
    "emboflow_backup_last_prune_failed",
    "emboflow_backup_last_source_damages",
];

struct Metric {
    help: String,
    labels: Vec<String>,
    shown_by: &'static str,
}

/// The text of `docs/metrics.md`. Errors: a metric without help, a folder that cannot be read.
pub(super) fn table(root: &Path) -> Result<String> {
    let mut metrics = BTreeMap::new();
    for (folder, shown_by) in MAKERS.into_iter().chain([RECORDS]) {
        let folder = root.join(folder);
        if folder.is_dir() {
            read_folder(&folder, shown_by, &mut metrics)?;
        }
    }
    let mut text = String::from(
        "# Metrics\n\nEvery service shows these at `/metrics`, in Prometheus' text format. A histogram has the endings \
         `_bucket`, `_sum`\nand `_count`. Labels are bounded: no id of a run or task is one, and of projects and \
         workflows the first hundred have\nlabels of their own, further ones are `other`. This table is generated from \
         the code.\n\n| metric | labels | what it tells | shown by |\n|---|---|---|---|\n",
    );
    for (name, Metric { help, labels, shown_by }) in metrics {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        text.push_str(&format!("| `{name}` | {} | {help} | {shown_by} |\n", labels.join(", ")));
    }
    Ok(text)
}

fn read_folder(folder: &Path, shown_by: &'static str, into: &mut BTreeMap<String, Metric>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            read_folder(&path, shown_by, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            read_file(&source, shown_by, into).with_context(|| format!("in {}", path.display()))?;
        }
    }
    Ok(())
}

fn read_file(source: &str, shown_by: &'static str, into: &mut BTreeMap<String, Metric>) -> Result<()> {
    // What tests look for is made elsewhere.
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut rest = source;
    while let Some(at) = rest.find(PREFIX) {
        let (before, from) = rest.split_at(at);
        let Some((name, after)) = from[1..].split_once('"') else { break };
        if ENDS.iter().any(|end| name.ends_with(end)) || OTHERS.contains(&name) {
            let start = source.len() - rest.len();
            let before = &source[..start + before.len()];
            let Some(help) = help(before, after) else { bail!("{name} says nothing of what it tells") };
            let metric = Metric { help: help.to_owned(), labels: labels(after), shown_by };
            into.insert(name.to_owned(), metric);
        }
        rest = after;
    }
    Ok(())
}

/// The text behind the name, or the last `help` before it.
fn help<'a>(before: &'a str, after: &'a str) -> Option<&'a str> {
    let next = after.trim_start().strip_prefix(',').map(str::trim_start);
    if let Some(text) = next.and_then(|next| next.strip_prefix('"')) {
        return text.split('"').next();
    }
    let (_, help) = before.rsplit_once("let help =")?;
    help.trim_start().strip_prefix('"')?.split('"').next()
}

/// The names in the first list behind the metric's, as long as no other metric comes before it.
fn labels(after: &str) -> Vec<String> {
    let own = after.split("static ").next().unwrap_or_default();
    let Some((_, list)) = own.split_once("&[") else { return Vec::new() };
    let list = list.split(']').next().unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_with_its_help_and_labels_however_it_is_made() {
        let source = r#"
            static A: X = make("emboflow_a_total", "What a tells.", &["kind", "result"]);
            static B: X = { let help = "What b tells."; make("emboflow_b_seconds", help) };
            static C: X = make("emboflow_c_bytes", "What c tells.", &[]);
            let cookie = "emboflow_session_";
        "#;
        let mut metrics = BTreeMap::new();
        read_file(source, "demo", &mut metrics).unwrap();
        let read: Vec<_> = metrics
            .iter()
            .map(|(name, metric)| (name.as_str(), metric.help.as_str(), metric.labels.len()))
            .collect();
        assert_eq!(
            read,
            [
                ("emboflow_a_total", "What a tells.", 2),
                ("emboflow_b_seconds", "What b tells.", 0),
                ("emboflow_c_bytes", "What c tells.", 0)
            ]
        );
    }

    #[test]
    fn a_metric_that_says_nothing_is_an_error() {
        assert!(read_file(r#"make("emboflow_a_total")"#, "demo", &mut BTreeMap::new()).is_err());
    }
}
