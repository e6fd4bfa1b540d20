//! Tells of new objects over NATS, so that what waits for them need not wait for its next look at the storage. A notice
//! that is lost changes nothing: the listing is the truth.

use emboflow_bus::Bus;
use emboflow_protocol::object_created::ObjectCreated;
use emboflow_service::Shutdown;
use tokio::sync::mpsc;

/// Notices that wait to be sent at most; more are dropped, and no upload waits for them.
const WAITING: usize = 4_096;

/// Where finished objects are told of; nowhere by default. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Created(Option<mpsc::Sender<ObjectCreated>>);

impl Created {
    /// Tells over NATS, until `shutdown`.
    pub(crate) fn over(bus: Bus, shutdown: &Shutdown) -> Self {
        let (sender, mut waiting) = mpsc::channel(WAITING);
        let stop = shutdown.token();
        shutdown.spawn("notices of objects", async move {
            while let Some(created) = tokio::select! {
                () = stop.cancelled() => None,
                created = waiting.recv() => created,
            } {
                // Without NATS nobody is told, and looks by himself.
                let _told = bus.publish_live::<ObjectCreated>(&created).await;
            }
        });
        Self(Some(sender))
    }

    /// Says that an object is there, by its key in the storage that all projects share.
    pub(crate) fn tell(&self, key: &str) {
        if let (Some(sender), Some(created)) = (&self.0, ObjectCreated::of(key)) {
            let _dropped_when_there_are_too_many = sender.try_send(created);
        }
    }
}
