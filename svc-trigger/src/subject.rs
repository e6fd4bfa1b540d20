//! A trigger that listens on a subject. What comes while nobody listens is lost; of several processes one gets a
//! message.

use emboflow_bus::{Bus, BusError, Frame};
use emboflow_model::trigger::{Chain, Reason};

use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::journal::Journal;
use crate::kept::{Trigger, now};
use crate::messages;
use crate::requester::{For, Requester, failed};

/// Starts a run for each message until `stop`. Errors: the subject cannot be listened to now.
pub(crate) async fn follow(
    bus: &Bus,
    requester: &Requester,
    journal: &Journal,
    trigger: &Trigger,
    subject: &str,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let group = format!("emboflow-trigger-{}", trigger.document.id);
    let mut frames = bus.listen(subject, &group).await?;
    while let Some(heard) = stop.run_until_cancelled(frames.next()).await {
        let frame = heard.ok_or_else(|| anyhow::anyhow!("the subscription on {subject} ended"))?;
        take(requester, journal, trigger, frame).await;
    }
    Ok(())
}

/// Nobody else has the message: it is tried until it is taken, can never be, or its trigger has been over for a while.
async fn take(requester: &Requester, journal: &Journal, trigger: &Trigger, frame: Frame) {
    let made_up = uuid::Uuid::new_v4().to_string();
    let mut backoff = Backoff::new();
    loop {
        match start(requester, journal, trigger, &frame, &made_up).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, trigger = %trigger.name, "a message waits until its request is taken");
                backoff.wait().await;
            }
        }
    }
}

async fn start(
    requester: &Requester,
    journal: &Journal,
    trigger: &Trigger,
    frame: &Frame,
    made_up: &str,
) -> Result<(), BusError> {
    let cause = format!("message on {}", frame.subject);
    let message = match messages::read(&frame.subject, &frame.headers, &frame.payload, now()) {
        Ok(message) => message,
        Err(why) => {
            journal.note(trigger, failed(cause, why));
            return Ok(());
        }
    };
    let named = message.own_reason(&frame.headers).map(|reason| key_of(trigger, &reason));
    let token = named.as_deref().unwrap_or(made_up);
    let what =
        For { reason: Reason::Named(token), cause, event: message.into_event(), chain: Chain::default() };
    requester.start(trigger, what).await.map(drop)
}

/// The reason borrows from the message, which the event is made of.
fn key_of(trigger: &Trigger, reason: &Reason<'_>) -> String {
    emboflow_model::trigger::idempotency_key(&trigger.document.id, reason)
}
