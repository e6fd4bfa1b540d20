//! Every route, and the layers around them.

mod access;

use aide::axum::ApiRouter;
use aide::axum::routing::{ApiMethodRouter, get_with, post_with, put_with};
use aide::openapi::OpenApi;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use emboflow_model::WorkflowName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use tower_http::catch_panic::CatchPanicLayer;

use crate::access::{check_table, guard};
use crate::app::App;
use crate::extract::Params;
use crate::known_query::KnownQueries;
use crate::problem::Failure;
use crate::routes::place::{InProject, OfWorkflow};
use crate::routes::{
    approvals, artifacts, clearings, events, executors, hooks, logs, maintenance, notifications, queues,
    requests, runs, secrets, system, tasks, triggers, uploads, what_if, workflows,
};
use crate::{
    admission, conditional, error_page, host, known_query, limits, measure, openapi, page, paged, trace,
};

const PROJECT: &str = "/api/v1/projects/{project}";
const RUN: &str = "/api/v1/projects/{project}/runs/{run}";

/// The routes and the document about them.
pub(crate) fn documented() -> (Router<App>, OpenApi) {
    let mut document = openapi::blank();
    openapi::prepare();
    let guarded = global()
        .merge(access::of_people())
        .merge(access::of_platform())
        .merge(of_project())
        .merge(of_runs())
        .merge(of_results())
        .merge(triggers::routes())
        .merge(notifications::routes())
        .merge(maintenance::routes())
        .merge(queues::routes())
        .merge(secrets::routes())
        .merge(clearings::routes())
        .merge(uploads::routes())
        .merge(what_if::routes());
    let guarded = guarded.finish_api_with(&mut document, openapi::frame);
    openapi::prepare();
    let open = access::of_session().merge(hooks::routes()).finish_api(&mut document);
    openapi::plain_paths(&mut document);
    openapi::tagged_answers(&mut document);
    (guarded.merge(open), document)
}

/// The service that answers everything. `uploads` takes the bytes of uploads, if the gateway is in this process.
///
/// # Errors
/// The table of rights and the routes differ.
pub(crate) fn serving(app: App, uploads: Option<Router>) -> anyhow::Result<Router> {
    let (routes, document) = documented();
    check_table(&document)?;
    let known_queries = KnownQueries::of(&document);
    let document = Bytes::from(serde_json::to_vec(&document).expect("the document is plain data"));
    let document = get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) });
    let router = routes
        .route_layer(from_fn_with_state(app.clone(), admission::admit))
        .route_layer(from_fn(paged::link))
        .route_layer(from_fn_with_state(known_queries, known_query::check))
        .route("/api/openapi.json", document)
        .route("/docs/errors", get(error_page::show))
        .with_state(app.clone())
        .merge(app.health.router())
        .route_layer(from_fn_with_state(app.clone(), limits::by_caller))
        .route_layer(from_fn_with_state(app.clone(), guard))
        .route_layer(from_fn_with_state(app.clone(), trace::follow))
        .merge(uploads.unwrap_or_else(uploads::elsewhere))
        .fallback(page::serve)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), limits::by_address))
        .layer(from_fn_with_state(app, host::check))
        .layer(from_fn(conditional::answer))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(CatchPanicLayer::custom(measure::panicked))
        .layer(from_fn(measure::observe));
    Ok(router)
}

fn global() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route("/api/v1/events", get_with(events::stream::stream, events::stream::document))
        .api_route("/api/v1/executors", get_with(executors::list::list, executors::list::document))
        .api_route(
            "/api/v1/executors/{executor}/forget",
            post_with(executors::forget::forget, executors::forget::document),
        )
        .api_route(
            "/api/v1/executors/{executor}/cordon",
            put_with(executors::cordon::set, executors::cordon::document_set)
                .delete_with(executors::cordon::remove, executors::cordon::document_remove),
        )
        .api_route("/api/v1/system/health", get_with(system::health::health, system::health::document))
        .api_route("/api/v1/system", get_with(system::show::show, system::show::document))
}

