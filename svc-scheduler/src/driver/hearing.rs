//! Whether this scheduler can hear anybody at all: while it cannot, nobody's silence says anything.

use emboflow_bus::{Bus, Connection, Delivery};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use crate::planner::Input;

/// Tells the driver whenever the connection to NATS is lost or stands again, until `stop`.
pub(super) async fn notice(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let mut connection = bus.connection();
    loop {
        let hears = *connection.borrow_and_update() == Connection::Connected;
        if signals.send(Signal::Input(Box::new(Input::Hearing(hears)))).await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = connection.changed() => if changed.is_err() { return },
        }
    }
}
