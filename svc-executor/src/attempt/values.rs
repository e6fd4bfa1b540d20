//! Values: outputs whose JSON the tasks that follow read in their expressions. They become part of the run's history,
//! so they are looked through before anything of the attempt is stored.

use std::io::Read;
use std::path::Path;

use emboflow_model::runtime_spec::StageOut;
use emboflow_model::workflow::limits::{MAX_TASK_VALUE_BYTES, MAX_VALUE_BYTES};
use serde_json::{Map, Value};

use super::stage_out::find;
use crate::log::Mask;

/// The values of a task that has succeeded, by the names of their outputs; none of an optional one that is missing.
/// Errors: what is wrong with one of them, and what to do.
pub(super) fn read(
    outputs: &[StageOut],
    workspace: &Path,
    mask: &Mask,
) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    let mut total = 0;
    for output in outputs.iter().filter(|output| output.value) {
        let refused = |detail: String| format!("Output '{}': {detail}.", output.name);
        let Some(found) = find(workspace, output).map_err(refused)? else { continue };
        let Some(file) = found.first() else { continue };
        let text = text_of(&file.source).map_err(refused)?;
        total += text.len();
        if total > MAX_TASK_VALUE_BYTES {
            return Err(refused(format!(
                "with it the values of the task have more than {MAX_TASK_VALUE_BYTES} bytes; leave large things in files, and give only what expressions read"
            )));
        }
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            refused(format!("it is declared as a `value`, but the file is no JSON: {error}"))
        })?;
        if mask.hides(text.as_bytes()) || mask.hides(value.to_string().as_bytes()) {
            return Err(refused(
                "it contains one of the task's secrets, and values are kept in the run's history, where everybody who sees the run reads them; leave the secret out"
                    .to_owned(),
            ));
        }
        values.insert(output.name.clone(), value);
    }
    Ok(values)
}

fn text_of(file: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            "it is declared as a `value`, but the file is no JSON: it is not UTF-8".to_owned()
        }
        _ => format!("it cannot be read: {error}"),
    };
    let mut text = String::new();
    let limit = MAX_VALUE_BYTES as u64;
    let file = std::fs::File::open(file).map_err(unreadable)?;
    // A character that the limit cuts in two must not hide that the file is too large.
    let size = file.metadata().map_err(unreadable)?.len();
    if size > limit {
        return Err(format!(
            "a value has at most {limit} bytes, and the file has {size}; leave large things in files of their own, and give only what expressions read"
        ));
    }
    file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use emboflow_protocol::SecretValue;
    use serde_json::json;

    use super::*;

    fn value(name: &str) -> StageOut {
        let path = format!("{name}.json");
        StageOut { name: name.into(), path, preview: false, optional: false, value: true }
    }

    fn workspace(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        dir
    }

    fn refused(content: &[u8], mask: &Mask) -> String {
        let dir = workspace(&[("a.json", content)]);
        read(&[value("a")], dir.path(), mask).unwrap_err()
    }

    #[test]
    fn values_are_the_json_of_the_outputs_that_are_declared_so() {
        let dir =
            workspace(&[("a.json", b" [1, {\"b\": null}]\n"), ("n.json", b"7"), ("c.json", b"not json")]);
        let plain = StageOut { value: false, ..value("c") };
        let optional = StageOut { optional: true, ..value("none") };
        let values = read(&[value("a"), value("n"), plain, optional], dir.path(), &Mask::default()).unwrap();
        assert_eq!(Value::Object(values), json!({ "a": [1, { "b": null }], "n": 7 }));
    }

    #[test]
    fn what_is_no_value_is_refused_with_the_reason() {
        let none = Mask::default();
        assert!(refused(b"{\"a\": ", &none).starts_with("Output 'a': "));
        assert!(refused(b"{\"a\": ", &none).contains("no JSON"));
        assert!(refused(b"", &none).contains("no JSON"));
        assert!(refused(b"\"\xff\"", &none).contains("not UTF-8"));
        assert!(refused("[".repeat(5_000).as_bytes(), &none).contains("no JSON"), "too deep for the stack");
        let dir = workspace(&[]);
        assert!(read(&[value("a")], dir.path(), &none).unwrap_err().contains("did not write it"));
    }

    #[test]
    fn a_value_and_all_of_a_task_are_bounded() {
        let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2)).into_bytes();
        let full = text(MAX_VALUE_BYTES);
        assert!(refused(&text(MAX_VALUE_BYTES + 1), &Mask::default()).contains("at most 16384 bytes"));
        let files = ["a", "b", "c", "d", "e"].map(|name| (format!("{name}.json"), full.clone()));
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let dir = workspace(&files);
        let read = |count: usize| {
            let outputs: Vec<_> = ["a", "b", "c", "d", "e"][..count].iter().map(|name| value(name)).collect();
            read(&outputs, dir.path(), &Mask::default())
        };
        assert_eq!(read(4).unwrap().len(), 4);
        assert!(read(5).unwrap_err().contains("more than 65536 bytes"));
    }

    #[test]
    fn a_secret_never_becomes_a_value_however_it_is_written() {
        let mask = Mask::new(&[SecretValue::new("hunter22")]).unwrap();
        assert!(refused(b"{\"user\": \"me\", \"password\": \"hunter22\"}", &mask).contains("secrets"));
        assert!(refused(b"[\"\\u0068unter22\"]", &mask).contains("secrets"), "escaped");
        assert!(refused(b"[\"aHVudGVyMjI=\"]", &mask).contains("secrets"), "in base64");
    }
}