fn of_project() -> ApiRouter<App> {
    let path = |rest: &str| format!("{PROJECT}{rest}");
    ApiRouter::new()
        .api_route(
            &path("/runs"),
            post_with(runs::submit::submit, runs::submit::document)
                .get_with(runs::list::list, runs::list::document),
        )
        .api_route(&path("/runs/batch"), post_with(runs::batch::batch, runs::batch::document))
        .api_route(&path("/runs/counts"), get_with(runs::counts::counts, runs::counts::document))
        .api_route(&path("/approvals"), get_with(approvals::list::list, approvals::list::document))
        .api_route(&path("/requests/{key}"), get_with(requests::show::show, requests::show::document))
        .api_route(&path("/workflows"), get_with(workflows::list::list, workflows::list::document))
        .api_route(
            &path("/workflows/validate"),
            post_with(workflows::validate::validate, workflows::validate::document)
                .merge(workflow_named_validate()),
        )
        .api_route(
            &path("/workflows/{workflow}"),
            put_with(workflows::apply::apply, workflows::apply::document)
                .get_with(workflows::show::show, workflows::show::document)
                .delete_with(workflows::remove::remove, workflows::remove::document),
        )
}

/// A workflow may have the name of the address beside it.
fn workflow_named_validate() -> ApiMethodRouter<App> {
    let named = |InProject { project }| {
        let workflow = WorkflowName::new("validate").expect("`validate` has the form of a name");
        Params(OfWorkflow { project, workflow })
    };
    let show = move |app, Params(place), query| workflows::show::show(app, named(place), query);
    let apply =
        move |app, Params(place), wanted, body| workflows::apply::apply(app, named(place), wanted, body);
    let remove = move |app, Params(place), wanted| workflows::remove::remove(app, named(place), wanted);
    get_with(show, |operation| {
        workflows::show::document(operation)
            .id("showWorkflowNamedValidate")
            .summary("Show the workflow `validate`")
    })
    .put_with(apply, |operation| {
        workflows::apply::document(operation)
            .id("applyWorkflowNamedValidate")
            .summary("Keep the workflow `validate`")
    })
    .delete_with(remove, |operation| {
        workflows::remove::document(operation)
            .id("removeWorkflowNamedValidate")
            .summary("Remove the workflow `validate`")
    })
}

fn of_runs() -> ApiRouter<App> {
    let path = |rest: &str| format!("{RUN}{rest}");
    ApiRouter::new()
        .api_route(RUN, get_with(runs::show::show, runs::show::document))
        .api_route(&path("/source"), get_with(runs::source::source, runs::source::document))
        .api_route(&path("/explanation"), get_with(runs::explain::explain, runs::explain::document))
        .api_route(&path("/forecast"), get_with(runs::forecast::forecast, runs::forecast::document))
        .api_route(&path("/history"), get_with(runs::history::history, runs::history::document))
        .api_route(&path("/cancel"), post_with(runs::cancel::cancel, runs::cancel::document))
        .api_route(&path("/retry"), post_with(runs::retry::retry, runs::retry::document))
        .api_route(
            &path("/retry/preview"),
            post_with(runs::rerun_preview::preview, runs::rerun_preview::document),
        )
        .api_route(&path("/pause"), post_with(runs::pause::pause, runs::pause::document))
        .api_route(&path("/resume"), post_with(runs::resume::resume, runs::resume::document))
}

fn of_results() -> ApiRouter<App> {
    let path = |rest: &str| format!("{RUN}{rest}");
    ApiRouter::new()
        .api_route(&path("/tasks"), get_with(tasks::list::list, tasks::list::document))
        .api_route(&path("/tasks/{task}"), get_with(tasks::show::show, tasks::show::document))
        .api_route(
            &path("/tasks/{task}/decision"),
            post_with(approvals::decide::decide, approvals::decide::document),
        )
        .api_route(&path("/tasks/{task}/logs"), get_with(logs::stream::stream, logs::stream::document))
        .api_route(&path("/tasks/{task}/logs/search"), get_with(logs::search::search, logs::search::document))
        .api_route(&path("/artifacts"), get_with(artifacts::list::list, artifacts::list::document))
        .api_route(
            &path("/artifacts/{task}/{name}"),
            get_with(artifacts::files::files, artifacts::files::document),
        )
        .api_route(
            &path("/artifacts/{task}/{name}/{*path}"),
            get_with(artifacts::get::get, artifacts::get::document),
        )
}

/// Which methods an address takes is in the `Allow` of either answer.
async fn no_method(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = format!("{} does not take {}", request.uri().path(), request.method());
    Failure::new(ErrorCode::MethodNotAllowed, detail).into_response()
}
