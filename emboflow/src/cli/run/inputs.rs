//! `--input name=value` and `--label name=value`.

use emboflow_model::workflow::{InputSpec, Problem, Workflow};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Why inputs cannot be used.
pub(super) enum Wrong {
    Usage(Failure),
    Problems(Vec<Problem>),
}

/// The values of inputs, read as the workflow declares them, put over those of before, and checked.
pub(super) fn read_inputs(
    workflow: &Workflow,
    before: Map<String, Value>,
    given: &[String],
) -> Result<Map<String, Value>, Wrong> {
    let mut inputs = before;
    inputs.extend(read_given(&workflow.file.inputs, given).map_err(Wrong::Usage)?);
    workflow.resolve_inputs(&inputs).map_err(Wrong::Problems)?;
    Ok(inputs)
}

/// The values that were given, read as they are declared; whether they do is not checked.
pub(super) fn read_given(
    declared: &IndexMap<String, InputSpec>,
    given: &[String],
) -> Result<Map<String, Value>, Failure> {
    let mut inputs = Map::new();
    for pair in given {
        let (name, value) = read_one(declared, pair)?;
        if inputs.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("the input `{name}` is given twice")));
        }
    }
    Ok(inputs)
}

fn read_one<'p>(declared: &IndexMap<String, InputSpec>, pair: &'p str) -> Result<(&'p str, Value), Failure> {
    let (name, text) = split("--input", pair)?;
    let value = match declared.get(name) {
        Some(input) => {
            input.read(text).map_err(|message| Failure::usage(format!("the input `{name}` {message}")))?
        }
        // It is refused with what it was perhaps meant to be.
        None => Value::from(text),
    };
    Ok((name, value))
}

/// Labels of a run.
pub(super) fn read_labels(given: &[String]) -> Result<IndexMap<String, String>, Failure> {
    given
        .iter()
        .map(|pair| split("--label", pair).map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect()
}

fn split<'p>(flag: &str, pair: &'p str) -> Result<(&'p str, &'p str), Failure> {
    match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(Failure::usage(format!("{flag} takes name=value, not '{pair}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> Result<Map<String, Value>, String> {
        let source = "version: 1\nname: w\ninputs:\n  n: { type: integer, default: 1 }\n  s: { type: string, default: a }\n\
                      tasks:\n  t: { image: a, run: 'true' }\n";
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        let workflow = emboflow_model::workflow::parse(source).unwrap();
        read_inputs(&workflow, Map::new(), &given).map_err(|wrong| match wrong {
            Wrong::Usage(failure) => format!("{failure:?}"),
            Wrong::Problems(problems) => problems[0].to_string(),
        })
    }

    #[test]
    fn an_input_has_the_type_that_the_file_declares() {
        let inputs = read(&["n=3", "s=3=4"]).unwrap();
        assert_eq!((&inputs["n"], &inputs["s"]), (&Value::from(3), &Value::from("3=4")));
        assert!(read(&["n=three"]).unwrap_err().contains("integer"));
        assert!(read(&["n"]).unwrap_err().contains("name=value"));
        assert!(read(&["n=1", "n=2"]).unwrap_err().contains("twice"));
        assert!(read(&["nn=1"]).unwrap_err().contains("`n`"));
    }
}
