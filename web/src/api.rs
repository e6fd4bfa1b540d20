//! Requests to the API: one place that knows addresses, and one kind of error.

use emboflow_protocol::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, Request, RequestInit, Response};

use crate::browser;
use crate::place;
use crate::route::encode;

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ApiError {
    /// The API did not answer.
    Unreachable(String),
    /// The API refused, and says why.
    Refused(Box<Problem>),
    /// The answer makes no sense to this page, which may be older than the server.
    Strange(String),
}

impl ApiError {
    /// Sign-in is required.
    pub(crate) fn wants_sign_in(&self) -> bool {
        self.status() == Some(401)
    }

    /// Somebody else was first: what the change was made from is no longer what is there.
    pub(crate) fn is_outdated(&self) -> bool {
        self.status() == Some(412)
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Unreachable(_) | Self::Strange(_) => None,
        }
    }

    /// The server wants a rest.
    pub(crate) fn is_too_often(&self) -> bool {
        self.status() == Some(429)
    }

    /// In one line.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Unreachable(why) => format!("The API does not answer: {why}"),
            Self::Refused(problem) => problem.detail.clone().unwrap_or_else(|| problem.title.clone()),
            Self::Strange(why) => why.clone(),
        }
    }

    /// There is no such thing.
    pub(crate) fn is_missing(&self) -> bool {
        self.status() == Some(404)
    }
}

/// The address of something outside all projects, such as `system`.
pub(crate) fn global(path: &str) -> String {
    format!("{}api/v1/{path}", browser::root())
}

/// The address of something in the project, such as `runs`.
pub(crate) fn in_project(path: &str) -> String {
    of_project(&place::project(), path)
}

/// The address of something in a project; of the project itself when `path` is empty.
pub(crate) fn of_project(project: &str, path: &str) -> String {
    let slash = if path.is_empty() { "" } else { "/" };
    global(&format!("projects/{}{slash}{path}", encode(project)))
}

/// The address of something of a run, such as `tasks`; of the run itself when `path` is empty.
pub(crate) fn of_run(run: &str, path: &str) -> String {
    let run = encode(run);
    if path.is_empty() {
        in_project(&format!("runs/{run}"))
    } else {
        in_project(&format!("runs/{run}/{path}"))
    }
}

/// The address of a file of an artifact.
pub(crate) fn artifact_file(run: &str, task: &str, name: &str, path: &str) -> String {
    let path: Vec<String> = path.split('/').map(encode).collect();
    of_run(run, &format!("artifacts/{}/{}/{}", encode(task), encode(name), path.join("/")))
}

/// A struct of query parameters as a query, with its `?`.
pub(crate) fn query(parameters: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(parameters) else {
        return String::new();
    };
    let mut text = form_urlencoded::Serializer::new(String::from("?"));
    for (name, value) in &fields {
        match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(value) => text.append_pair(name, value),
            other => text.append_pair(name, &other.to_string()),
        };
    }
    text.finish()
}

/// Reads JSON.
pub(crate) async fn get<T: DeserializeOwned>(address: &str) -> Result<T, ApiError> {
    parse(&send("GET", address, None, &[]).await?).await
}

/// Sends JSON and reads JSON. Repeating it after a lost answer does nothing twice.
pub(crate) async fn post<T: DeserializeOwned>(address: &str, body: &impl Serialize) -> Result<T, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Strange(error.to_string()))?;
    let key = browser::fresh_key();
    let headers = [("content-type", "application/json"), ("idempotency-key", &key)];
    parse(&send("POST", address, Some(&body), &headers).await?).await
}

/// Stores JSON under an address.
pub(crate) async fn put<T: DeserializeOwned>(address: &str, body: &impl Serialize) -> Result<T, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Strange(error.to_string()))?;
    parse(&send("PUT", address, Some(&body), &[("content-type", "application/json")]).await?).await
}

/// Reads JSON together with the version that a change of it has to name.
pub(crate) async fn get_versioned<T: DeserializeOwned>(
    address: &str,
) -> Result<(T, Option<String>), ApiError> {
    let response = send("GET", address, None, &[]).await?;
    let version = response.headers().get("etag").ok().flatten();
    Ok((parse(&response).await?, version))
}

/// Changes a part of what is under an address, if it is still the version that was read.
pub(crate) async fn patch<T: DeserializeOwned>(
    address: &str,
    version: Option<&str>,
    body: &impl Serialize,
) -> Result<T, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Strange(error.to_string()))?;
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(version.map(|version| ("if-match", version)));
    parse(&send("PATCH", address, Some(&body), &headers).await?).await
}

