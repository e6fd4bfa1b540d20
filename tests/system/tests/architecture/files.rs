//! How source files may look.

use std::path::{Path, PathBuf};

use system_tests::repository;

/// Folders with Rust code.
const CODE: &[&str] = &[
    "lib",
    "svc-api",
    "svc-scheduler",
    "svc-executor",
    "svc-storage-gw",
    "emboflow",
    "web",
    "xtask",
    "tests",
    "bench",
    "examples",
];
const MAX_LINES: usize = 500;
const MAX_MAIN_LINES: usize = 40;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "manager", "misc"];

/// Every Rust file of the repository with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in CODE {
        collect(&repository().join(folder), &mut found);
    }
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

/// One that is not drawn lots for: a simulated seed goes the same way twice only then.
#[test]
fn every_choice_of_the_schedulers_driver_has_an_order() {
    let driver = repository().join("svc-scheduler/src/driver");
    let mut choices = 0;
    for (path, text) in sources().iter().filter(|(path, _)| path.starts_with(&driver)) {
        for choice in text.split("select! {").skip(1) {
            choices += 1;
            assert!(choice.trim_start().starts_with("biased;"), "{}: {choice:.80}", path.display());
        }
    }
    assert!(choices > 5, "only {choices} choices were found");
}

#[test]
fn a_main_file_only_starts_what_a_library_does() {
    for (path, text) in sources().iter().filter(|(path, _)| path.ends_with("src/main.rs")) {
        let lines = text.lines().count();
        assert!(lines < MAX_MAIN_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_module_is_named_for_nothing() {
    for (path, text) in sources() {
        let declared = text.lines().filter_map(|line| {
            let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
            name.split([';', ' ']).next()
        });
        for name in declared {
            assert!(!EMPTY_NAMES.contains(&name), "{}: mod {name}", path.display());
        }
        let stem = path.file_stem().unwrap().to_string_lossy();
        assert!(!EMPTY_NAMES.contains(&stem.as_ref()), "{}", path.display());
    }
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(path, text)| !is_test(path) && !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no //! at the top of {silent:?}");
}

/// A file of tests says by their names what it is.
fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.components().any(|part| part.as_os_str() == "tests") || stem.ends_with("tests")
}
