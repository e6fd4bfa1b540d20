//! The OpenAPI 3.1 document, made from the routes and the types that they really use.

use std::collections::BTreeMap;

use aide::generate::in_context;
use aide::openapi::{
    Header, HeaderStyle, Info, License, MediaType, OpenApi, Parameter, ParameterData,
    ParameterSchemaOrContent, ReferenceOr, Response, SchemaObject, SecurityScheme, StatusCode, Tag,
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
/// How every operation that reads a body may fail, too.
pub(crate) const WITH_BODY: &[ErrorCode] = &[
    ErrorCode::RequestMalformed,
    ErrorCode::RequestTimeout,
    ErrorCode::RequestTooLarge,
    ErrorCode::RequestMediaType,
];
/// How every operation that changes something may fail, too.
pub(crate) const WRITES: &[ErrorCode] = &[ErrorCode::AuthForbidden, ErrorCode::RequestRateLimited];
/// How every request to the scheduler may fail, too.
pub(crate) const AT_INTAKE: &[ErrorCode] = &[
    ErrorCode::RequestMalformed,
    ErrorCode::RequestTimeout,
    ErrorCode::RequestTooLarge,
    ErrorCode::RequestMediaType,
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
        let mut response = described(texts.join("; "), PROBLEM_JSON, schema.clone());
        if matches!(status, 408 | 429 | 503 | 507) {
            let text = "Seconds after which the same request may be sent again.";
            response.headers.insert("Retry-After".to_owned(), answer_header(text));
        }
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
        description: Some("An API key, a token of a service, or the token of the installation.".to_owned()),
        extensions: Default::default(),
    };
    let tags = [
        ("runs", "Submit, list, watch and steer runs."),
        ("tasks", "Tasks of a run and their logs."),
        ("approvals", "What people decide."),
        ("artifacts", "What tasks made."),
        ("workflows", "Workflow files kept by name."),
        ("secrets", "Values that only tasks are given."),
        ("executors", "Who carries out attempts."),
        ("queues", "In which runs wait, and which share each gets."),
        ("events", "One stream of everything that changes."),
        ("system", "The health of the installation."),
        ("session", "Sign-in of the page."),
        ("users", "People, and where they are signed in."),
        ("keys", "API keys of people, and services with tokens of their own."),
        ("projects", "Projects and who belongs to them."),
        ("audit", "Who did what, from where, with what result."),
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
                "Every error is an RFC 9457 problem with a stable `code`; its `type` is the code's entry in `/docs/errors`. \
                 Lists are pages: pass `next` as `cursor`, or follow the `Link`. What is read has an `ETag`. Writing \
                 requests above what may wait at once are answered with 429 and `Retry-After`."
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

/// Documents an operation that needs no sign-in.
pub(crate) fn open(mut operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation.inner_mut().security = vec![Default::default()];
    operation
}

/// Documents a header that an operation reads.
pub(crate) fn takes_header<'t>(
    mut operation: TransformOperation<'t>,
    name: &str,
    description: &str,
) -> TransformOperation<'t> {
    let header = ReferenceOr::Item(text_header(name, description));
    operation.inner_mut().parameters.push(header);
    operation
}

/// A header of a request.
pub(crate) fn text_header(name: &str, description: &str) -> Parameter {
    let parameter_data = ParameterData {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: None,
        format: text_format(),
        example: None,
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    };
    Parameter::Header { parameter_data, style: HeaderStyle::Simple }
}

/// A header of an answer.
pub(crate) fn answer_header(description: &str) -> ReferenceOr<Header> {
    ReferenceOr::Item(Header {
        description: Some(description.to_owned()),
        style: HeaderStyle::Simple,
        required: false,
        deprecated: None,
        format: text_format(),
        example: None,
        examples: Default::default(),
        extensions: Default::default(),
    })
}

fn text_format() -> ParameterSchemaOrContent {
    let json_schema = schemars::json_schema!({ "type": "string" });
    ParameterSchemaOrContent::Schema(SchemaObject { json_schema, example: None, external_docs: None })
}

/// What every operation has that reads a thing: an `ETag`, and the answer to who has it already.
pub(crate) fn tagged_answers(api: &mut OpenApi) {
    let items = api.paths.iter_mut().flat_map(|paths| paths.paths.values_mut());
    for operation in items.filter_map(|item| item.as_item_mut()?.get.as_mut()) {
        let ok = StatusCode::Code(200);
        let responses = &mut operation.responses.get_or_insert_default().responses;
        let Some(ReferenceOr::Item(answer)) = responses.get_mut(&ok) else { continue };
        if answer.content.keys().any(|media| media == "text/event-stream") {
            continue;
        }
        let tag = "Names this content, where it is known before it is sent.";
        answer.headers.insert("ETag".to_owned(), answer_header(tag));
        let known = Response { description: "The caller has it already.".to_owned(), ..Response::default() };
        responses.insert(StatusCode::Code(304), ReferenceOr::Item(known));
        let known = text_header("If-None-Match", "ETags that the caller has.");
        operation.parameters.push(ReferenceOr::Item(known));
    }
}

/// A parameter that takes the rest of the path is written `{*path}` in routes and `{path}` in documents.
pub(crate) fn plain_paths(api: &mut OpenApi) {
    let Some(paths) = &mut api.paths else { return };
    let items = std::mem::take(&mut paths.paths);
    paths.paths = items.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
}