/// Stores JSON under an address: over the version that was read, or, without one, only where nothing is yet.
pub(crate) async fn put_versioned<T: DeserializeOwned>(
    address: &str,
    version: Option<&str>,
    body: &impl Serialize,
) -> Result<T, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Strange(error.to_string()))?;
    let precondition = version.map_or(("if-none-match", "*"), |version| ("if-match", version));
    let headers = [("content-type", "application/json"), precondition];
    parse(&send("PUT", address, Some(&body), &headers).await?).await
}

/// Stores JSON under an address, or acts on it; the answer has no body that matters.
pub(crate) async fn tell(method: &str, address: &str, body: &impl Serialize) -> Result<(), ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Strange(error.to_string()))?;
    send(method, address, Some(&body), &[("content-type", "application/json")]).await.map(|_| ())
}

/// Removes what is under an address.
pub(crate) async fn delete(address: &str) -> Result<(), ApiError> {
    send("DELETE", address, None, &[]).await.map(|_| ())
}

/// The address of something outside the API, such as `session`.
pub(crate) fn of_site(path: &str) -> String {
    format!("{}{path}", browser::root())
}

/// Signs in: the browser keeps a cookie that no script can read. When the server wants no more tries for now, the error
/// comes with the seconds to wait.
pub(crate) async fn sign_in(body: &impl Serialize) -> Result<(), (ApiError, Option<u32>)> {
    let body = serde_json::to_string(body).map_err(|error| (ApiError::Strange(error.to_string()), None))?;
    let headers = [("content-type", "application/json")];
    let response = answered("POST", &of_site("session"), Some(&body), &headers).await;
    let response = response.map_err(|error| (error, None))?;
    let wait = response.headers().get("retry-after").ok().flatten().and_then(|wait| wait.parse().ok());
    accepted(response, "session").await.map(|_| ()).map_err(|error| (error, wait))
}

/// The bytes of the answer, and one of its headers.
pub(crate) async fn get_bytes(address: &str, header: &str) -> Result<(Vec<u8>, Option<String>), ApiError> {
    let response = send("GET", address, None, &[]).await?;
    let header = response.headers().get(header).ok().flatten();
    let broken = |_| ApiError::Unreachable("the answer broke off".to_owned());
    let buffer = JsFuture::from(response.array_buffer().map_err(broken)?).await.map_err(broken)?;
    Ok((js_sys::Uint8Array::new(&buffer).to_vec(), header))
}

/// The answer as text.
pub(crate) async fn get_text(address: &str) -> Result<String, ApiError> {
    text(&send("GET", address, None, &[]).await?).await
}

async fn send(
    method: &str,
    address: &str,
    body: Option<&str>,
    headers: &[(&str, &str)],
) -> Result<Response, ApiError> {
    accepted(answered(method, address, body, headers).await?, address).await
}

/// Whatever the server answers.
async fn answered(
    method: &str,
    address: &str,
    body: Option<&str>,
    headers: &[(&str, &str)],
) -> Result<Response, ApiError> {
    request(method, address, body, headers).await.map_err(|error| {
        let words = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
        ApiError::Unreachable(words.unwrap_or_else(|| "the request failed".to_owned()))
    })
}

/// The answer, unless it is a refusal.
async fn accepted(response: Response, address: &str) -> Result<Response, ApiError> {
    if response.ok() {
        return Ok(response);
    }
    let status = response.status();
    let answer = text(&response).await.unwrap_or_default();
    match serde_json::from_str::<Problem>(&answer) {
        Ok(problem) => Err(ApiError::Refused(Box::new(problem))),
        Err(_) => Err(ApiError::Strange(format!("status {status} from {address}"))),
    }
}

async fn request(
    method: &str,
    address: &str,
    body: Option<&str>,
    headers: &[(&str, &str)],
) -> Result<Response, JsValue> {
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        init.set_body(&JsValue::from_str(body));
    }
    let list = Headers::new()?;
    for (name, value) in headers {
        list.set(name, value)?;
    }
    init.set_headers(&list);
    let request = Request::new_with_str_and_init(address, &init)?;
    let window = browser::window().ok_or_else(|| JsValue::from_str("no window"))?;
    JsFuture::from(window.fetch_with_request(&request)).await?.dyn_into()
}

async fn text(response: &Response) -> Result<String, ApiError> {
    let broken = |_| ApiError::Unreachable("the answer broke off".to_owned());
    let text = JsFuture::from(response.text().map_err(broken)?).await.map_err(broken)?;
    Ok(text.as_string().unwrap_or_default())
}

async fn parse<T: DeserializeOwned>(response: &Response) -> Result<T, ApiError> {
    let answer = text(response).await?;
    serde_json::from_str(&answer)
        .map_err(|error| ApiError::Strange(format!("{error} in the answer of the API")))
}
