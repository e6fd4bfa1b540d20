//! The spans of an attempt that the executor knows of, told from its own marks when it is over.

use emboflow_model::Timestamp;
use emboflow_model::transition::AttemptTimes;
use emboflow_protocol::command::Start;
use emboflow_protocol::trace::{attempt_span, phase_span};
use emboflow_service::Tracer;
use emboflow_service::trace::Span;

type Phase = (&'static str, Option<Timestamp>, Option<Timestamp>);

/// Tells the phases that were entered and left. One that was begun and not ended belongs to the attempt's own span.
pub(super) fn tell(tracer: &Tracer, start: &Start, times: &AttemptTimes, staged_at: Option<Timestamp>) {
    if !tracer.is_on() {
        return;
    }
    for (name, from, to) in phases(times, staged_at) {
        let (Some(from), Some(to)) = (from, to) else { continue };
        tracer.tell(Span {
            trace_id: start.trace_id.clone(),
            id: phase_span(&start.attempt, name),
            parent: attempt_span(&start.attempt),
            name,
            is_entry: false,
            from_ms: from.0,
            to_ms: to.0,
            attributes: vec![
                ("emboflow.run", start.attempt.run.to_string()),
                ("emboflow.task", start.attempt.task.to_string()),
                ("emboflow.attempt", start.attempt.number.to_string()),
            ],
            error: None,
        });
    }
}

/// Inputs of an attempt that was taken up again are there at the latest when its container runs.
fn phases(times: &AttemptTimes, staged_at: Option<Timestamp>) -> [Phase; 4] {
    [
        ("image pull", times.claimed_at, times.pulled_at),
        ("stage in", times.pulled_at, staged_at.or(times.started_at)),
        ("container", times.started_at, times.exited_at),
        ("stage out", times.exited_at, times.stored_at),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_follow_each_other_without_a_gap() {
        let at = |ms| Some(Timestamp(ms));
        let times = AttemptTimes {
            claimed_at: at(1),
            pulled_at: at(2),
            started_at: at(4),
            exited_at: at(5),
            stored_at: at(6),
        };
        let told: Vec<_> = phases(&times, at(3)).map(|(name, from, to)| (name, from, to)).to_vec();
        assert_eq!(told[1], ("stage in", at(2), at(3)));
        assert_eq!(phases(&times, None)[1], ("stage in", at(2), at(4)));
        assert_eq!((told[0].1, told[3].2), (at(1), at(6)));
    }
}
