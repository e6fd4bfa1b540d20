//! Questions to the scheduler that it answers from its own memory, sooner or later.

use std::time::Duration;

use emboflow_bus::BusError;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::message::Message;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Failure, Outcome};

/// Asks. Errors: the scheduler does not answer in time, or NATS is away.
pub(crate) async fn ask<Q: Message, A: DeserializeOwned>(
    app: &App,
    question: Q,
    wait: Duration,
) -> Outcome<A> {
    match app.bus.call::<_, A>(&question, wait).await {
        Ok(answer) => Ok(answer),
        Err(error @ (BusError::NoResponder { .. } | BusError::Timeout { .. } | BusError::Refused { .. })) => {
            Err(Failure::behind(ErrorCode::SchedulerUnavailable, error))
        }
        Err(error) => Err(error.into()),
    }
}
