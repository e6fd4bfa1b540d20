//! The ids of the spans of a run. They follow from what the records know, so that the processes which tell the parts of
//! one trace need not tell each other, and a restart breaks none.

use emboflow_model::{AttemptId, RunId, TaskKey};
use sha2::{Digest, Sha256};

/// The W3C trace context that a request came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The span that asks; never zero.
    pub span: u64,
}

impl Caller {
    /// Reads a W3C `traceparent`; none when it is not a valid one.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let trace_id = crate::event::trace_id_of(traceparent)?;
        let span = traceparent.trim().split('-').nth(2).filter(|span| span.len() == 16)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
        Some(Self { trace_id, span })
    }
}

/// W3C `traceparent` of a span.
pub fn traceparent(trace_id: &str, span: u64) -> String {
    format!("00-{trace_id}-{span:016x}-01")
}

/// The span of a request for a run, from the intake to the decision.
pub fn intake_span(run: RunId) -> u64 {
    span(&format!("{run} intake"))
}

/// The span of a run, from its acceptance to its end: the random half of its id.
pub const fn run_span(run: RunId) -> u64 {
    let half = run.bits() as u64;
    if half == 0 { 1 } else { half }
}

/// The span of a task of a run, from its readiness to its end.
pub fn task_span(run: RunId, task: &TaskKey) -> u64 {
    span(&format!("{run} {task}"))
}

/// The span of an attempt, from the placement to its close.
pub fn attempt_span(attempt: &AttemptId) -> u64 {
    span(&attempt.to_string())
}

/// The span of a part of an attempt.
pub fn phase_span(attempt: &AttemptId, phase: &str) -> u64 {
    span(&format!("{attempt} {phase}"))
}

/// Zero means that there is no span.
fn span(of: &str) -> u64 {
    let digest = Sha256::digest(of.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spans_of_a_run_differ_and_stay_the_same() {
        let run = RunId::from_bits(7);
        let task: TaskKey = "train[3]".parse().unwrap();
        let attempt = AttemptId { run, task: task.clone(), number: 1 };
        let spans = || {
            [
                run_span(run),
                intake_span(run),
                task_span(run, &task),
                attempt_span(&attempt),
                phase_span(&attempt, "image pull"),
                phase_span(&attempt, "stage in"),
            ]
        };
        let distinct: std::collections::BTreeSet<_> = spans().into_iter().collect();
        assert_eq!(distinct.len(), 6);
        assert_eq!(spans(), spans());
    }

    #[test]
    fn a_trace_context_is_read_back_and_a_bad_one_is_none() {
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let caller = Caller::parse(&traceparent(trace_id, 0xab)).unwrap();
        assert_eq!(caller, Caller { trace_id: trace_id.to_owned(), span: 0xab });
        for bad in ["", "00", &traceparent(trace_id, 0), &format!("00-{trace_id}-xyz-01")] {
            assert_eq!(Caller::parse(bad), None, "{bad}");
        }
    }
}
