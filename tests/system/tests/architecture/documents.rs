//! What documents for people say about files.

use std::collections::BTreeSet;

use system_tests::repository;

/// First parts of paths that documents name.
const TOP: &[&str] =
    &["lib", "svc-", "emboflow/src", "web", "xtask", "tests", "bench", "docs", "ops", "examples", ".ci"];

/// Paths in backticks and in links, relative to the repository.
fn named_paths(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    quoted
        .chain(linked)
        .map(|word| word.split('#').next().unwrap_or(word).trim_end_matches('/'))
        .filter(|word| word.contains('/') && word.chars().all(plain))
        .filter(|word| TOP.iter().any(|top| word.starts_with(top)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_document_names_only_files_that_exist() {
    let documents = [
        ("ARCHITECTURE.md", 10),
        ("CONTRIBUTING.md", 1),
        ("README.md", 1),
        ("docs/nats.md", 1),
        ("docs/performance.md", 1),
    ];
    for (document, least) in documents {
        let text = std::fs::read_to_string(repository().join(document))
            .unwrap_or_else(|error| panic!("{document} is missing: {error}"));
        let paths = named_paths(&text);
        assert!(paths.len() >= least, "{document} names only {paths:?}");
        let lost: Vec<_> = paths.iter().filter(|path| !repository().join(path).exists()).collect();
        assert!(lost.is_empty(), "{document} names files that do not exist: {lost:?}");
    }
}

/// Tests in backticks, as `file::test`.
fn named_tests(text: &str) -> BTreeSet<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|word| word.split_once("::"));
    tests.filter(|(file, _)| TOP.iter().any(|top| file.starts_with(top))).collect()
}

#[test]
fn a_document_names_only_tests_that_exist() {
    for (document, least) in [("docs/asvs.md", 100), ("docs/guarantees.md", 50)] {
        let text = std::fs::read_to_string(repository().join(document)).unwrap();
        let tests = named_tests(&text);
        assert!(tests.len() >= least, "{document} names only {tests:?}");
        let has = |file: &str, test: &str| {
            let source = std::fs::read_to_string(repository().join(file)).unwrap_or_default();
            let words = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.into_iter().any(|word| word == test)
        };
        let lost: Vec<_> = tests.into_iter().filter(|(file, test)| !has(file, test)).collect();
        assert!(lost.is_empty(), "{document} names tests that do not exist: {lost:?}");
    }
}

#[test]
fn paths_are_found_in_backticks_and_links() {
    let text = "See `lib/model/src/id.rs`, [this](docs/errors.md#x), `cargo run`, `emboflow/examples-hello:1`, `a/b`.";
    let found: Vec<_> = named_paths(text).into_iter().collect();
    assert_eq!(found, ["docs/errors.md", "lib/model/src/id.rs"]);
}

#[test]
fn tests_are_found_in_backticks() {
    let text = "Shown by `lib/model/src/id.rs::an_id_is_short`, `schemars::JsonSchema` and `docs/errors.md`.";
    let found: Vec<_> = named_tests(text).into_iter().collect();
    assert_eq!(found, [("lib/model/src/id.rs", "an_id_is_short")]);
}
