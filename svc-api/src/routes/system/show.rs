//! `GET /api/v1/system`: the health of everything that the API can see.

use std::future::Future;
use std::time::{Duration, Instant};

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_bus::BusError;
use emboflow_model::RunId;
use emboflow_protocol::call::{Explain, Explanation};
use emboflow_protocol::http::{CheckView, StorageView, SystemView};

use crate::access::By;
use crate::app::App;
use crate::openapi::{self, Doc};
use crate::watch::outline;

/// Longer than this is no answer.
const WAIT: Duration = Duration::from_secs(3);

/// Shows the system: to administrators of the platform with what every part says.
pub(crate) async fn show(State(app): State<App>, By(caller): By) -> Json<SystemView> {
    let (nats, records, scheduler, (gateway, storage)) = tokio::join!(
        timed("nats", async {
            if app.bus.is_connected() {
                Ok(app.bus.url().to_owned())
            } else {
                Err(format!("no connection to {}", app.bus.url()))
            }
        }),
        timed("records", async {
            let backend = app.records.backend().to_owned();
            app.records.ping().await.map(|()| backend).map_err(|error| error.to_string())
        }),
        timed("scheduler", ask_scheduler(&app)),
        probe_storage(&app),
    );
    let view = SystemView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: app.instance.clone(),
        started_at: app.started_at,
        checks: vec![nats, records, scheduler, gateway, executors(&app)],
        storage,
    };
    Json(if caller.is_platform_admin() { view } else { outline::system(view) })
}

async fn timed(name: &str, check: impl Future<Output = Result<String, String>>) -> CheckView {
    let started = Instant::now();
    let outcome = tokio::time::timeout(WAIT, check).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", WAIT.as_secs())));
    let latency_ms = started.elapsed().as_millis() as u64;
    let ok = outcome.is_ok();
    CheckView { name: name.to_owned(), ok, detail: outcome.unwrap_or_else(|error| error), latency_ms }
}

/// Any answer shows that it decides; no run has this id.
async fn ask_scheduler(app: &App) -> Result<String, String> {
    let question = Explain { run: RunId::from_bits(0), task: None };
    match app.bus.call::<_, Explanation>(&question, WAIT).await {
        Ok(_) | Err(BusError::Refused { .. }) => Ok("answers".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn probe_storage(app: &App) -> (CheckView, Option<StorageView>) {
    let mut storage = None;
    let check = timed("storage", async {
        let view = app.objects.probe().await.map_err(|failure| failure.detail().to_owned())?;
        let failed =
            view.steps.iter().find(|step| !step.ok).map(|step| format!("{}: {}", step.name, step.detail));
        let backend = view.backend.clone();
        storage = Some(view);
        failed.map_or(Ok(backend), Err)
    })
    .await;
    (check, storage)
}

fn executors(app: &App) -> CheckView {
    let all = app.executors.all();
    let online = all.iter().filter(|executor| executor.online).count();
    let detail = format!("{online} of {} online", all.len());
    CheckView { name: "executors".to_owned(), ok: online > 0, detail, latency_ms: 0 }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc =
        Doc { id: "showSystem", tag: "system", summary: "Show the health of the installation", errors: &[] };
    openapi::describe(operation, &doc, &[])
}
