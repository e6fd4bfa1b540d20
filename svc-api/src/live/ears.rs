//! Who listens to an event stream, and what they may hear: a stream stays open for hours, so that is asked again.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use emboflow_model::ProjectName;
use emboflow_model::access::Caller;

use super::frame::Frame;
use crate::access::{Client, identify};
use crate::app::App;

/// Who listens.
#[derive(Clone)]
pub(crate) struct Ears {
    caller: Caller,
    client: Client,
    /// What they have shown.
    credentials: HeaderMap,
}

impl Ears {
    /// Of who opened the stream.
    pub(crate) fn new(caller: Caller, client: Client, headers: &HeaderMap) -> Self {
        let shown = headers.iter().filter(|(name, _)| [header::AUTHORIZATION, header::COOKIE].contains(name));
        let credentials = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { caller, client, credentials }
    }

    /// Whether they may hear of a project.
    pub(crate) fn hear_of(&self, project: &ProjectName) -> bool {
        self.caller.sees(project)
    }

    /// What they may hear of a message; none when it is about a project of others.
    pub(crate) fn hear<'f>(&self, frame: &'f Frame) -> Option<&'f Bytes> {
        match (&frame.about, &frame.for_others) {
            (Some((project, _)), _) if !self.hear_of(project) => None,
            (_, Some(less)) if !self.caller.is_platform_admin() => Some(less),
            _ => Some(&frame.bytes),
        }
    }

    /// Asks again who they are and what they may; false when they are nobody any more. Does not count as a use of the
    /// session. While the records do not answer, all stays as it was.
    pub(crate) async fn may_stay(&mut self, app: &App) -> bool {
        match identify(app, &self.client, &self.credentials, false).await {
            Ok(Some(known)) => {
                self.caller = known.caller;
                true
            }
            Ok(None) => false,
            Err(failure) => failure.code() != emboflow_protocol::ErrorCode::AuthRequired.code(),
        }
    }
}
