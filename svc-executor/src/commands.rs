//! Takes commands from NATS; each is acknowledged when the disk knows of it.

use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::{BusError, Consumer, ConsumerSpec, Delivery};
use emboflow_protocol::command::Commands;
use emboflow_protocol::stream::COMMANDS;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::executor::Executor;

const BATCH: usize = 256;
/// When a command that the journal did not take is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Opens the consumer of this executor's commands.
pub(crate) async fn consume(executor: &Executor, stop: CancellationToken) -> Result<Consumer, BusError> {
    let name = &executor.identity.executor;
    let spec = ConsumerSpec {
        filter: Some(Commands::subject_of(&executor.pool, name)),
        ..ConsumerSpec::new(COMMANDS, Commands::consumer_of(name))
    };
    Ok(executor.bus.consume(spec).await?.until(stop))
}

/// Carries out commands until the consumer ends.
pub(crate) async fn take(executor: Arc<Executor>, mut consumer: Consumer) {
    loop {
        let batch = consumer.next_batch(BATCH).await;
        if batch.is_empty() {
            return;
        }
        // Read in order, settled side by side: the next batch does not wait for the disk of this one.
        let settled: Vec<_> = batch.into_iter().map(|delivery| receive(&executor, delivery)).collect();
        tokio::spawn(join_all(settled));
    }
}

/// Hands the commands of one message on at once; the future that is returned settles the message.
fn receive(executor: &Arc<Executor>, delivery: Delivery) -> impl Future<Output = ()> + Send + use<> {
    let commands = delivery.decode::<Commands>();
    let journaling: Result<Vec<_>, BusError> = commands.map(|message| {
        message.commands.into_iter().filter_map(|command| executor.receive(command)).collect()
    });
    async move {
        let subject = delivery.subject.clone();
        let settled = match journaling {
            Err(error) => delivery.bury("unreadable_command", &error.to_string()).await,
            Ok(journaling) => {
                let journaled = join_all(journaling).await;
                if journaled.iter().any(|journaled| matches!(journaled, Ok(Err(_)))) {
                    return delivery.retry_after(AGAIN).await;
                }
                delivery.ack().await
            }
        };
        if let Err(error) = settled {
            tracing::warn!(%error, subject, "a command could not be settled; it comes again and changes nothing");
        }
    }
}
