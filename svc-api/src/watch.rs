//! The health of the installation as one tree: what every service says of itself, and what only a look from outside
//! can tell – who does not answer, whose clock or version differs.

mod figures;
pub(crate) mod outline;
mod tree;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emboflow_bus::Answered;
use emboflow_protocol::health::{AskHealth, HealthView, ServiceHealth};
use emboflow_service::Shutdown;
use tokio::time::Instant;

use crate::app::{App, now};
use crate::live::frame::Frame;
use tree::Seen;

/// How long the answers may take: a check of a service has five seconds.
const WAIT: Duration = Duration::from_secs(6);
/// Many askers share what was found so long ago.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// How often it is looked at for the metrics and for the pages that show it.
const LOOKED_AT_EACH: Duration = Duration::from_secs(15);
/// Services without which nothing works.
const ALWAYS: [&str; 2] = ["scheduler", "storage-gw"];

/// Keeps what was found last. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Watchman {
    latest: Arc<tokio::sync::Mutex<Option<(Instant, HealthView)>>>,
    /// Kinds of services that have answered: one that falls silent is missed.
    known: Arc<Mutex<BTreeSet<String>>>,
}

impl Watchman {
    /// The tree as it is now, or was a moment ago.
    pub(crate) async fn look(&self, app: &App) -> HealthView {
        let mut latest = self.latest.lock().await;
        if let Some((at, view)) = latest.as_ref()
            && at.elapsed() < FRESH_FOR
        {
            return view.clone();
        }
        let view = self.look_now(app).await;
        *latest = Some((Instant::now(), view.clone()));
        view
    }

    async fn look_now(&self, app: &App) -> HealthView {
        let executors = app.executors.all();
        let online: BTreeSet<&str> = executors
            .iter()
            .filter(|executor| executor.online)
            .map(|executor| executor.heartbeat.executor.as_str())
            .collect();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked_at = now();
        // Waiting for somebody who will not answer is only worth it for those who should.
        let enough = |got: &[Answered<ServiceHealth>]| {
            let has = |service: &str| got.iter().any(|answered| answered.answer.service == service);
            let answered = |id: &str| got.iter().any(|answered| answered.answer.instance == id);
            ALWAYS.iter().all(|service| has(service))
                && known.iter().all(|service| service == "executor" || has(service))
                && online.iter().all(|id| answered(id))
        };
        let (own, asked) = tokio::join!(
            app.health.report("api"),
            app.bus.ask_everybody::<_, ServiceHealth>(&AskHealth {}, WAIT, enough)
        );
        let (answers, unheard) = match asked {
            Ok(answers) => (answers, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(ALWAYS.map(str::to_owned));
        known.extend(answers.iter().map(|answered| answered.answer.service.clone()));
        let known = known.clone();
        let seen = Seen { at: asked_at, own, answers, unheard, known, executors };
        figures::show(&seen);
        seen.tree()
    }
}

/// Looks from time to time, and tells the pages when something has become better or worse.
pub(crate) fn start(app: App, shutdown: &Shutdown) {
    let stop = shutdown.token();
    shutdown.spawn("health of the installation", async move {
        let mut told = None;
        loop {
            let view = tokio::select! {
                () = stop.cancelled() => return,
                view = app.watch.look(&app) => view,
            };
            let states = tree::states(&view);
            if told.as_ref() != Some(&states) {
                let less = outline::health(view.clone());
                app.feed.send(Frame::for_admins_and_others("health", &view, &less));
                told = Some(states);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED_AT_EACH) => {}
            }
        }
    });
}
