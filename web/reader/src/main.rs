//! The functions that the page calls, as the browser loads them: text in, JSON out.

use emboflow_web_reader as reader;
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

fn main() {}

/// Reads a workflow file: a [`reader::Read`] of a [`reader::Drawing`].
#[wasm_bindgen]
pub fn workflow(source: &str) -> String {
    json(&reader::workflow(source))
}

/// Reads a trigger file: a [`reader::Read`] of a [`reader::DrawnTrigger`].
#[wasm_bindgen]
pub fn trigger(source: &str) -> String {
    json(&reader::trigger(source))
}

/// The [`reader::Matrices`] of a run with these inputs, a JSON object.
#[wasm_bindgen]
pub fn matrices(source: &str, inputs: &str) -> String {
    json(&reader::matrices(source, &serde_json::from_str(inputs).unwrap_or_default()))
}

fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("answers are plain data with text keys")
}
