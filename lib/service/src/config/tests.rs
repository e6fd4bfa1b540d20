use super::*;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

#[derive(Debug, Deserialize, Serialize)]
struct Demo {
    #[serde(default = "loopback")]
    listen: SocketAddr,
    #[serde(default)]
    storage: Storage,
    #[serde(default)]
    backend: Backend,
    key: Option<Secret>,
    #[serde(default)]
    pools: Vec<String>,
}

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 4000).into()
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(default)]
struct Storage {
    window_bytes: u64,
    name: String,
    verify: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self { window_bytes: 8, name: "default".into(), verify: true }
    }
}

#[derive(Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Backend {
    #[default]
    Memory,
    Directory {
        root: String,
    },
    S3 {
        bucket: String,
        port: Option<u16>,
    },
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn read(toml: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Demo, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.toml");
    std::fs::write(&path, toml).unwrap();
    load(Some(&path), pairs(environment), pairs(flags))
}

fn message(toml: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    read(toml, environment, flags).unwrap_err().to_string()
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let demo: Demo = load(None, [], []).unwrap();
    assert_eq!(demo.listen.port(), 4000);
    assert_eq!(demo.storage.window_bytes, 8);
    assert_eq!(demo.backend, Backend::Memory);
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let file = "[storage]\nname = 'file'\nwindow_bytes = 1\nverify = false";
    let environment =
        [("EMBOFLOW__STORAGE__NAME", "env"), ("EMBOFLOW__STORAGE__WINDOW_BYTES", "2"), ("HOME", "/root")];
    let demo = read(file, &environment, &[("storage.name", "flag")]).unwrap();
    assert_eq!(demo.storage.name, "flag");
    assert_eq!(demo.storage.window_bytes, 2);
    assert!(!demo.storage.verify);
}

#[test]
fn text_takes_the_type_of_its_field() {
    let environment = [
        ("EMBOFLOW__STORAGE__NAME", "123"),
        ("EMBOFLOW__STORAGE__VERIFY", "false"),
        ("EMBOFLOW__BACKEND__S3__BUCKET", "7"),
        ("EMBOFLOW__BACKEND__S3__PORT", "9000"),
        ("EMBOFLOW__POOLS", "a, b"),
    ];
    let demo = read("", &environment, &[]).unwrap();
    assert_eq!(demo.storage.name, "123");
    assert!(!demo.storage.verify);
    assert_eq!(demo.backend, Backend::S3 { bucket: "7".into(), port: Some(9000) });
    assert_eq!(demo.pools, ["a", "b"]);
}

#[test]
fn a_higher_layer_may_choose_another_variant() {
    let demo =
        read("[backend.directory]\nroot = '/x'", &[("EMBOFLOW__BACKEND__S3__BUCKET", "b")], &[]).unwrap();
    assert_eq!(demo.backend, Backend::S3 { bucket: "b".into(), port: None });
    let both = message("[backend.directory]\nroot = '/x'\n[backend.s3]\nbucket = 'b'", &[], &[]);
    assert_eq!(both.split(": ").last(), Some("choose one of directory and s3"), "{both}");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let error = message("[storage]\nwindow_byte = 1", &[], &[]);
    assert!(error.starts_with("unknown key `storage.window_byte` (file "), "{error}");
    assert!(error.ends_with("did you mean `storage.window_bytes`?"), "{error}");
    let error = message("", &[("EMBOFLOW__LISTNE", "x")], &[]);
    assert_eq!(error, "unknown key `listne` (environment EMBOFLOW__LISTNE): did you mean `listen`?");
    let error = message("", &[], &[("zzz", "x")]);
    assert_eq!(error, "unknown key `zzz` (flag --set zzz); known here: listen, storage, backend, key, pools");
    let error = message("", &[("EMBOFLOW__BACKEND__S3__BUKCET", "x")], &[]);
    assert!(error.contains("did you mean `backend.s3.bucket`?"), "{error}");
}

