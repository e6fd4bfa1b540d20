//! What is told of the installation to those who do not look after it: how every part is, and nothing of where it is.
//! Addresses, folders and the words of what failed are for administrators of the platform.

use emboflow_protocol::health::{HealthNode, HealthStatus, HealthView};
use emboflow_protocol::http::{CheckView, SystemView};

/// The tree with words for every state in place of what was found.
pub(crate) fn health(view: HealthView) -> HealthView {
    HealthView { parts: view.parts.into_iter().map(node).collect(), ..view }
}

/// The same of the checks.
pub(crate) fn system(mut view: SystemView) -> SystemView {
    view.checks = view.checks.into_iter().map(check).collect();
    if let Some(storage) = &mut view.storage {
        storage.steps = std::mem::take(&mut storage.steps).into_iter().map(check).collect();
    }
    view
}

fn node(node: HealthNode) -> HealthNode {
    let parts = node.parts.into_iter().map(self::node).collect();
    HealthNode { reason: words(node.status).to_owned(), hint: None, parts, ..node }
}

fn check(check: CheckView) -> CheckView {
    let status = if check.ok { HealthStatus::Ok } else { HealthStatus::Failed };
    CheckView { detail: words(status).to_owned(), ..check }
}

const fn words(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "works",
        HealthStatus::Warning => "works; an administrator should look at it",
        HealthStatus::Failed => "does not work; administrators see why",
    }
}
