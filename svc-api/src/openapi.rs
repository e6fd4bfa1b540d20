//! The OpenAPI 3.1 document, made from the routes and the types that they really use.

use std::collections::BTreeMap;

use aide::generate::in_context;
use aide::openapi::{
    Info, License, MediaType, OpenApi, ReferenceOr, Response, SchemaObject, SecurityScheme, StatusCode, Tag,
};
use aide::transform::{TransformOpenApi, TransformOperation};
use emboflow_protocol::{ErrorCode, Problem};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;

use crate::problem::PROBLEM_JSON;
use crate::router;

/// The document; needs no running server.
pub fn openapi() -> OpenApi {
    router::documented().1
}

/// What an operation says of itself.
pub(crate) struct Doc {
    /// Unique; client generators name functions after it.
    pub(crate) id: &'static str,
    /// The noun it belongs to.
    pub(crate) tag: &'static str,
    /// One line.
    pub(crate) summary: &'static str,
    /// How it may fail, beyond what every operation of its kind may.
    pub(crate) errors: &'static [ErrorCode],
}

/// How every operation below `/api/v1` may fail.
const EVERYWHERE: &[ErrorCode] = &[ErrorCode::RequestInvalid, ErrorCode::AuthRequired, ErrorCode::Internal];
/// How every operation in a project may fail, too.
pub(crate) const IN_PROJECT: &[ErrorCode] = &[ErrorCode::ProjectNotFound, ErrorCode::RecordsUnavailable];
/// How every request to the scheduler may fail, too.
pub(crate) const AT_INTAKE: &[ErrorCode] = &[
    ErrorCode::RequestMalformed,
    ErrorCode::RequestTooLarge,
    ErrorCode::RequestKeyInvalid,
    ErrorCode::RequestKeyReused,
    ErrorCode::RequestRateLimited,
    ErrorCode::BusUnavailable,
    ErrorCode::AuthForbidden,
];

/// Documents an operation below `/api/v1`. `kinds` are lists such as [`IN_PROJECT`].
pub(crate) fn describe<'t>(
    operation: TransformOperation<'t>,
    doc: &Doc,
    kinds: &[&[ErrorCode]],
) -> TransformOperation<'t> {
    let codes = kinds.iter().copied().flatten().chain(EVERYWHERE).chain(doc.errors);
    fails(operation.id(doc.id).tag(doc.tag).summary(doc.summary), codes)
}

/// Documents error answers: one entry a status, naming its codes.
pub(crate) fn fails<'t, 'c>(
    mut operation: TransformOperation<'t>,
    codes: impl IntoIterator<Item = &'c ErrorCode>,
) -> TransformOperation<'t> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for code in codes {
        let text = format!("`{}`: {}", code.code(), code.title());
        let texts = by_status.entry(code.status()).or_default();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let schema = in_context(|ctx| ctx.schema.subschema_for::<Problem>());
    for (status, texts) in by_status {
        let response = described(texts.join("; "), PROBLEM_JSON, schema.clone());
        insert(&mut operation, status, response);
    }
    operation
}

/// Documents an answer that is no JSON.
pub(crate) fn answers<'t>(
    mut operation: TransformOperation<'t>,
    status: u16,
    media: &str,
    description: &str,
) -> TransformOperation<'t> {
    let schema = schemars::json_schema!({ "type": "string" });
    let mut response = described(description.to_owned(), media, schema);
    if media.is_empty() {
        response.content.clear();
    }
    insert(&mut operation, status, response);
    operation
}

fn described(description: String, media: &str, json_schema: schemars::Schema) -> Response {
    let schema = Some(SchemaObject { json_schema, example: None, external_docs: None });
    let content = [(media.to_owned(), MediaType { schema, ..MediaType::default() })].into_iter().collect();
    Response { description, content, ..Response::default() }
}

fn insert(operation: &mut TransformOperation<'_>, status: u16, response: Response) {
    let responses = operation.inner_mut().responses.get_or_insert_default();
    responses.responses.insert(StatusCode::Code(status), ReferenceOr::Item(response));
}

/// Called before the routes are made: schemas in the dialect of OpenAPI 3.1.
pub(crate) fn prepare() {
    aide::generate::reset_context();
    in_context(|ctx| {
        ctx.schema = SchemaGenerator::new(SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        }));
    });
}

/// What is said of the whole.
pub(crate) fn frame(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let bearer = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("The token of the installation.".to_owned()),
        extensions: Default::default(),
    };
    let tags = [
        ("runs", "Submit, list, watch and steer runs."),
        ("tasks", "Tasks of a run and their logs."),
        ("artifacts", "What tasks made."),
        ("workflows", "Workflow files kept by name."),
        ("executors", "Who carries out attempts."),
        ("events", "One stream of everything that changes."),
        ("system", "The health of the installation."),
        ("session", "Sign-in of the page."),
    ];
    let mut api = api.security_scheme("token", bearer).security_requirement("token");
    for (name, description) in tags {
        let tag = Tag { name: name.to_owned(), description: Some(description.to_owned()), ..Tag::default() };
        api = api.tag(tag);
    }
    api
}

/// The document before the routes are in it.
pub(crate) fn blank() -> OpenApi {
    OpenApi {
        info: Info {
            title: "EmboFlow".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: Some(
                "Every error is an RFC 9457 problem with a stable `code`. Lists are pages: pass `next` as `cursor`."
                    .to_owned(),
            ),
            license: Some(License {
                name: "Apache-2.0".to_owned(),
                identifier: Some("Apache-2.0".to_owned()),
                ..License::default()
            }),
            ..Info::default()
        },
        ..OpenApi::default()
    }
}

/// A parameter that takes the rest of the path is written `{*path}` in routes and `{path}` in documents.
pub(crate) fn plain_paths(api: &mut OpenApi) {
    let Some(paths) = &mut api.paths else { return };
    let items = std::mem::take(&mut paths.paths);
    paths.paths = items.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
}
