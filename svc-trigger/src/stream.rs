//! A trigger that follows a JetStream stream: exactly one run for each message. A message is settled after its request
//! is safely taken and noted; one that comes again has the same key. How far the stream is settled is written down here
//! too: the server forgets consumers that rest for long, and keys are forgotten a week after their runs.

use emboflow_bus::{Bus, BusError, ForeignBatch, ForeignMessage, ForeignSpec};
use emboflow_model::trigger::{Chain, Reason};
use futures::future::join_all;

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
    loop {
        let state = journal.state(trigger).await?;
        let spec = ForeignSpec {
            stream: stream.to_owned(),
            durable: durable(trigger),
            filter: filter.map(str::to_owned),
            from: trigger.document.created_at,
            settled: state.settled_of(stream).cloned(),
        };
        let mut consumer = bus.foreign(spec).await?;
        // What was settled when nobody could write that down.
        journal.settle_stream(trigger, consumer.place().await?).await?;
        while let Some(batch) = consumer.next_batch(BATCH).await? {
            take(requester, journal, trigger, stream, batch).await?;
            journal.settle_stream(trigger, consumer.place().await?).await?;
        }
    }
}

/// Starts the runs of some messages, and settles them.
async fn take(
    requester: &Requester,
    journal: &Journal,
    trigger: &Trigger,
    stream: &str,
    batch: ForeignBatch,
) -> anyhow::Result<()> {
    for message in &batch.messages {
        let reason = Reason::StreamMessage { stream, created: &batch.created, sequence: message.sequence };
        // What is not taken is dropped unsettled and comes again.
        start(requester, journal, trigger, reason, message).await?;
    }
    journal.write(&Subject::of(trigger)).await?;
    for settled in join_all(batch.messages.into_iter().map(ForeignMessage::ack)).await {
        if let Err(error) = settled {
            tracing::debug!(%error, trigger = %trigger.name, "a message comes again");
        }
    }
    Ok(())
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
            let what = For { reason, cause, event: read.into_event(), chain: Chain::default() };
            requester.start(trigger, what).await.map(drop)
        }
        Err(why) => {
            journal.note(trigger, failed(cause, why));
            Ok(())
        }
    }
}
