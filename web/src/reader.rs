//! What a workflow or trigger file says. The code that reads files is a wasm of its own, loaded with the first file.

use emboflow_web_reader::{Drawing, DrawnTrigger, Matrices, Read};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::api::ApiError;

#[wasm_bindgen]
extern "C" {
    /// The loaded module.
    type Reader;

    /// Of the boot script, which knows where the page's files are.
    #[wasm_bindgen(js_name = emboflowReader, catch)]
    async fn load() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn workflow(this: &Reader, source: &str) -> Result<String, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn trigger(this: &Reader, source: &str) -> Result<String, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn matrices(this: &Reader, source: &str, inputs: &str) -> Result<String, JsValue>;
}

/// Reads a workflow file. Errors: the reader could not be loaded.
pub(crate) async fn workflow(source: &str) -> Result<Read<Drawing>, ApiError> {
    answer(reader().await?.workflow(source))
}

/// Reads a trigger file. Errors: the reader could not be loaded.
pub(crate) async fn trigger(source: &str) -> Result<Read<DrawnTrigger>, ApiError> {
    answer(reader().await?.trigger(source))
}

/// The values of every fan-out of a run with these inputs. Errors: the reader could not be loaded.
pub(crate) async fn matrices(source: &str, inputs: &Map<String, Value>) -> Result<Matrices, ApiError> {
    let inputs = serde_json::to_string(inputs).unwrap_or_default();
    answer(reader().await?.matrices(source, &inputs))
}

async fn reader() -> Result<Reader, ApiError> {
    load().await.map(JsValue::unchecked_into).map_err(|why| broken(&why))
}

fn answer<T: DeserializeOwned>(called: Result<String, JsValue>) -> Result<T, ApiError> {
    let text = called.map_err(|why| broken(&why))?;
    serde_json::from_str(&text).map_err(|error| ApiError::Strange(error.to_string()))
}

fn broken(why: &JsValue) -> ApiError {
    let words = why.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message())).unwrap_or_default();
    ApiError::Strange(format!("The part of the page that reads files could not be loaded. {words}"))
}
