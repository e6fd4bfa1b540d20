//! Changes of what people keep – users, projects, secrets, triggers … –, by the notices of who changed it: whoever shows a
//! list of them reads it again.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use emboflow_bus::{Bus, Subscription};
use emboflow_model::ProjectName;
use emboflow_protocol::notice::Notice;
use emboflow_service::Shutdown;

use super::feed::Feed;
use super::frame::Frame;

/// One change may be many documents, such as the triggers of a workflow's file: they are told together.
const GATHERED_FOR: Duration = Duration::from_millis(200);
/// The kinds of which lists are shown, as the notices call them.
const LISTED: [&str; 9] =
    ["user", "api-key", "service", "project", "secret", "trigger", "notification", "upload", "queue"];

/// A list that has changed: of the project, or of the installation.
type Changed = (String, Option<ProjectName>);

/// Tells listeners of the changes, from now on.
pub(crate) async fn start(bus: &Bus, feed: Feed, shutdown: &Shutdown) -> Result<()> {
    let notices = bus.subscribe(Notice::filter(None)).await.context("subscribing to notices of changes")?;
    let stop = shutdown.token();
    shutdown.spawn("notices of changes", async move {
        tokio::select! { () = stop.cancelled() => {}, () = follow(notices, feed) => {} }
    });
    Ok(())
}

async fn follow(mut notices: Subscription, feed: Feed) {
    while let Some(first) = notices.next().await {
        let mut changed: BTreeSet<Changed> = read(&first.payload).into_iter().collect();
        let gathered = tokio::time::sleep(GATHERED_FOR);
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                () = &mut gathered => break,
                more = notices.next() => match more {
                    Some(more) => changed.extend(read(&more.payload)),
                    None => break,
                },
            }
        }
        for (kind, project) in changed {
            feed.send(Frame::of_list(&kind, project));
        }
    }
}

/// The list that a notice is about; none when nobody shows it.
fn read(payload: &[u8]) -> Option<Changed> {
    let notice: Notice = serde_json::from_slice(payload).ok()?;
    if !LISTED.contains(&notice.kind.as_str()) {
        return None;
    }
    let project = match notice.scope.as_str() {
        "" => None,
        scope => Some(ProjectName::new(scope).ok()?),
    };
    Some((notice.kind, project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_told_and_never_by_name() {
        let payload = |kind: &str, scope: &str| serde_json::to_vec(&Notice::new(kind, scope, "x")).unwrap();
        let lab = ProjectName::new("lab").unwrap();
        assert_eq!(read(&payload("secret", "lab")), Some(("secret".to_owned(), Some(lab))));
        assert_eq!(read(&payload("user", "")), Some(("user".to_owned(), None)));
        assert_eq!(read(&payload("lease", "")), None);
        assert_eq!(read(&payload("secret", "No Project")), None, "it must not become everybody's");
        assert_eq!(read(b"no notice"), None);
    }
}
