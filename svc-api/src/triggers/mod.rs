//! The triggers that are kept: read, changed from the version that was read, and told to who starts their runs.

mod declared;
mod starters;
mod view;

pub(crate) use declared::{Declared, changed, check_declared};
pub(crate) use starters::Starters;
use view::full;
pub(crate) use view::{row, times, times_between};

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::trigger::{MAX_OF_PROJECT, TRIGGER_STATES, TRIGGERS, TriggerDocument, TriggerState};
use emboflow_model::{ProjectName, TriggerName};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::notice::Notice;
use emboflow_records::Kept;

use crate::access::unreadable;
use crate::app::App;
use crate::conditional::tag_of;
use crate::problem::{Failure, Outcome};

/// Triggers read at a time.
const PAGE: u32 = 200;

/// A trigger and the version of its document.
pub(crate) struct KeptTrigger {
    pub(crate) name: TriggerName,
    pub(crate) version: u64,
    pub(crate) document: TriggerDocument,
}

impl KeptTrigger {
    fn read(kept: &Kept) -> Outcome<Self> {
        Self::parse(kept).map_err(|why| {
            Failure::behind(ErrorCode::Internal, format!("trigger {} of {}: {why}", kept.name, kept.scope))
        })
    }

    fn readable(kept: &Kept) -> Option<Self> {
        Self::parse(kept).inspect_err(|why| unreadable::note(TRIGGERS, kept, why)).ok()
    }

    fn parse(kept: &Kept) -> Result<Self, String> {
        Ok(Self {
            name: TriggerName::new(&kept.name).map_err(|error| error.to_string())?,
            version: kept.version,
            document: serde_json::from_str(&kept.body).map_err(|error| error.to_string())?,
        })
    }
}

/// A trigger of a project, if there is one.
pub(crate) async fn find(
    app: &App,
    project: &ProjectName,
    name: &TriggerName,
) -> Outcome<Option<KeptTrigger>> {
    let kept = app.records.kept(TRIGGERS, project.as_str(), name.as_str()).await?;
    kept.as_ref().map(KeptTrigger::read).transpose()
}

/// A trigger of a project. Errors: there is none.
pub(crate) async fn get(app: &App, project: &ProjectName, name: &TriggerName) -> Outcome<KeptTrigger> {
    find(app, project, name).await?.ok_or_else(|| no_trigger(project, name))
}

/// The triggers of a project by name, after one of them, at most `limit`. One that this version cannot read is passed
/// over: it must not stop the others, nor each change of a workflow.
pub(crate) async fn page(
    app: &App,
    project: &ProjectName,
    after: Option<&TriggerName>,
    limit: u32,
) -> Outcome<Vec<KeptTrigger>> {
    let (mut all, mut after) = (Vec::new(), after.map(|after| after.as_str().to_owned()));
    loop {
        let wanted = limit.saturating_sub(all.len() as u32);
        let place = after.as_deref().map(|after| (project.as_str(), after));
        let page = app.records.kept_page(TRIGGERS, Some(project.as_str()), place, wanted).await?;
        let is_last = page.len() < wanted as usize;
        after = page.last().map(|last| last.name.clone()).or(after);
        all.extend(page.iter().filter_map(KeptTrigger::readable));
        if is_last || all.len() >= limit as usize {
            return Ok(all);
        }
    }
}

/// All triggers of a project, which are at most [`MAX_OF_PROJECT`].
async fn all(app: &App, project: &ProjectName) -> Outcome<Vec<KeptTrigger>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = page(app, project, after.as_ref(), PAGE).await?;
        let is_last = found.len() < PAGE as usize;
        after = found.last().map(|last| last.name.clone());
        all.extend(found);
        if is_last {
            return Ok(all);
        }
    }
}

