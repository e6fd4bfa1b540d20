//! What is to be done next with an attempt: decided from its journal and a look at its container.

use crate::journal::Marks;
use crate::runtime::Seen;

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// Claim it, fetch what it needs, start it.
    Prepare,
    /// Its container was started: watch it to the end.
    Watch,
    /// Its container was started and is gone.
    Vanished,
}

/// A container that was started once is never started again.
pub(super) fn resume(marks: &Marks, seen: &Seen) -> Resume {
    match seen {
        Seen::Running { .. } | Seen::Exited(_) => Resume::Watch,
        Seen::Created => Resume::Prepare,
        Seen::Absent if marks.boot.is_some() => Resume::Vanished,
        Seen::Absent => Resume::Prepare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Exit;

    #[test]
    fn an_attempt_goes_on_where_it_was_and_never_starts_twice() {
        let fresh = Marks::default();
        let starting = Marks { boot: Some("b".into()), ..Marks::default() };
        let exited = Seen::Exited(Exit::default());
        let running = Seen::Running { started_at: None };
        for (marks, seen, next) in [
            (&fresh, Seen::Absent, Resume::Prepare),
            (&fresh, Seen::Created, Resume::Prepare),
            (&fresh, running.clone(), Resume::Watch),
            (&fresh, exited.clone(), Resume::Watch),
            (&starting, Seen::Created, Resume::Prepare),
            (&starting, running, Resume::Watch),
            (&starting, exited, Resume::Watch),
            (&starting, Seen::Absent, Resume::Vanished),
        ] {
            assert_eq!(resume(marks, &seen), next, "{seen:?}");
        }
    }
}
