//! Routes about who may do what.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, patch_with, post_with, put_with};

use super::PROJECT;
use crate::app::App;
use crate::routes::session::provider;
use crate::routes::{audit, keys, me, members, projects, services, session, sessions, users};

/// Routes that need nothing: they find out who asks.
pub(super) fn of_session() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route("/session/ways", get_with(session::ways::ways, session::ways::document))
        .api_route(
            "/session",
            get_with(session::exchange::exchange, session::exchange::document)
                .post_with(session::sign_in::sign_in, session::sign_in::document)
                .merge(delete_with(session::sign_out::sign_out, session::sign_out::document)),
        )
        .api_route("/session/oidc", get_with(provider::depart, provider::document_departure))
        .api_route("/oidc", get_with(provider::arrive, provider::document_arrival))
}

/// Oneself, and other people.
pub(super) fn of_people() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route("/api/v1/me", get_with(me::show::show, me::show::document))
        .api_route("/api/v1/me/password", post_with(me::password::change, me::password::document))
        .api_route("/api/v1/sessions", get_with(sessions::list::list, sessions::list::document))
        .api_route("/api/v1/sessions/{session}", delete_with(sessions::end::end, sessions::end::document))
        .api_route(
            "/api/v1/keys",
            get_with(keys::list::list, keys::list::document)
                .post_with(keys::make::make, keys::make::document),
        )
        .api_route("/api/v1/keys/{key}", delete_with(keys::end::end, keys::end::document))
        .api_route(
            "/api/v1/users",
            get_with(users::list::list, users::list::document)
                .post_with(users::make::make, users::make::document),
        )
        .api_route(
            "/api/v1/users/{user}",
            get_with(users::show::show, users::show::document)
                .merge(patch_with(users::change::change, users::change::document))
                .merge(delete_with(users::remove::remove, users::remove::document)),
        )
        .api_route("/api/v1/users/{user}/link", post_with(users::link::make, users::link::document))
}

/// Programs, projects and the audit.
pub(super) fn of_platform() -> ApiRouter<App> {
    let path = |rest: &str| format!("{PROJECT}{rest}");
    ApiRouter::new()
        .api_route(
            "/api/v1/services",
            get_with(services::list::list, services::list::document)
                .post_with(services::make::make, services::make::document),
        )
        .api_route(
            "/api/v1/services/{service}",
            delete_with(services::remove::remove, services::remove::document),
        )
        .api_route(
            "/api/v1/services/{service}/tokens",
            post_with(services::tokens::make, services::tokens::document_make)
                .merge(delete_with(services::tokens::revoke, services::tokens::document_revoke)),
        )
        .api_route("/api/v1/service-keys", post_with(services::rotate::rotate, services::rotate::document))
        .api_route("/api/v1/audit", get_with(audit::list::list, audit::list::document))
        .api_route("/api/v1/audit/export", get_with(audit::export::export, audit::export::document))
        .api_route(
            "/api/v1/projects",
            get_with(projects::list::list, projects::list::document)
                .post_with(projects::make::make, projects::make::document),
        )
        .api_route(
            PROJECT,
            get_with(projects::show::show, projects::show::document)
                .merge(patch_with(projects::change::change, projects::change::document)),
        )
        .api_route(&path("/usage"), get_with(projects::usage::usage, projects::usage::document))
        .api_route(&path("/members"), get_with(members::list::list, members::list::document))
        .api_route(
            &path("/members/{user}"),
            put_with(members::put::put, members::put::document)
                .merge(delete_with(members::remove::remove, members::remove::document)),
        )
        .api_route(&path("/audit"), get_with(audit::list::of_project, audit::list::document_of_project))
}
