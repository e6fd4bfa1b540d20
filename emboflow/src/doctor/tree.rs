//! How well every part of the installation is, as the server sees it.

use emboflow_protocol::health::{HealthNode, HealthStatus, HealthView};

use super::{Finding, Verdict};
use crate::client::Client;
use crate::failure::Failure;

/// One finding a part, in the order of the tree; none where the server is older than the tree.
pub(super) async fn look(client: &Client) -> Option<Vec<Finding>> {
    match client.get::<HealthView>(client.global(&["system", "health"])).await {
        Ok(view) => Some(findings(&view)),
        Err(Failure::Refused(problem)) if problem.status == 404 => None,
        Err(failure) => Some(vec![Finding::new("parts", Verdict::Failed, failure.reason())]),
    }
}

fn findings(view: &HealthView) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in &view.parts {
        collect("", part, &mut findings);
    }
    findings
}

/// A part comes before what it consists of, and is named with the way to it.
fn collect(above: &str, part: &HealthNode, into: &mut Vec<Finding>) {
    let path = if above.is_empty() { part.name.clone() } else { format!("{above}/{}", part.name) };
    let verdict = match part.status {
        HealthStatus::Ok => Verdict::Ok,
        HealthStatus::Warning => Verdict::Warning,
        HealthStatus::Failed => Verdict::Failed,
    };
    let mut finding = Finding::new(&format!("· {path}"), verdict, part.reason.clone());
    finding.hint.clone_from(&part.hint);
    into.push(finding);
    for inner in &part.parts {
        collect(&path, inner, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_a_finding_named_with_the_way_to_it() {
        let clock = HealthNode::leaf("clock", HealthStatus::Warning, "3 s behind").with_hint("set it");
        let view = HealthView {
            at: emboflow_model::Timestamp(0),
            status: HealthStatus::Warning,
            version: "1".to_owned(),
            parts: vec![HealthNode::of_parts("scheduler", "version 1", vec![clock])],
        };
        let findings = findings(&view);
        let names: Vec<_> = findings.iter().map(|finding| finding.name.as_str()).collect();
        assert_eq!(names, ["· scheduler", "· scheduler/clock"]);
        assert_eq!(findings[0].verdict, Verdict::Warning, "as its worst part");
        assert_eq!(findings[1].hint.as_deref(), Some("set it"));
    }
}
