//! Notifications in the records, and what became of their deliveries.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::ProjectName;
use emboflow_model::name::NotificationName;
use emboflow_model::notification::{DELIVERIES, Delivery, HISTORIES, History, KIND, Notification};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::notification::NotificationView;
use emboflow_protocol::notice::Notice;
use emboflow_records::Kept;

use crate::access::shelf::tag_of_version;
use crate::app::App;
use crate::problem::{Failure, Outcome};

/// Deliveries under way that are shown at most.
const SHOWN: u32 = 50;
/// How often a change is tried while others are first.
const TRIES: u32 = 10;

/// A notification as it is kept.
pub(super) struct Stored {
    pub(super) notification: Notification,
    pub(super) version: u64,
}

impl Stored {
    pub(super) fn tag(&self) -> HeaderValue {
        tag_of_version(self.version)
    }
}

/// The notification with this name.
pub(super) async fn find(
    app: &App,
    project: &ProjectName,
    name: &NotificationName,
) -> Outcome<Option<Stored>> {
    let kept = app.records.kept(KIND, project.as_str(), name.as_str()).await?;
    kept.as_ref().map(read).transpose()
}

/// The same; it must be there.
pub(super) async fn get(app: &App, project: &ProjectName, name: &NotificationName) -> Outcome<Stored> {
    find(app, project, name).await?.ok_or_else(|| {
        Failure::new(
            ErrorCode::NotificationNotFound,
            format!("project '{project}' has no notification '{name}'"),
        )
    })
}

/// Reads a kept document.
pub(super) fn read(kept: &Kept) -> Outcome<Stored> {
    let notification = serde_json::from_str(&kept.body).map_err(|error| {
        Failure::behind(
            ErrorCode::Internal,
            format!("the notification '{}/{}' cannot be read: {error}", kept.scope, kept.name),
        )
    })?;
    Ok(Stored { notification, version: kept.version })
}

/// Puts it in place of the version that was read, and tells; none when somebody was first.
pub(super) async fn put(
    app: &App,
    project: &ProjectName,
    name: &NotificationName,
    expected: Option<u64>,
    notification: Notification,
) -> Outcome<Option<Stored>> {
    let body = serde_json::to_string(&notification).expect("a notification is plain data");
    let version = app.records.keep(KIND, project.as_str(), name.as_str(), expected, body).await?;
    tell(app, project, name).await;
    Ok(version.map(|version| Stored { notification, version }))
}

/// Changes it as it is at that moment.
pub(super) async fn change(
    app: &App,
    project: &ProjectName,
    name: &NotificationName,
    change: impl Fn(&mut Notification),
) -> Outcome<Stored> {
    for _ in 0..TRIES {
        let Stored { mut notification, version } = get(app, project, name).await?;
        change(&mut notification);
        if let Some(stored) = put(app, project, name, Some(version), notification).await? {
            return Ok(stored);
        }
    }
    Err(Failure::new(
        ErrorCode::RequestPrecondition,
        format!("others change the notification '{name}' all the time"),
    ))
}

/// Who sends is told; it also looks by itself.
pub(super) async fn tell(app: &App, project: &ProjectName, name: &NotificationName) {
    let notice = Notice::new(KIND, project.as_str(), name.as_str());
    if !app.bus.publish_live(&notice).await {
        tracing::debug!(%project, notification = %name, "its change is noticed a little later");
    }
}

/// The deliveries that are under way.
pub(super) async fn under_way(
    app: &App,
    project: &ProjectName,
    name: &NotificationName,
) -> Outcome<Vec<Delivery>> {
    let prefix = format!("{name}/");
    let page =
        app.records.kept_page(DELIVERIES, Some(project.as_str()), Some((project.as_str(), &prefix)), SHOWN);
    let own = page.await?.into_iter().take_while(|kept| kept.name.starts_with(&prefix));
    Ok(own.filter_map(|kept| serde_json::from_str(&kept.body).ok()).collect())
}

/// The deliveries that are over, the newest first.
pub(super) async fn history(
    app: &App,
    project: &ProjectName,
    name: &NotificationName,
) -> Outcome<Vec<Delivery>> {
    let kept = app.records.kept(HISTORIES, project.as_str(), name.as_str()).await?;
    // For reading only: one that cannot be read is as good as none.
    let history: Option<History> = kept.and_then(|kept| serde_json::from_str(&kept.body).ok());
    Ok(history.unwrap_or_default().deliveries)
}

/// The answer that shows it whole.
pub(super) async fn shown(
    app: &App,
    project: &ProjectName,
    name: NotificationName,
    stored: Stored,
) -> Outcome<Response> {
    let mut deliveries = under_way(app, project, &name).await?;
    deliveries.reverse();
    deliveries.extend(history(app, project, &name).await?);
    deliveries.truncate(SHOWN as usize);
    let tag = stored.tag();
    let Notification { spec, paused, created_at, created_by } = stored.notification;
    let view = NotificationView { name, spec, paused, created_at, created_by, deliveries };
    Ok(([(header::ETAG, tag)], Json(view)).into_response())
}