/// Keeps a trigger over the version that was read; none = it must be a new one. Gives the new version. Errors: somebody
/// else was first.
pub(crate) async fn keep(
    app: &App,
    project: &ProjectName,
    expected: Option<u64>,
    document: &TriggerDocument,
) -> Outcome<u64> {
    let body =
        serde_json::to_string(document).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
    let name = &document.spec.name;
    let version = app.records.keep(TRIGGERS, project.as_str(), name.as_str(), expected, body).await?;
    let version = version.ok_or_else(|| changed_meanwhile(name))?;
    tell(app, project, name).await;
    Ok(version)
}

/// Refuses to make so many more triggers than a project may have. Two that are made at the same moment may both be the
/// last one: the bound keeps the list short, nothing rests on it.
pub(crate) async fn check_room(app: &App, project: &ProjectName, more: usize) -> Outcome<()> {
    if more == 0 {
        return Ok(());
    }
    let limit = u32::try_from(MAX_OF_PROJECT).unwrap_or(u32::MAX);
    let kept = app.records.kept_page(TRIGGERS, Some(project.as_str()), None, limit).await?;
    if kept.len() + more <= MAX_OF_PROJECT {
        return Ok(());
    }
    let detail = format!("project '{project}' has {} triggers, and may have {MAX_OF_PROJECT}", kept.len());
    Err(Failure::new(ErrorCode::TriggerConflict, detail)
        .with_hint("remove triggers that are no longer needed"))
}

/// Removes a trigger from the version that was read. Errors: somebody else was first.
pub(crate) async fn remove(app: &App, project: &ProjectName, trigger: &KeptTrigger) -> Outcome<()> {
    let (scope, name) = (project.as_str(), trigger.name.as_str());
    if !app.records.drop_kept(TRIGGERS, scope, name, trigger.version).await? {
        return Err(changed_meanwhile(&trigger.name));
    }
    tell(app, project, &trigger.name).await;
    Ok(())
}

/// What became of a trigger so far.
pub(crate) async fn state(app: &App, project: &ProjectName, trigger: &KeptTrigger) -> Outcome<TriggerState> {
    let kept = app.records.kept(TRIGGER_STATES, project.as_str(), trigger.name.as_str()).await?;
    let state = kept.and_then(|kept| serde_json::from_str::<TriggerState>(&kept.body).ok());
    let own = state.filter(|state| state.id == trigger.document.id);
    Ok(own.unwrap_or_else(|| TriggerState::new(&trigger.document.id)))
}

/// The `ETag` of a version.
pub(crate) fn tag(version: u64) -> HeaderValue {
    tag_of(&version.to_be_bytes())
}

/// The trigger as an answer, with its `ETag`.
pub(crate) fn answer(project: &ProjectName, trigger: &KeptTrigger) -> Response {
    let headers = [
        (header::ETAG, tag(trigger.version)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    (headers, Json(full(project, trigger))).into_response()
}

/// Refuses to change one that stands in the file of a workflow.
pub(crate) fn check_own(trigger: &KeptTrigger) -> Outcome<()> {
    let Some(workflow) = &trigger.document.declared_by else { return Ok(()) };
    let detail = format!("trigger '{}' stands in the file of workflow '{workflow}'", trigger.name);
    Err(Failure::new(ErrorCode::TriggerConflict, detail)
        .with_hint("change the section `on` of the file, and apply it; to pause and to fire it works here"))
}

async fn tell(app: &App, project: &ProjectName, name: &TriggerName) {
    let notice = Notice::new(TRIGGERS, project.as_str(), name.as_str());
    // Readers also look by themselves.
    let _lossy = app.bus.publish_live(&notice).await;
}

fn no_trigger(project: &ProjectName, name: &TriggerName) -> Failure {
    Failure::new(ErrorCode::TriggerNotFound, format!("project '{project}' has no trigger '{name}'"))
}

fn changed_meanwhile(name: &TriggerName) -> Failure {
    let detail = format!("trigger '{name}' has been changed by somebody else meanwhile");
    Failure::new(ErrorCode::RequestPrecondition, detail).with_hint("read it again, and send the change again")
}
