//! Writes the files that follow from the types: API documents, JSON Schemas, the table of errors; or checks them.
mod address;
mod asyncapi;
mod canonical;
mod channels;
mod errors;
mod messages;
mod metrics;
mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::page::say;

/// Mends whatever `generate --check` complains about.
const MENDED_BY: &str = "make fix";
/// Everything in this folder is generated.
const FOLDER: &str = "docs/api";

/// Files by their path below the repository's root.
type Files = BTreeMap<String, String>;

/// Brings the generated files up to date; with `check` changes nothing and fails when one of them is stale.
pub(crate) fn generate(check: bool) -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = files(&root)?;
    let stale = stale(&root, &files)?;
    if stale.is_empty() {
        say("generate: every file is up to date");
        return Ok(());
    }
    if check {
        bail!("these generated files are stale: {}; to mend them: {MENDED_BY}", stale.join(", "));
    }
    for path in &stale {
        bring_up_to_date(&root.join(path), files.get(path))?;
        say(&format!("generate: {path}"));
    }
    Ok(())
}

fn files(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    files.insert("docs/errors.md".to_owned(), errors::table());
    files.insert("docs/rights.md".to_owned(), rights::table());
    files.insert("docs/metrics.md".to_owned(), metrics::table(root)?);
    let mut document = |name: &str, value: Value| {
        files.insert(format!("{FOLDER}/{name}"), canonical::text(value));
    };
    document("asyncapi.json", asyncapi::document()?);
    document(
        "openapi.json",
        serde_json::to_value(svc_api::openapi()).context("writing the OpenAPI document")?,
    );
    document("workflow.v1.json", emboflow_model::workflow::json_schema());
    document("trigger.v1.json", emboflow_model::workflow::trigger_json_schema());
    for (name, schema) in messages::schemas() {
        document(&format!("messages/{name}.json"), schema);
    }
    Ok(files)
}

/// Paths that are missing, differ or are there without a reason.
fn stale(root: &Path, files: &Files) -> Result<Vec<String>> {
    let mut stale = BTreeSet::new();
    for (path, text) in files {
        if fs::read_to_string(root.join(path)).ok().as_ref() != Some(text) {
            stale.insert(path.clone());
        }
    }
    for folder in [FOLDER.to_owned(), format!("{FOLDER}/messages")] {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {folder}"))?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_file() && !files.contains_key(&path) {
                stale.insert(path);
            }
        }
    }
    Ok(stale.into_iter().collect())
}

fn bring_up_to_date(path: &Path, text: Option<&String>) -> Result<()> {
    let Some(text) = text else {
        return fs::remove_file(path).with_context(|| format!("removing {}", path.display()));
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_types_make_the_same_files() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        assert_eq!(files(&root).unwrap(), files(&root).unwrap());
    }

    #[test]
    fn a_file_that_differs_is_missing_or_has_no_reason_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let files: Files = ["same", "differs", "missing"]
            .into_iter()
            .map(|name| (format!("{FOLDER}/{name}.json"), "{}\n".to_owned()))
            .collect();
        for (name, text) in [("same", "{}\n"), ("differs", "[]\n"), ("forgotten", "{}\n")] {
            bring_up_to_date(&folder.path().join(format!("{FOLDER}/{name}.json")), Some(&text.to_owned()))
                .unwrap();
        }
        let expected = ["differs", "forgotten", "missing"].map(|name| format!("{FOLDER}/{name}.json"));
        let found = stale(folder.path(), &files).unwrap();
        assert_eq!(found, expected);
        for path in &found {
            bring_up_to_date(&folder.path().join(path), files.get(path)).unwrap();
        }
        assert!(stale(folder.path(), &files).unwrap().is_empty());
    }
}
