//! A trigger that follows a JetStream stream: exactly one run for each message. A message is settled after its request
//! is safely taken and noted; one that comes again has the same key.

use emboflow_bus::{Bus, BusError, ForeignMessage, ForeignSpec};
use emboflow_model::trigger::Reason;

use crate::journal::{Journal, Subject};
use crate::kept::Trigger;
use crate::messages;
use crate::requester::{For, Requester, failed};

/// Messages taken at once at most.
const BATCH: usize = 64;

/// The name of the trigger's consumer.
pub(crate) fn durable(trigger: &Trigger) -> String {
    format!("emboflow-trigger-{}", trigger.document.id)
}

/// Starts a run for each message, for ever. Errors: the stream is not there, or NATS is away.
pub(crate) async fn follow(
    bus: &Bus,
    requester: &Requester,
    journal: &Journal,
    trigger: &Trigger,
    stream: &str,
    filter: Option<&str>,
) -> anyhow::Result<()> {
    let mut consumer = bus.foreign(ForeignSpec {
        stream: stream.to_owned(),
        durable: durable(trigger),
        filter: filter.map(str::to_owned),
        from: trigger.document.created_at,
    });
    loop {
        let batch = consumer.next_batch(BATCH).await?;
        for message in &batch.messages {
            let reason =
                Reason::StreamMessage { stream, created: &batch.created, sequence: message.sequence };
            // What is not taken is dropped unsettled and comes again.
            start(requester, journal, trigger, reason, message).await?;
        }
        journal.write(&Subject::of(trigger)).await?;
        for message in batch.messages {
            if let Err(error) = message.ack().await {
                tracing::debug!(%error, trigger = %trigger.name, "a message comes again");
            }
        }
    }
}

async fn start(
    requester: &Requester,
    journal: &Journal,
    trigger: &Trigger,
    reason: Reason<'_>,
    message: &ForeignMessage,
) -> Result<(), BusError> {
    let cause = format!("message {} on {}", message.sequence, message.subject);
    match messages::read(&message.subject, &message.headers, &message.payload, message.published_at) {
        Ok(read) => {
            let what = For { reason, cause, event: read.into_event(), chain: 0 };
            requester.start(trigger, what).await.map(drop)
        }
        Err(why) => {
            journal.note(trigger, failed(cause, why));
            Ok(())
        }
    }
}