#[test]
fn a_wrong_value_is_refused_with_its_key_and_origin() {
    let error = message("", &[("EMBOFLOW__STORAGE__WINDOW_BYTES", "many")], &[]);
    assert_eq!(
        error,
        "`storage.window_bytes` (environment EMBOFLOW__STORAGE__WINDOW_BYTES): expected a whole number of at least 0, found \"many\""
    );
    let error = message("storage = 3", &[], &[]);
    assert!(error.contains("expected a section with keys of its own"), "{error}");
    let error = message("backend = 'tape'", &[], &[]);
    assert!(error.contains("expected one of memory, directory, s3, found \"tape\""), "{error}");
}

#[test]
fn a_missing_key_names_the_variable_that_would_set_it() {
    let error = message("[backend.s3]\nport = 1", &[], &[]);
    assert_eq!(
        error,
        "`backend.s3.bucket` is not set: put it into the file, or set EMBOFLOW__BACKEND__S3__BUCKET"
    );
}

#[test]
fn broken_toml_is_refused_with_line_and_column() {
    let error = message("listen = '127.0.0.1:1'\nstorage = = 3", &[], &[]);
    assert!(error.contains("demo.toml: line 2, column 11"), "{error}");
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "hunter2\n").unwrap();
    let variable = ("EMBOFLOW__KEY_FILE", path.to_str().unwrap());
    let demo = read("key = 'from the file'", &[variable], &[]).unwrap();
    assert_eq!(demo.key.as_ref().unwrap().reveal(), "hunter2");
    assert!(!format!("{demo:?}").contains("hunter2"));

    let error = message("", &[variable, ("EMBOFLOW__KEY", "x")], &[]);
    assert!(error.starts_with("`key` is set twice"), "{error}");
    let error = message("", &[("EMBOFLOW__KEY_FILE", "/nowhere/key")], &[]);
    assert!(error.starts_with("cannot read /nowhere/key: "), "{error}");
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(read("", &[("EMBOFLOW__STORAGE__NAME", "")], &[]).unwrap().storage.name, "default");
    assert!(message("", &[("EMBOFLOW____X", "1")], &[]).contains("a key has a name"));
}

/// What is told of one key: value, layer and place.
fn told(settings: &[Setting], key: &str) -> (String, Layer, String) {
    let found = settings.iter().find(|setting| setting.key == key);
    let found = found.unwrap_or_else(|| panic!("nothing is told of {key}: {settings:#?}"));
    (found.value.to_string(), found.layer, found.place.clone())
}

#[test]
fn every_key_is_told_with_its_value_and_the_layer_that_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = (folder.path().join("demo.toml"), folder.path().join("key"));
    std::fs::write(&path, "pools = ['a']\n[storage]\nname = 'file'\nwindow_bytes = 7").unwrap();
    std::fs::write(&key, "hush").unwrap();
    let environment = [
        ("EMBOFLOW__STORAGE__NAME", "env"),
        ("EMBOFLOW__BACKEND__S3__BUCKET", "b"),
        ("EMBOFLOW__KEY_FILE", key.to_str().unwrap()),
    ];
    let flags = [("storage.window_bytes", "9")];
    let settings = settings::<Demo>(Some(&path), pairs(&environment), pairs(&flags)).unwrap();
    let text = |text: &str| text.to_owned();
    let of = |key| told(&settings, key);
    assert_eq!(of("listen"), (text("\"127.0.0.1:4000\""), Layer::Default, text("")));
    assert_eq!(of("pools"), (text("[\"a\"]"), Layer::File, path.display().to_string()));
    assert_eq!(of("storage.name"), (text("\"env\""), Layer::Environment, text("EMBOFLOW__STORAGE__NAME")));
    assert_eq!(of("storage.window_bytes"), (text("9"), Layer::Flag, text("--set storage.window_bytes")));
    assert_eq!(of("storage.verify"), (text("true"), Layer::Default, text("")));
    assert_eq!(of("backend.s3.bucket").1, Layer::Environment);
    assert_eq!(of("backend.s3.port"), (text("null"), Layer::Default, text("")));
    let place = format!("EMBOFLOW__KEY_FILE, read from {}", key.display());
    assert_eq!(of("key"), (text("\"[secret]\""), Layer::Environment, place));
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn what_cannot_be_read_is_no_setting() {
    let error = settings::<Demo>(None, pairs(&[("EMBOFLOW__LISTNE", "x")]), []).unwrap_err().to_string();
    assert!(error.contains("did you mean `listen`?"), "{error}");
}
