//! The JSON Schema of the workflow file, for editors and for the search for unknown fields.

use std::sync::OnceLock;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::quantity::SIGNALS;
use crate::name::NAME_PATTERN;

/// The schema of a file's type. The page carries the generated text instead: what makes it would weigh far more there.
/// `make verify` sees to it that both are the same.
macro_rules! made {
    ($type:ty, $title:literal, $generated:literal) => {{
        #[cfg(not(target_arch = "wasm32"))]
        let schema = {
            let mut schema = schemars::schema_for!($type).to_value();
            schema["title"] = serde_json::Value::from($title);
            schema
        };
        #[cfg(target_arch = "wasm32")]
        let schema = serde_json::from_str(include_str!(concat!("../../../../docs/api/", $generated)))
            .expect("a generated schema is JSON");
        schema
    }};
}
pub(super) use made;

/// The JSON Schema (draft 2020-12) of the workflow file.
pub fn json_schema() -> Value {
    schema().clone()
}

/// The same schema, made once.
pub(super) fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA
        .get_or_init(|| made!(super::file::WorkflowFile, "EmboFlow workflow, version 1", "workflow.v1.json"))
}

pub(super) fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "const": 1 })
}

pub(super) fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": NAME_PATTERN })
}

pub(super) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "examples": ["30s", "5m", "1h30m", "500ms"] })
}

pub(super) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "integer"], "examples": ["512Mi", "2Gi", "500M"] })
}

pub(super) fn cpu(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number"], "examples": [2, 0.5, "500m"] })
}

pub(super) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "integer"], "examples": [512] })
}

pub(super) fn priority(_: &mut SchemaGenerator) -> Schema {
    let words = super::turn_spec::PRIORITIES.map(|(word, _)| word);
    json_schema!({ "anyOf": [
        { "type": "integer", "minimum": -1000, "maximum": 1000 },
        { "type": "string", "enum": words },
        { "type": "null" }
    ] })
}

pub(super) fn condition(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "boolean"], "examples": ["${{ inputs.publish }}", "${{ always() }}"] })
}

pub(super) fn signal(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": SIGNALS })
}

pub(super) fn workspace(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "object"], "examples": ["ephemeral"] })
}

pub(super) fn network(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "object"], "examples": ["none", "full"] })
}
