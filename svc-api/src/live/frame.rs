//! One message of the event stream, serialised once for all who listen.

use axum::body::Bytes;
use emboflow_model::{ProjectName, RunId};
use emboflow_protocol::event::Event;
use emboflow_protocol::http::ListChanged;
use emboflow_protocol::progress::Progress;
use serde::{Deserialize, Serialize};

/// A message with what listeners filter by.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The project that it is about, and the run if it is about one; none for what concerns everybody.
    pub(crate) about: Option<(ProjectName, Option<RunId>)>,
    /// Its place in the decision log; none for what has none.
    pub(crate) seq: Option<u64>,
    /// As it goes over the wire.
    pub(crate) bytes: Bytes,
    /// As it goes to all but administrators of the platform, where it names what belongs to single projects.
    pub(crate) for_others: Option<Bytes>,
}

/// Only what the order and the filters need of an event.
#[derive(Deserialize)]
struct Envelope {
    subject: RunId,
    data: EnvelopeData,
}

#[derive(Deserialize)]
struct EnvelopeData {
    project: ProjectName,
    seq: u64,
}

impl Frame {
    /// The frame of an event as it was published; none when the payload is no event.
    pub(crate) fn of_payload(payload: &[u8]) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(payload).ok()?;
        // A line feed would end the message early: such a payload is written anew on one line.
        let bytes = if payload.contains(&b'\n') || payload.contains(&b'\r') {
            let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
            message("run", Some(envelope.data.seq), value.to_string().as_bytes())
        } else {
            message("run", Some(envelope.data.seq), payload)
        };
        Some(Self {
            about: Some((envelope.data.project, Some(envelope.subject))),
            seq: Some(envelope.data.seq),
            bytes,
            for_others: None,
        })
    }

    /// The frame of an event that was made here, at the place of the last change that it stands for.
    pub(crate) fn of_event(event: &Event, seq: u64) -> Self {
        Self {
            about: Some((event.data.project.clone(), Some(event.subject))),
            seq: Some(seq),
            bytes: message("run", Some(seq), &json(event)),
            for_others: None,
        }
    }

    /// The frame of an attempt's progress, which has no place in the log.
    pub(crate) fn of_progress(progress: &Progress) -> Self {
        Self {
            about: Some((progress.project.clone(), Some(progress.attempt.run))),
            seq: None,
            bytes: message("progress", None, &json(progress)),
            for_others: None,
        }
    }

    /// The frame that says that a list has changed: of the project, or of the installation.
    pub(crate) fn of_list(kind: &str, project: Option<ProjectName>) -> Self {
        let changed = ListChanged { kind: kind.to_owned() };
        Self { about: project.map(|project| (project, None)), ..Self::for_everybody("changed", &changed) }
    }

    /// A frame for everybody.
    pub(crate) fn for_everybody(kind: &str, data: &impl Serialize) -> Self {
        Self { about: None, seq: None, bytes: message(kind, None, &json(data)), for_others: None }
    }

    /// A frame for everybody that says less to those who are no administrators of the platform.
    pub(crate) fn for_admins_and_others(kind: &str, data: &impl Serialize, less: &impl Serialize) -> Self {
        Self { for_others: Some(message(kind, None, &json(less))), ..Self::for_everybody(kind, data) }
    }

    /// Whether a listener with these filters wants it.
    pub(crate) fn is_for(&self, project: Option<&ProjectName>, run: Option<RunId>) -> bool {
        match &self.about {
            None => true,
            Some((of_project, of_run)) => {
                project.is_none_or(|wanted| wanted == of_project)
                    && run.is_none_or(|wanted| Some(wanted) == *of_run)
            }
        }
    }
}

/// JSON on one line.
pub(crate) fn json(data: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(data).expect("messages are plain data with text keys")
}

/// A message of an event stream. `data` has no line feed.
pub(crate) fn message(kind: &str, id: Option<u64>, data: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(data.len() + 64);
    text.extend_from_slice(format!("event: {kind}\n").as_bytes());
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    text.extend_from_slice(data);
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// A sign of life that no listener sees; with an id it says how far this listener is, also when nothing was for it.
pub(crate) fn sign_of_life(id: Option<u64>) -> Bytes {
    match id {
        Some(id) => format!(": alive\nid: {id}\n\n").into(),
        None => Bytes::from_static(b": alive\n\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(pretty: bool) -> Vec<u8> {
        let event = serde_json::json!({
            "subject": "run-01jd8v7m2kq3x5w9c0hn4tz6ap", "other": [1, 2],
            "data": {"project": "lab", "seq": 7, "run": {"state": "running"}},
        });
        if pretty { serde_json::to_vec_pretty(&event).unwrap() } else { serde_json::to_vec(&event).unwrap() }
    }

    #[test]
    fn an_event_becomes_one_message_whatever_its_layout() {
        for pretty in [false, true] {
            let frame = Frame::of_payload(&payload(pretty)).unwrap();
            let text = String::from_utf8(frame.bytes.to_vec()).unwrap();
            assert!(text.starts_with("event: run\nid: 7\ndata: {"), "{text}");
            assert_eq!(text.matches('\n').count(), 4, "{text}");
            assert_eq!(frame.seq, Some(7));
        }
        assert!(Frame::of_payload(b"{}").is_none() && Frame::of_payload(b"\xff").is_none());
    }

    #[test]
    fn a_listener_gets_only_its_projects_and_runs_events() {
        let frame = Frame::of_payload(&payload(false)).unwrap();
        let (lab, other) = (ProjectName::new("lab").unwrap(), ProjectName::new("other").unwrap());
        assert!(frame.is_for(None, None) && frame.is_for(Some(&lab), None));
        assert!(!frame.is_for(Some(&other), None) && !frame.is_for(Some(&lab), Some(RunId::from_bits(1))));
        let list = Frame::of_list("secret", Some(lab.clone()));
        assert!(list.is_for(Some(&lab), None) && !list.is_for(Some(&other), None));
        assert!(!list.is_for(Some(&lab), Some(RunId::from_bits(1))), "it is about no run");
        assert!(Frame::for_everybody("executor", &1).is_for(Some(&other), Some(RunId::from_bits(1))));
    }
}
