//! One file on its way: a token from the API, the bytes to the storage gateway, and the word that they are there.

use emboflow_model::UploadName;
use emboflow_protocol::Problem;
use emboflow_protocol::http::upload::{NewUpload, UploadDone, UploadTicket, UploadView};
use emboflow_protocol::object::StoredObject;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, HtmlInputElement, ProgressEvent, XmlHttpRequest};

use crate::api::{self, ApiError};
use crate::browser;

/// The files in a field.
pub(super) fn chosen(field: &str) -> Vec<File> {
    let files = input(field).and_then(|input| input.files());
    files.map(|files| (0..files.length()).filter_map(|at| files.get(at)).collect()).unwrap_or_default()
}

/// Empties a field, so that the same file can be chosen again.
pub(super) fn clear(field: &str) {
    if let Some(input) = input(field) {
        input.set_value("");
    }
}

fn input(field: &str) -> Option<HtmlInputElement> {
    browser::document()?.get_element_by_id(field)?.dyn_into().ok()
}

/// Sends a file; `progress` is told how much of it has gone, in percent.
pub(super) async fn send(
    name: UploadName,
    file: &File,
    progress: impl FnMut(u32) + 'static,
) -> Result<UploadView, ApiError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the size of a file is whole"
    )]
    let size_bytes = file.size() as u64;
    let asked = NewUpload { name, size_bytes, sha256: None };
    let ticket: UploadTicket = api::post(&api::in_project("uploads"), &asked).await?;
    let stored = put(&ticket, file, progress).await?;
    let content_type = Some(file.type_()).filter(|text| !text.is_empty());
    let done = UploadDone { sha256: stored.sha256, content_type };
    let version = format!("uploads/{}/versions/{}", ticket.name, ticket.version);
    api::put(&api::in_project(&version), &done).await
}

/// The bytes. Only this kind of request tells how far it is.
async fn put(
    ticket: &UploadTicket,
    file: &File,
    mut progress: impl FnMut(u32) + 'static,
) -> Result<StoredObject, ApiError> {
    let failed = |_: JsValue| ApiError::Unreachable("the browser does not send the file".to_owned());
    let request = XmlHttpRequest::new().map_err(failed)?;
    request.open_with_async("PUT", &api::of_site(&ticket.url), true).map_err(failed)?;
    request.set_request_header("authorization", &format!("Bearer {}", ticket.token)).map_err(failed)?;
    let told = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        if event.total() > 0.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
            progress((event.loaded() * 100.0 / event.total()) as u32);
        }
    });
    request.upload().map_err(failed)?.set_onprogress(Some(told.as_ref().unchecked_ref()));
    let ended = js_sys::Promise::new(&mut |resolve, _| request.set_onloadend(Some(&resolve)));
    request.send_with_opt_blob(Some(file)).map_err(failed)?;
    JsFuture::from(ended).await.map_err(failed)?;
    answer(&request)
}

fn answer(request: &XmlHttpRequest) -> Result<StoredObject, ApiError> {
    let text = request.response_text().ok().flatten().unwrap_or_default();
    match request.status().unwrap_or_default() {
        0 => Err(ApiError::Unreachable("the connection broke off".to_owned())),
        200..=299 => serde_json::from_str(&text).map_err(|error| ApiError::Strange(error.to_string())),
        status => Err(match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => ApiError::Refused(Box::new(problem)),
            Err(_) => ApiError::Strange(format!("status {status} for the bytes of the upload")),
        }),
    }
}
